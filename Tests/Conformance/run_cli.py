#!/usr/bin/env python3
"""Replays recorded ipvsadm command lines and compares stdout, stderr and exit status.

    run_cli.py [--ipvsadm PATH] [--svs PATH] [--filter TEXT] [--topic T] FILES_OR_DIRS...

Each sequence runs in a fresh network namespace and, in a mount namespace of its own, with the
recorder's /etc/hosts. Sequences of the topic `help` are judged by exit status alone.
"""
import argparse, collections, difflib, ipaddress, json, os, pickle, re, shutil, subprocess, sys, tempfile, time
from acclib import *

HOSTS = '127.0.0.1 localhost oracle\n::1 localhost ip6-localhost\n192.0.2.10 web.example\n10.9.9.1 vip.example\n10.0.0.11 rs1.example\n'


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


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs')
    ap.add_argument('--filter', help='only sequences whose id contains this (comma: any of)')
    ap.add_argument('--topic', help='only these topics (comma-separated)')
    ap.add_argument('--without', default='', help='leave out sequences with a command that uses one of these words (comma-separated: -p,--pe)')
    ap.add_argument('--unjudged', default='', help='run commands with one of these words, but do not compare them (comma-separated)')
    ap.add_argument('--show', type=int, default=40, help='differences printed in full')
    ap.add_argument('--timeout', type=float, default=30)
    ap.add_argument('--json', default='failures-cli.json'); ap.add_argument('paths', nargs='+')
    a = ap.parse_args()
    if os.geteuid(): sys.exit('run as root')
    seqs = []
    for f in collect(a.paths):
        d = json.load(open(f))
        if isinstance(d, list) and d and 'commands' in d[0]: seqs += [(f, s) for s in d]
        else: print(f'skipped {f}: not command sequences')
    topic = lambda s: s['id'].rsplit('-', 1)[0]
    if a.filter: seqs = [(f, s) for f, s in seqs if any(x in s['id'] for x in a.filter.split(','))]
    if a.topic: seqs = [(f, s) for f, s in seqs if topic(s) in a.topic.split(',')]
    if a.without: seqs = [(f, s) for f, s in seqs if not uses(a.without, [c['cmd'] for c in s['commands']])]
    if not seqs: sys.exit('no sequence selected')
    load_modules()
    target = Target(a.ipvsadm, a.svs); session = Session(target); stage = Stage(target)
    t0, stats, bad, shown = time.time(), collections.defaultdict(collections.Counter), [], 0
    for n, (f, s) in enumerate(seqs):
        ns = f'{session.prefix}-c{n}'; add_ns(ns)
        with inside(ns): sh('ip link set lo up')
        try: got = play(stage, ns, [c['cmd'] for c in s['commands']], a.timeout)
        finally: remove_ns(ns, target)
        for i, c in enumerate(s['commands']):
            if a.unjudged and uses(a.unjudged, [c['cmd']]): continue
            g = got[i] if i < len(got) else ('NOT RUN', '', '')
            verdict, diff = compare(c, g, topic(s) == 'help')
            stats[topic(s)][verdict] += 1
            if verdict == 'passed': continue
            bad.append(dict(id=s['id'], file=f, index=i, cmd=c['cmd'], verdict=verdict, diff=diff, got=dict(rc=g[0], stdout=g[1], stderr=g[2]), expected={k: c[k] for k in ('rc', 'stdout', 'stderr')}))
            if verdict == 'failed' and (shown := shown + 1) <= a.show:
                print(f"FAILED {s['id']} [{i}] $ {c['cmd']}")
                for l in diff[:12]: print('    ' + l)
                if len(diff) > 12: print(f'    … {len(diff) - 12} more lines')
                sys.stdout.flush()
    if shown > a.show: print(f'… {shown - a.show} more in the JSON file')
    print(); tot = collections.Counter()
    for v in stats.values(): tot.update(v)
    table(['topic', 'commands', 'passed', 'failed', 'soft'], [[k, sum(v.values()), v['passed'], v['failed'], v['soft']] for k, v in sorted(stats.items())])
    n = sum(tot.values()); dt = time.time() - t0
    print(f'{len(seqs)} sequences, {n} commands in {dt:.1f} s ({dt / n * 1000:.0f} ms each)')
    finish(tot['passed'], tot['failed'], tot['soft'], bad, a.json, dict(program=target.ipvsadm))


if __name__ == '__main__': main()
