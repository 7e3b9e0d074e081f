#!/usr/bin/env python3
"""Replays recorded ipvsadm command lines and compares stdout, stderr and exit status.

    run_cli.py [--ipvsadm PATH] [--svs PATH] [--filter TEXT] [--topic T] [FILES_OR_DIRS...]

Each sequence runs in a fresh network namespace and, in a mount namespace of its own, with the
recorder's /etc/hosts. Sequences of the topic `help` are judged by exit status alone.
"""
import argparse, collections, difflib, ipaddress, json, os, pickle, re, shutil, subprocess, sys, tempfile, time
from acclib import *

HOSTS = '127.0.0.1 localhost oracle\n::1 localhost ip6-localhost\n192.0.2.10 web.example\n10.9.9.1 vip.example\n10.0.0.11 rs1.example\n10.5.5.5 a-very-long-host-name.with-a-long-domain.example alias5\nfd00::55 six.example\n10.5.5.6 exactly-twentythree.org\nfd00::66 a-very-long-host-name-six.with-a-long-domain.and-more-labels.example\n'


class Stage:
    """Files that every sequence sees in place of the machine's own."""
    def __init__(self, target):
        self.t, self.dir = target, tempfile.mkdtemp(prefix='acc-cli.')
        atexit_rm(self.dir)
        self.binds = {}
        for path, text in {'/etc/hosts': HOSTS, '/etc/resolv.conf': 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n', '/etc/nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nnetworks: files\nprotocols: db files\nservices: db files\n'}.items():
            f = os.path.join(self.dir, os.path.basename(path)); open(f, 'w').write(text); self.binds[path] = f
        self.dummy = sh('ip link add accprobe0 type dummy', False).returncode == 0
        if self.dummy: sh('ip link del accprobe0', False)

    def adapt(self, cmd):
        """Same meaning on a machine that lacks ip_vs or dummy, and no files shared with others in /tmp."""
        cmd = self.t.translate(cmd)
        if not self.dummy: cmd = cmd.replace('type dummy', 'type bridge')
        return re.sub(r'/tmp/(?=(s1|s2|x)\b)', self.dir + '/', cmd)


def atexit_rm(path):
    import atexit; atexit.register(shutil.rmtree, path, True)


def play(stage, ns, commands, timeout):
    """Runs the commands of one sequence in a child that has its own mounts; a list of (rc, stdout, stderr)."""
    r, w = os.pipe(); pid = os.fork()
    if pid == 0:
        try:
            os.close(r); die_with_parent(); enter(ns); private_mounts(stage.binds)
            out = []
            for c in commands:
                try:
                    p = subprocess.run(['bash', '-c', stage.adapt(c)], stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=stage.t.env, cwd=stage.dir)
                    out.append((p.returncode, p.stdout.decode(errors='replace'), p.stderr.decode(errors='replace')))
                except subprocess.TimeoutExpired: out.append(('TIMEOUT', '', ''))
            with os.fdopen(w, 'wb') as f: pickle.dump(out, f)
        except BaseException as e: print('sequence:', repr(e), file=sys.stderr)
        finally: os._exit(0)
    os.close(w)
    with os.fdopen(r, 'rb') as f: data = f.read()
    os.waitpid(pid, 0)
    return pickle.loads(data) if data else []


def soften(text):
    return '\n'.join(l.rstrip() for l in text.rstrip().split('\n'))


def unordered(cmd):
    """IPVS hashes services by the address of the namespace in kernel memory: where a listing is not
    sorted by ipvsadm, the order of the services is chance. The order of the servers in one is not."""
    return '--nosort' in cmd or re.search(r'/proc/net/ip_vs(\s|$)', cmd)


def sort_services(text):
    head, blocks = [], []
    for l in text.split('\n'):
        if re.match(r'(TCP|UDP|SCTP|FWM) |-A ', l): blocks.append([l])
        elif blocks and l: blocks[-1].append(l)
        elif l: head.append(l)
    return '\n'.join(head + [l for b in sorted(blocks) for l in b]) + ('\n' if text.endswith('\n') else '')


def wide(text):
    """ipvsadm 1.31 sorts by a signed 32-bit difference of addresses: with services more than 2^31 apart
    (10.x and 224.x) its order is not an order, and depends on the kernel's."""
    a = [int(ipaddress.ip_address(x)) for x in re.findall(r'(?:TCP|UDP|SCTP|-[tu])  ?(\d+\.\d+\.\d+\.\d+):', text)]
    return bool(a) and max(a) - min(a) >= 2**31


def compare(want, got, status_only):
    """('passed' | 'soft' | 'failed', what differs)."""
    rc, out, err = got
    diff = [] if rc == want['rc'] else [f"exit status: expected {want['rc']}, got {rc}"]
    if status_only: return ('failed' if diff else 'passed'), diff
    hard = bool(diff)
    if unordered(want['cmd']): want, out = dict(want, stdout=sort_services(want['stdout'])), sort_services(out)
    for name, a, b in (('stdout', want['stdout'], out), ('stderr', want['stderr'], err)):
        if a == b: continue
        if soften(a) == soften(b): diff.append(f'{name}: trailing white space only'); continue
        if name == 'stdout' and wide(a) and sort_services(a) == sort_services(b): diff.append('stdout: order of services more than 2^31 apart'); continue
        hard = True
        diff += [f'{name}:'] + ['  ' + l for l in difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm='', n=0) if not l.startswith(('---', '+++', '@@'))]
    return ('failed' if hard else 'soft' if diff else 'passed'), diff


