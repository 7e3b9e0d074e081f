#!/bin/bash
# Installs the Debian packages that building, testing and the labs need, where one is missing.
#   scripts/deps.sh            install (as root) or say what to install
#   scripts/deps.sh --kernel   also require root and kernel 6.1 or later, as labs, tests and the bench do
set -euo pipefail

fail() { echo "svs: $*" >&2; exit 1; }

packages=(
  libbpf-dev libelf-dev libnl-3-dev libnl-route-3-dev pkg-config   # to build
  libssl-dev libnghttp2-dev                                        # to build the instruments
  iproute2 ethtool procps kmod                                     # to build labs with
  openssl nginx-light haproxy curl iperf3 iputils-ping tcpdump nftables iptables netbase bpftool systemd wrk python3-venv   # to fill them with traffic, and to compare
  dnsmasq-base                                                     # a cluster's DNS server
)

# To look at pages with, and a lease store to agree with, in the tests.
if [ "${SVS_GOAL:-}" = test ]; then packages+=(chromium fonts-dejavu-core etcd-server); fi

command -v swift >/dev/null || fail "there is no swift in PATH. Install Swift 6.3 or later: https://www.swift.org/install/linux/"
version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -1)
[ "$(printf '%s\n' 6.3 "$version" | sort -V | head -1)" = 6.3 ] || fail "Swift $version is too old; 6.3 or later is needed: https://www.swift.org/install/linux/"

if command -v dpkg-query >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || fail "these packages are missing: ${missing[*]}
As root: apt-get install ${missing[*]}"
    echo "svs: installing ${missing[*]}"
    # A web server is needed as a program, not as a service: nothing is started by the installation.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      printf '#!/bin/sh\nexit 101\n' >$policy; chmod +x $policy; trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    apt-get update -qq >"$log" 2>&1 </dev/null || true
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null \
      || { tail -20 "$log" >&2; fail "apt-get install ${missing[*]} failed (above)."; }
    rm -f "$log"
  fi
else
  pkg-config --exists libbpf libnl-route-3.0 2>/dev/null \
    || fail "this is not Debian. Install what Debian calls: ${packages[*]}"
fi

if [ "${1:-}" = --kernel ]; then
  release=$(uname -r)
  [ "$(printf '%s\n' 6.1 "${release%%-*}" | sort -V | head -1)" = 6.1 ] \
    || fail "this kernel is $release; Linux 6.1 (Debian 12) or later is needed to run the dataplane."
  [ "$(id -u)" = 0 ] || fail "root is needed: the labs make network namespaces and load BPF programs. Try: sudo make ${SVS_GOAL:-test}"
  unshare -n true 2>/dev/null || fail "network namespaces are not allowed here (a container without privileges?). Run with --privileged, or on a host."
fi
