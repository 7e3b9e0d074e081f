#!/usr/bin/env python3
"""Replays every record of a folder against SVS and says in one line how it went.

    conformance.py --ipvsadm PATH --svs PATH [--bundle PATH] [--jobs N] [--only cases,cli,wire,states] [DIR or FILE]

DIR (default Tests/Records) is looked through with all its folders. What a file is follows from what is in it:
  cases   a list of cases with steps, for run_cases.py
  cli     a list of sequences of commands, for run_cli.py
  wire    experiments with captures, for run_wire.py
  states  transitions of the TCP state machine, for the tests of the packet path in --bundle (the test bundle of the
          build); every table in the file is one record
Everything else is counted as skipped; a .json file that cannot be read as JSON has failed. Soft results and tolerances
are the runners'. The last line is always `N passed, M failed, K soft` over all; the exit status is 0 only with M = 0
and something replayed.
"""
import argparse, collections, json, os, re, subprocess, sys, tempfile
from acclib import RECORDS, table

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ('cases', 'cli', 'wire', 'states')
COUNTS = ('passed', 'failed', 'soft')
# What a record of a kind must have for its runner.
CASE = {'name', 'family', 'config', 'steps', 'chosen'}
SEQUENCE, COMMAND = {'id', 'commands'}, {'cmd', 'rc', 'stdout', 'stderr'}
EXPERIMENT = {'config', 'desc', 'ifaces', 'ipvs', 'result'}


def has(record, keys):
    return isinstance(record, dict) and keys <= record.keys()


def kind(data):
    """What a file holds, or None."""
    if isinstance(data, list) and data:
        if all(has(x, CASE) for x in data): return 'cases'
        if all(has(x, SEQUENCE) and all(has(c, COMMAND) for c in x['commands']) for x in data): return 'cli'
    if isinstance(data, dict) and data:
        if all(has(v, EXPERIMENT) for v in data.values()): return 'wire'
        if any(has(v, {'transitions'}) for v in data.values()): return 'states'
    return None


def outcome(failures=(), failed=0):
    return dict(passed=0, failed=failed, soft=0, failures=list(failures))


# ---------------------------------------------------------------- the files
def every_file(place):
    """The files below a folder, or the one file."""
    if not os.path.isdir(place): return [place]
    return sorted(os.path.join(base, name) for base, _, files in os.walk(place) for name in files)


def sort_files(place):
    """({kind: [path]}, [skipped], [(path, what is wrong with it)])."""
    found, skipped, broken = collections.defaultdict(list), [], []
    for path in every_file(place):
        what = None
        if path.endswith('.json') or path == place:
            try:
                with open(path, encoding='utf-8') as file: what = kind(json.load(file))
            except OSError as e: broken.append((path, e.strerror)); continue
            except (ValueError, RecursionError) as e: broken.append((path, f'not JSON: {e}')); continue
        if what: found[what].append(path)
        else: skipped.append(path)
    return found, skipped, broken


# ---------------------------------------------------------------- the parts
def replay(part, files, options, scratch):
    """Runs one runner over its files; its counts and failures."""
    result = os.path.join(scratch, part + '.json')
    command = [sys.executable, os.path.join(HERE, f'run_{part}.py'), '--json', result]
    for name in ('ipvsadm', 'svs'):
        if getattr(options, name): command += ['--' + name, getattr(options, name)]
    if part == 'cases': command += ['--jobs', str(options.jobs)]
    runner = subprocess.Popen(command + files, stdout=subprocess.PIPE, text=True)
    for line in runner.stdout:
        if not re.match(r'failures written|\d+ passed, \d+ failed, \d+ soft$', line): print(line, end='', flush=True)
    status = runner.wait()
    try:
        with open(result) as file: return json.load(file)
    except (OSError, ValueError): return outcome([f'run_{part}.py ended with status {status} and no result'], failed=1)


