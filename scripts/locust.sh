#!/bin/bash
# Installs the real Locust, which the tests and the bench have as a master, into .build/locust.
set -euo pipefail
cd "$(dirname "$0")/.."
version='2.47.*'
if ! .build/locust/bin/locust --version >/dev/null 2>&1; then
  mkdir -p .build
  rm -rf .build/locust
  python3 -m venv .build/locust || { echo "svs: python3 cannot make a virtual environment (Debian: python3-venv)" >&2; exit 1; }
  .build/locust/bin/pip install --quiet --disable-pip-version-check "locust==$version" \
    || { echo "svs: pip could not install locust $version" >&2; exit 1; }
fi
