#!/usr/bin/env python3
"""Runs the parts of `make test`, independent ones side by side, and adds up what they say.

    scripts/parts.py [--only PART,...] [--list] [--side-by-side N]

A part is a command with a way to count its tests. Its output goes to .build/parts/PART.log and is shown
when it fails. The last line is `N passed, N failed`; the exit status is 0 only without failures.
"""
import argparse, os, re, signal, subprocess, sys, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, '.build/release')
LOGS = os.path.join(ROOT, '.build/parts')
os.environ['SVS_TESTABLE'] = '1'
SWIFT_BUILD = ['swift', 'build', '-c', 'release', '--build-tests']


# ---------------------------------------------------------------- counting
def count_one(status, text):
    return (1, 0) if status == 0 else (0, 1)


def count_swift(status, text):
    """Swift Testing's own lines; a test that began and never ended (a crash) has failed."""
    text = re.sub(r'\x1b\[[0-9;]*m', '', text)
    ended = re.findall(r'^\W\s+Test (?!run |case )(.+?) (passed|failed) after', text, re.M)
    passed, failed = sum(w == 'passed' for _, w in ended), sum(w == 'failed' for _, w in ended)
    if not re.search(r'Test run with .* (passed|failed)', text) or (status and not failed): failed += 1
    return passed, failed


def swift_failures(lines):
    """What failed, with its explanation; arguments of tests that passed may hold any line, so only what follows is taken."""
    kept, following = [], 0
    for line in lines:
        if re.match(r'✘|error|Fatal error|\*\*\* ', line): following = 6
        elif re.match(r'[◇✔]', line): following = 0
        if following:
            kept.append(line)
            following -= 1
    return kept


def count_records(status, text):
    found = re.findall(r'^(\d+) passed, (\d+) failed(?:, (\d+) soft)?$', text, re.M)
    if not found: return 0, 1
    passed, failed, soft = (int(x or 0) for x in found[-1])
    return passed + soft, failed or (1 if status else 0)


class Part:
    def __init__(self, name, command, count=count_one, minutes=15, needs_build=True, again=0):
        self.again = again
        self.name, self.command, self.count, self.minutes, self.needs_build = name, command, count, minutes, needs_build
        self.passed = self.failed = 0

    def run(self):
        os.makedirs(LOGS, exist_ok=True)
        self.log, started = os.path.join(LOGS, self.name + '.log'), time.monotonic()
        note = ''
        with open(self.log, 'wb') as log:
            process = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                       start_new_session=True, env=dict(os.environ, NO_COLOR='1', SWIFT_BACKTRACE='threads=crashed,registers=none,images=none,limit=24'))
            RUNNING.add(process)
            try: status = process.wait(self.minutes * 60)
            except subprocess.TimeoutExpired:
                note = f', stopped after {self.minutes} minutes'
                end(process); status = -1
            RUNNING.discard(process)
        text = open(self.log, errors='replace').read()
        self.passed, self.failed = self.count(status, text)
        word = 'FAILED' if self.failed else 'ok'
        with PRINTING:
            print(f'{word:6} {self.name:24} {time.monotonic() - started:6.1f} s   {self.passed} passed, {self.failed} failed{note}', flush=True)
            if self.failed:
                lines = re.sub(r'\x1b\[[0-9;]*m', '', text).splitlines()
                if self.count is count_swift:
                    lines = swift_failures(lines) or lines
                print(''.join(f'    | {l}\n' for l in lines[-80:]) + f'    | whole log: {os.path.relpath(self.log, ROOT)}', flush=True)
        return not self.failed


RUNNING, PRINTING = set(), threading.Lock()


def end(process):
    """Ends a part and what it started: it leads a session of its own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try: os.killpg(process.pid, sign)
        except ProcessLookupError: return
        try: process.wait(10); return
        except subprocess.TimeoutExpired: pass


# ---------------------------------------------------------------- the parts
def before_build():
    sources = [p for p in ('Package.swift', 'Sources', 'Tests', 'Plugins', 'bpf', 'Benchmarks') if os.path.exists(os.path.join(ROOT, p))]
    return [Part('format', ['swift', 'format', 'lint', '--strict', '--recursive', '--parallel', *sources], needs_build=False)]


def after_build():
    parts = []
    bundle = next((os.path.join(BUILD, f) for f in sorted(os.listdir(BUILD)) if f.endswith('.xctest')), None)
    if bundle:
        tests = os.path.join(ROOT, 'Tests')
        for module in sorted(d for d in os.listdir(tests) if d.endswith('Tests')):
            parts.append(Part(module, [bundle, '--testing-library', 'swift-testing', '--filter', rf'^{module}\.'], count_swift,
                              again=2))
    for kind in ('cases', 'cli', 'wire', 'states'):
        parts.append(Part(f'records-{kind}', [sys.executable, 'conformance/conformance.py', '--only', kind, '--jobs', '2',
                                              '--ipvsadm', os.path.join(BUILD, 'ipvsadm'), '--svs', os.path.join(BUILD, 'svs'),
                                              '--bundle', bundle or '', '--json', f'.build/parts/failures-{kind}.json'], count_records))
    for name, words in (('ingress-page', []), ('ingress-page-live', ['--svs', os.path.join(BUILD, 'svs')])):
        parts.append(Part(name, [sys.executable, 'scripts/ingress_page.py', '--screenshots', f'.build/parts/{name}', *words], again=1))
    parts.append(Part('report-page', [sys.executable, 'scripts/report_page.py', '--bundle', bundle or '', '--screenshots',
                                      '.build/parts/report-page'], again=1))
    parts.append(Part('prebuilt-objects', [sys.executable, 'scripts/prebuilt.py', 'check', '.build']))
    return parts


def run_all(parts, side_by_side):
    """Runs parts with at most so many at once; returns when all have ended."""
    todo, lock = list(parts), threading.Lock()
    def work():
        while True:
            with lock:
                if not todo: return
                part = todo.pop(0)
            part.run()
    threads = [threading.Thread(target=work) for _ in range(side_by_side)]
    for t in threads: t.start()
    for t in threads: t.join()
    # Labs with deadlines may miss one beside other parts: such a part shows its failure above and runs again, alone.
    for part in parts:
        for attempt in range(part.again):
            if not part.failed: break
            print(f'again  {part.name}, alone on the machine', flush=True)
            part.run()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', help='these parts (comma-separated); the build runs in any case')
    parser.add_argument('--list', action='store_true', help='print the names of the parts')
    parser.add_argument('--side-by-side', type=int, default=2, help='how many parts at once (2)')
    options = parser.parse_args()
    only = options.only.split(',') if options.only else None
    def wanted(parts): return [p for p in parts if not only or p.name in only]
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda n, _: sys.exit(128 + n))
    started, done = time.monotonic(), []
    try:
        build = Part('build', SWIFT_BUILD, minutes=25)
        if options.list:
            print('\n'.join(p.name for p in before_build() + [build] + (after_build() if os.path.isdir(BUILD) else []))); return 0
        first = wanted(before_build()); done += first + [build]
        early = threading.Thread(target=lambda: run_all(first, 1)); early.start()
        built = build.run()
        early.join()
        if built:
            rest = wanted(after_build()); done += rest
            run_all(rest, options.side_by_side)
    finally:
        for process in list(RUNNING): end(process)
    passed, failed = sum(p.passed for p in done), sum(p.failed for p in done)
    print(f'{len(done)} parts in {time.monotonic() - started:.0f} s')
    print(f'{passed} passed, {failed} failed', flush=True)
    return 1 if failed or not passed else 0


sys.exit(main())
