#!/usr/bin/env python3
"""Replays every record of a folder against SVS and says in one line how it went.

    conformance.py --ipvsadm PATH --svs PATH [--bundle PATH] [--jobs N] [--only cases,cli,wire,states] [DIR]

DIR (default Tests/Records) is looked through with all its folders. What a file is follows from what is in it:
  cases   a list of cases with steps, for run_cases.py
  cli     a list of sequences of commands, for run_cli.py
  wire    experiments with captures, for run_wire.py
  states  transitions of the TCP state machine, for the tests of the packet path in --bundle (the test bundle of the
          build); every table in the file is one record
Everything else is counted as skipped. Soft results and tolerances are the runners'. The last line is
`N passed, M failed, K soft` over all; the exit status is 0 only with M = 0 and something replayed.
"""
import argparse, collections, json, os, re, subprocess, sys, tempfile
from acclib import RECORDS, table

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ('cases', 'cli', 'wire', 'states')


def kind(data):
    """What a file holds, or None."""
    if isinstance(data, list) and data and all(isinstance(x, dict) for x in data):
        if all('steps' in x for x in data): return 'cases'
        if all('commands' in x for x in data): return 'cli'
    if isinstance(data, dict) and data:
        if all(isinstance(v, dict) and 'ifaces' in v for v in data.values()): return 'wire'
        if any(isinstance(v, dict) and 'transitions' in v for v in data.values()): return 'states'
    return None


def sort_files(folder):
    found, skipped = collections.defaultdict(list), []
    for base, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(base, name)
            try: what = kind(json.load(open(path))) if name.endswith('.json') else None
            except ValueError as e: sys.exit(f'{path}: not JSON: {e}')
            if what: found[what].append(path)
            else: skipped.append(path)
    return found, skipped


def replay(part, files, a, tmp):
    """Runs one runner over its files; its counts and failures."""
    result = os.path.join(tmp, part + '.json')
    cmd = [sys.executable, os.path.join(HERE, f'run_{part}.py'), '--json', result]
    for k in ('ipvsadm', 'svs'):
        if getattr(a, k): cmd += ['--' + k, getattr(a, k)]
    if part == 'cases': cmd += ['--jobs', str(a.jobs)]
    p = subprocess.Popen(cmd + files, stdout=subprocess.PIPE, text=True)
    for line in p.stdout:
        if not re.match(r'failures written|\d+ passed, \d+ failed, \d+ soft$', line): print(line, end='', flush=True)
    p.wait()
    try: return json.load(open(result))
    except (OSError, ValueError): return dict(passed=0, failed=1, soft=0, failures=[f'run_{part}.py ended with status {p.returncode} and no result'])


def states(files, a):
    """The state machine is checked where it is: in the packet path compiled for this machine."""
    if not a.bundle: return dict(passed=0, failed=len(files), soft=0, failures=[f'{f}: give --bundle, the test bundle of the build' for f in files])
    r = dict(passed=0, failed=0, soft=0, failures=[])
    for f in files:
        cmd = [os.path.abspath(a.bundle), '--testing-library', 'swift-testing', '--filter', r'DataplaneTests\.TCPStateMachineTests']
        p = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(os.environ, NO_COLOR='1', SVS_STATE_RECORDS=os.path.abspath(f)))
        ran = 'Test recordsOfAnyFile() passed' in p.stdout
        tables = sum('transitions' in v for v in json.load(open(f)).values() if isinstance(v, dict))
        if p.returncode == 0 and ran: r['passed'] += tables
        else:
            r['failed'] += tables; lines = [l for l in p.stdout.splitlines() if 'issue' in l][:8] or p.stdout.splitlines()[-5:]
            print(f'FAILED {os.path.basename(f)}\n' + '\n'.join('    ' + l for l in lines), flush=True); r['failures'].append(dict(file=f, output=lines))
    return r


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs'); ap.add_argument('--bundle', help='the test bundle of the build')
    ap.add_argument('--jobs', type=int, default=1)
    ap.add_argument('--only', default=','.join(KINDS), help='parts to run (comma-separated)')
    ap.add_argument('--json', default='failures-conformance.json')
    ap.add_argument('folder', nargs='?', default=RECORDS)
    a = ap.parse_args()
    if os.geteuid(): sys.exit('run as root')
    if not os.path.isdir(a.folder): sys.exit(f'{a.folder}: no such folder')
    found, skipped = sort_files(a.folder)
    parts, rows, failures = [k for k in KINDS if found[k] and k in a.only.split(',')], [], {}
    if not parts: sys.exit(f'{a.folder}: no record to replay')
    total = collections.Counter()
    with tempfile.TemporaryDirectory(prefix='conformance.') as tmp:
        for part in parts:
            print(f'== {part}: {len(found[part])} files', flush=True)
            r = states(found[part], a) if part == 'states' else replay(part, found[part], a, tmp)
            failures[part] = r['failures']; total.update({k: r[k] for k in ('passed', 'failed', 'soft')})
            rows.append([part, len(found[part]), r['passed'], r['failed'], r['soft']])
    print(); table(['records', 'files', 'passed', 'failed', 'soft'], rows)
    others = sum(len(found[k]) for k in KINDS if k not in parts)
    print(f'{len(skipped)} files of other kinds skipped' + (f', {others} not asked for' if others else ''))
    try: json.dump(failures, open(a.json, 'w'), indent=1)
    except OSError as e: print(f'{a.json}: {e.strerror}: failures not written', file=sys.stderr)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['soft']} soft", flush=True)
    sys.exit(1 if total['failed'] or not total['passed'] else 0)


if __name__ == '__main__': main()