def topic(sequence):
    return sequence['id'].rsplit('-', 1)[0]


def parse():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs')
    ap.add_argument('--filter', help='only sequences whose id contains this (comma: any of)')
    ap.add_argument('--topic', help='only these topics (comma-separated)')
    ap.add_argument('--show', type=int, default=40, help='differences printed in full')
    ap.add_argument('--timeout', type=float, default=30)
    ap.add_argument('--json', default='failures-cli.json'); ap.add_argument('paths', nargs='*', help='records (default: those in Tests/Records)')
    return ap.parse_args()


def select(a):
    """The sequences asked for, each with its file."""
    found = []
    for f in collect(a.paths, ('cli', 'cli-more')):
        with open(f) as file: d = json.load(file)
        if isinstance(d, list) and d and 'commands' in d[0]: found += [(f, s) for s in d]
        else: print(f'skipped {f}: not command sequences')
    if a.filter: found = [(f, s) for f, s in found if any(x in s['id'] for x in a.filter.split(','))]
    if a.topic: found = [(f, s) for f, s in found if topic(s) in a.topic.split(',')]
    if not found: sys.exit('no sequence selected')
    return found


def judge(file, sequence, got):
    """(verdict, what there is to say of it) for every command of a sequence."""
    for i, c in enumerate(sequence['commands']):
        rc, out, err = got[i] if i < len(got) else ('NOT RUN', '', '')
        verdict, diff = compare(c, (rc, out, err), topic(sequence) == 'help')
        yield verdict, dict(id=sequence['id'], file=file, index=i, cmd=c['cmd'], verdict=verdict, diff=diff,
                            got=dict(rc=rc, stdout=out, stderr=err), expected={k: c[k] for k in ('rc', 'stdout', 'stderr')})


def show(r):
    print(f"FAILED {r['id']} [{r['index']}] $ {r['cmd']}")
    for line in r['diff'][:12]: print('    ' + line)
    if len(r['diff']) > 12: print(f"    … {len(r['diff']) - 12} more lines")
    sys.stdout.flush()


def report(stats, sequences, seconds):
    """Prints a row for each topic; the verdicts' numbers over all."""
    print(); total = collections.Counter()
    for v in stats.values(): total.update(v)
    table(['topic', 'commands', 'passed', 'failed', 'soft'], [[k, sum(v.values()), v['passed'], v['failed'], v['soft']] for k, v in sorted(stats.items())])
    n = sum(total.values())
    print(f'{sequences} sequences, {n} commands in {seconds:.1f} s ({seconds / n * 1000:.0f} ms each)')
    return total


def main():
    a = parse()
    if os.geteuid(): sys.exit('run as root')
    sequences = select(a)
    load_modules()
    target = Target(a.ipvsadm, a.svs); session = Session(target); stage = Stage(target)
    started, stats, bad, failed = time.time(), collections.defaultdict(collections.Counter), [], 0
    for n, (file, s) in enumerate(sequences):
        ns = f'{session.prefix}-c{n}'; add_ns(ns)
        with inside(ns): sh('ip link set lo up')
        try: got = play(stage, ns, [c['cmd'] for c in s['commands']], a.timeout)
        finally: remove_ns(ns, target)
        for verdict, result in judge(file, s, got):
            stats[topic(s)][verdict] += 1
            if verdict != 'passed': bad.append(result)
            if verdict == 'failed' and (failed := failed + 1) <= a.show: show(result)
    if failed > a.show: print(f'… {failed - a.show} more in the JSON file')
    total = report(stats, len(sequences), time.time() - started)
    finish(total['passed'], total['failed'], total['soft'], bad, a.json, dict(program=target.ipvsadm))


if __name__ == '__main__': main()