def states(files, options):
    """The state machine is checked where it is: in the packet path compiled for this machine."""
    total = outcome()
    for path in files:
        with open(path) as file: tables = sum(has(v, {'transitions'}) for v in json.load(file).values())
        lines = states_of(path, options.bundle)
        total['failed' if lines else 'passed'] += tables
        if lines:
            print(f'FAILED {path}\n' + '\n'.join('    ' + line for line in lines), flush=True)
            total['failures'].append(dict(file=path, output=lines))
    return total


def states_of(path, bundle):
    """What is wrong with the transitions of one file; nothing if nothing is."""
    if not bundle: return ['give --bundle, the test bundle of the build']
    command = [os.path.abspath(bundle), '--testing-library', 'swift-testing', '--filter', r'DataplaneTests\.TCPStateMachineTests']
    environment = dict(os.environ, NO_COLOR='1', SVS_STATE_RECORDS=os.path.abspath(path))
    try: run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    except OSError as e: return [f'{bundle}: {e.strerror}']
    if run.returncode == 0 and 'Test recordsOfAnyFile() passed' in run.stdout: return []
    lines = run.stdout.splitlines()
    return [line for line in lines if 'issue' in line][:8] or lines[-5:] or [f'ended with status {run.returncode}']


# ---------------------------------------------------------------- the whole
def replay_all(found, options):
    results = {}
    with tempfile.TemporaryDirectory(prefix='conformance.') as scratch:
        for part in (k for k in KINDS if found[k] and k in options.only):
            print(f'== {part}: {len(found[part])} file{"s" * (len(found[part]) > 1)}', flush=True)
            results[part] = states(found[part], options) if part == 'states' else replay(part, found[part], options, scratch)
    return results


def report(found, skipped, broken, results, path):
    """Prints the table and the last line; the exit status."""
    print()
    table(['records', 'files', *COUNTS], [[part, len(found[part]), *(r[k] for k in COUNTS)] for part, r in results.items()])
    for name in skipped:
        if name.endswith('.json'): print(f'skipped {name}: no record of a kind known here')
    for name, why in broken: print(f'FAILED {name}: {why}')
    others = sum(len(files) for part, files in found.items() if part not in results)
    print(f'{len(skipped)} files of other kinds skipped' + (f', {others} not asked for' if others else ''))
    failures = {part: r['failures'] for part, r in results.items()}
    if broken: failures['files'] = [dict(file=name, error=why) for name, why in broken]
    try:
        with open(path, 'w') as file: json.dump(failures, file, indent=1)
    except OSError as e: print(f'{path}: {e.strerror}: failures not written', file=sys.stderr)
    if not results and not broken: print('no record to replay', file=sys.stderr)
    passed, failed, soft = (sum(r[k] for r in results.values()) for k in COUNTS)
    failed += len(broken)
    print(f'{passed} passed, {failed} failed, {soft} soft', flush=True)
    return 1 if failed or not passed + soft else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--ipvsadm'); parser.add_argument('--svs'); parser.add_argument('--bundle', help='the test bundle of the build')
    parser.add_argument('--jobs', type=int, default=1, help='cases at once')
    parser.add_argument('--only', default=','.join(KINDS), help='parts to run (comma-separated)')
    parser.add_argument('--json', default='failures-conformance.json')
    parser.add_argument('place', nargs='?', default=RECORDS, metavar='folder', help='where the records are, or one file of them')
    options = parser.parse_args()
    options.only = options.only.split(',')
    if unknown := set(options.only) - set(KINDS): parser.error(f'--only takes {", ".join(KINDS)}, not {", ".join(sorted(unknown))}')
    return options


def main():
    options = parse()
    if os.geteuid(): sys.exit('the runners make network namespaces: run as root')
    found, skipped, broken = sort_files(options.place)
    sys.exit(report(found, skipped, broken, replay_all(found, options), options.json))


if __name__ == '__main__': main()
