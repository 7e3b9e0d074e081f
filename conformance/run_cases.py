#!/usr/bin/env python3
"""Replays recorded scheduling, persistence and connection cases against an implementation of IPVS.

    run_cases.py [--ipvsadm PATH] [--svs PATH] [--filter NAME] [--family F] [--jobs N] [FILES_OR_DIRS...]

Per worker: a client namespace and a real-server namespace; per case: a fresh director between them.
  client   c0 192.168.1.2, fd00:c::2; sources: all of 10.1.0.0/16 and fd00:1::/64
  director d0 192.168.1.1, d1 10.0.0.1; VIPs: all of 10.9.0.0/16 and fd00:9::/64
  servers  r0 10.0.0.2; 10.0.0.11-40 and fd00:a::11-40, each telling its own address and port
"""
import argparse, collections, json, multiprocessing, os, queue, re, select as polling, signal, socket, struct, sys, time, ipaddress
from acclib import *

TCP_PORTS, UDP_PORTS, SERVERS = (80, 443, 8080, 8443, 5060, 21), (53, 5060, 443, 5353), range(11, 41)
FIRST_PORT, PORTS = 42000, 18999
PATIENCE = 0.9


# ---------------------------------------------------------------- real servers
def serve(ns, ready):
    """Every real server in one process: says 'ip:port' on accept and after each message."""
    enter(ns)
    ep, socks = polling.epoll(), {}
    def watch(s, kind): s.setblocking(False); socks[s.fileno()] = (s, kind); ep.register(s, polling.EPOLLIN)
    for fam, anyaddr in ((socket.AF_INET, '0.0.0.0'), (socket.AF_INET6, '::')):
        v6 = fam == socket.AF_INET6
        for p in TCP_PORTS:
            s = socket.socket(fam); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if v6: s.setsockopt(41, 26, 1)
            s.bind((anyaddr, p)); s.listen(4096); watch(s, 'listen')
        for p in UDP_PORTS:
            s = socket.socket(fam, socket.SOCK_DGRAM)
            if v6: s.setsockopt(41, 26, 1); s.setsockopt(41, 49, 1)      # V6ONLY, RECVPKTINFO
            else: s.setsockopt(0, 8, 1)                                   # IP_PKTINFO
            s.bind((anyaddr, p)); watch(s, 'udp')
    def name(host, port): return (f'[{host}]:{port}' if ':' in host else f'{host}:{port}').encode() + b'\n'
    ready()
    while True:
        for fd, _ in ep.poll():
            s, kind = socks[fd]
            try:
                if kind == 'listen':
                    c, _a = s.accept(); watch(c, 'conn'); c.send(name(*c.getsockname()[:2]))
                elif kind == 'conn':
                    if s.recv(4096): s.send(name(*s.getsockname()[:2]))
                    else: raise ConnectionError
                else:
                    _d, anc, _f, peer = s.recvmsg(4096, 256); port = s.getsockname()[1]
                    for level, _t, v in anc:
                        if level == 0:
                            me = socket.inet_ntoa(v[8:12]); s.sendmsg([name(me, port)], [(0, 8, struct.pack('=i4s4s', 0, v[8:12], v[8:12]))], 0, peer)
                        elif level == 41:
                            me = socket.inet_ntop(socket.AF_INET6, v[:16]); s.sendmsg([name(me, port)], [(41, 50, v[:16] + struct.pack('=i', 0))], 0, peer)
            except BlockingIOError: pass
            except OSError:
                if kind == 'conn': ep.unregister(fd); socks.pop(fd); s.close()


# ---------------------------------------------------------------- topology
HOSTCTL = 'net.ipv6.conf.default.accept_dad=0 net.ipv6.conf.all.accept_dad=0 net.ipv4.tcp_syncookies=0 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv6.ip_nonlocal_bind=1 net.ipv4.ip_nonlocal_bind=1 net.core.somaxconn=4096'


class Bench:
    """One worker's client and servers, and the director of the moment."""
    def __init__(self, session, target, tag):
        self.s, self.t = session, target
        self.p = f'{session.prefix}-{tag}'; self.cl, self.rs, self.d, self.n = self.p + 'cl', self.p + 'rs', None, 0
        self.next_port = FIRST_PORT - 1
        for n in (self.cl, self.rs):
            add_ns(n)
            with inside(n):
                for kv in HOSTCTL.split():
                    k, v = kv.split('='); self._sysctl(k, v)
                self._sysctl('net.ipv4.ip_local_port_range', '20000 60999')
        ip_batch(self.cl, 'link set lo up\nroute add local 10.1.0.0/16 dev lo\nroute add local fd00:1::/64 dev lo\n')
        ip_batch(self.rs, 'link set lo up\n' + ''.join(f'addr add 10.0.0.{i}/32 dev lo\naddr add fd00:a::{i}/128 dev lo nodad\n' for i in SERVERS))
        r, w = os.pipe()
        self.server = session.fork(lambda: serve(self.rs, lambda: os.write(w, b'x')))
        os.read(r, 1); os.close(r); os.close(w)

    def port(self):
        """A client's port that no connection has had. The servers outlive a case, and may hold ends of its connections:
        where a SYN meets one, the client sends it anew, and a server is chosen twice."""
        self.next_port = FIRST_PORT + (self.next_port + 1 - FIRST_PORT) % PORTS
        return self.next_port

    @staticmethod
    def _sysctl(k, v):
        try:
            with open('/proc/sys/' + k.replace('.', '/'), 'w') as f: f.write(str(v))
        except OSError: pass

    def director(self):
        self.n += 1; self.d = d = f'{self.p}d{self.n}'
        add_ns(d)
        with inside(d):
            for k, v in {'ipv6.conf.default.accept_dad': 0, 'ipv6.conf.all.accept_dad': 0, 'ipv4.ip_forward': 1, 'ipv6.conf.all.forwarding': 1, 'ipv4.conf.all.rp_filter': 0, 'ipv4.conf.default.rp_filter': 0, 'ipv4.conf.all.send_redirects': 0, 'ipv4.icmp_ratelimit': 0, 'ipv6.icmp.ratelimit': 0}.items(): self._sysctl('net.' + k, v)
        ip_batch(d, f'''link set lo up
link add d0 type veth peer name c0 netns {self.cl}
link add d1 type veth peer name r0 netns {self.rs}
addr add 192.168.1.1/24 dev d0
addr add fd00:c::1/64 dev d0 nodad
addr add 10.0.0.1/24 dev d1
addr add fd00:b::1/64 dev d1 nodad
''')
        if self.t.svs:                                   # what XDP on veth needs
            ethtool(self.t, self.cl, ('c0', 'tx off tso off gso off'), ('c0', 'gro on'))
            ethtool(self.t, self.rs, ('r0', 'tx off tso off gso off'), ('r0', 'gro on'))
            ethtool(self.t, d, ('d0', 'gro on'), ('d1', 'gro on'))
        ip_batch(d, '''link set d0 up
link set d1 up
route add local 10.9.0.0/16 dev lo
route add 10.1.0.0/16 via 192.168.1.2
route add local fd00:9::/64 dev lo
route add fd00:1::/64 via fd00:c::2
route add fd00:a::/64 via fd00:b::2
''')
        ip_batch(self.cl, '''addr add 192.168.1.2/24 dev c0
addr add fd00:c::2/64 dev c0 nodad
link set c0 up
route add default via 192.168.1.1
route add default via fd00:c::1
''')
        ip_batch(self.rs, '''addr add 10.0.0.2/24 dev r0
addr add fd00:b::2/64 dev r0 nodad
link set r0 up
route add default via 10.0.0.1
route add default via fd00:b::1
''')
        attach(self.t, d, 'd0', 'd1')

    def drop_director(self):
        if not self.d: return
        d, self.d = self.d, None
        if self.t.svs:
            try: self.t.run(d, [self.t.svs, 'detach'], 20)
            except Exception as e: print('svs detach:', e, file=sys.stderr)
        with inside(self.cl): sh('ip link del c0', False)
        with inside(self.rs): sh('ip link del r0', False)
        remove_ns(d, self.t, detach=False)

    def warm_v6(self):
        """Resolves IPv6 neighbours both ways, as the recording did with ping."""
        for ns, to in ((self.d, 'fd00:b::2'), (self.cl, 'fd00:c::1'), (self.d, 'fd00:c::2'), (self.rs, 'fd00:b::1')):
            with inside(ns): s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, 58)
            s.settimeout(0.5)
            for i in range(20):
                try:
                    s.sendto(struct.pack('>BBHHH', 128, 0, 0, os.getpid() & 0xffff, i), (to, 0))
                    end = time.time() + 0.5
                    while time.time() < end:
                        if s.recv(256)[0] == 129: end = 0
                    if end == 0: break
                except OSError: time.sleep(0.05)
            s.close()


# ---------------------------------------------------------------- a case
class Case:
    def __init__(self, bench, case):
        self.b, self.t, self.c, self.open, self.udp_dst, self.patience = bench, bench.t, case, {}, {}, 3

    def cmd(self, text):
        return self.t.run(self.b.d, text)

    def socket(self, st):
        with inside(self.b.cl):
            k = socket.socket(socket.AF_INET6 if ':' in st['src'] else socket.AF_INET, socket.SOCK_DGRAM if st['proto'] == 'udp' else socket.SOCK_STREAM)
        k.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        k.bind((st['src'], st.get('sport', 0) or self.b.port())); k.settimeout(st.get('timeout', PATIENCE))
        return k

    def ask_udp(self, k):
        to = self.udp_dst[k]; k.sendto(b'x', to); m, a = k.recvfrom(256)
        return m.decode().strip() + ('' if a[:2] == to else f' from {a[0]}:{a[1]}')

    def connect(self, st):
        k, udp = None, st['proto'] == 'udp'
        try:
            k = self.socket(st)
            if udp:
                v6 = ':' in st['dst']; k.setsockopt(41 if v6 else 0, 25 if v6 else 11, 1)   # RECVERR
                self.udp_dst[k] = (st['dst'], st['dport']); r = self.ask_udp(k)
            else:
                k.connect((st['dst'], st['dport'])); r = k.recv(256).decode().strip() or 'EOF'
        except socket.timeout: r = 'TIMEOUT'
        except OSError as e: r = {'ECONNREFUSED': 'REFUSED'}.get(errname(e), errname(e))
        bad = r in ('TIMEOUT', 'REFUSED') or r.startswith('E')
        if bad and not (udp and st.get('id')):
            if k: k.close()
        elif st['then'] == 'hold' or st.get('id'): self.open[st['id']] = k
        else: self.finish(k, st['then'])
        return r

    def finish(self, k, how):
        if k.type == socket.SOCK_DGRAM: k.close(); return
        if how == 'rst':
            k.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); k.close(); return
        try:
            k.shutdown(socket.SHUT_WR)
            while k.recv(256): pass
        except OSError: pass
        k.close(); time.sleep(0.004)

    def poke(self, st):
        k = self.open.get(st['id'])
        if not k: return 'not-open'
        k.settimeout(st.get('timeout', PATIENCE))
        try:
            if k in self.udp_dst: return self.ask_udp(k)
            k.send(b'y'); return k.recv(256).decode().strip() or 'EOF'
        except socket.timeout: return 'TIMEOUT'
        except OSError as e: return errname(e)

    def many(self, st, base):
        def span(v, single):
            if v is None: return [single]
            if len(v) == 2 and isinstance(v[0], str):
                a, b = map(ipaddress.ip_address, v); return [str(type(a)(i)) for i in range(int(a), int(b) + 1, st.get('stride', 1))]
            return list(range(v[0], v[1] + 1)) if len(v) == 2 and isinstance(v[0], int) else v
        return [self.connect(dict(base, dst=d, src=s, sport=p, then=st.get('then', 'rst')))
                for d in span(st.get('dsts'), base['dst']) for s in span(st.get('srcs'), base['src']) for p in span(st.get('sports'), 0)]

    def counts(self):
        """{dest: [[weight, active, inactive], ...]} out of `ipvsadm -Ln`."""
        p = self.cmd('ipvsadm -Ln')
        if p.returncode: return {'ipvsadm -Ln': [[p.returncode, (p.stdout + p.stderr).strip()[-200:]]]}
        out = {}
        for l in p.stdout.splitlines():
            f = l.split()
            if f[:1] == ['->'] and len(f) == 6 and f[3].lstrip('-').isdigit():
                out.setdefault(norm_dest(f[1]), []).append([int(x) for x in f[3:6]])
        return {k: sorted(v) for k, v in out.items()}

    def settled_counts(self, want):
        """Reads again for a moment when it differs: the last FIN or RST may still be on its way."""
        for delay in (0, 0.02, 0.08, 0.2) if self.patience else (0,):
            time.sleep(delay); got = self.counts()
            if got == want: return got
        self.patience -= self.patience > 0
        return got

    def run(self):
        c, started = self.c, time.time()
        self.b.director()
        try:
            self.configure()
            defaults = dict(dst='10.9.9.1', dport=80, proto='tcp', then='close', src='10.1.0.1'); defaults.update(c.get('defaults', {}))
            self.chosen, self.wrong_counts, self.texts = [], [], []
            for i, st in enumerate(c['steps']):
                recorded = c['results'][i] if i < len(c.get('results', [])) else {}
                self.step(i, st, dict(defaults, **st), recorded)
                if st['op'] != 'many' and 'counts' in recorded: self.check_counts(i, st['op'], recorded['counts'])
            return judge(c, self.chosen, self.wrong_counts, self.texts, time.time() - started)
        finally:
            for k in self.open.values():
                try: k.close()
                except OSError: pass
            self.b.drop_director()

    def configure(self):
        c = self.c
        for k, v in c.get('sysctl', {}).items(): self._must(f'sysctl -w {k}={v}')
        for r in c.get('rules', []): self._must(r)
        for l in c['config']: self._must('ipvsadm ' + l)
        if 'fd00' in json.dumps(c['config']): self.b.warm_v6()

    def step(self, i, st, x, recorded):
        """One step, x with the case's defaults; what is to be compared is kept."""
        op = st['op']
        if op == 'connect': self.chosen.append((i, self.connect(x)))
        elif op == 'many': self.chosen.append((i, self.many(st, x)))
        elif op == 'poke': self.chosen.append((i, self.poke(x)))
        elif op == 'close':
            if st['id'] in self.open: self.finish(self.open.pop(st['id']), st.get('how', 'fin'))
        elif op == 'cmd':
            p = self.cmd(st['args']); want = recorded.get('r', 0); want = want[0] if isinstance(want, list) else want
            if p.returncode != want: self.texts.append(dict(step=i, kind='cmd', args=st['args'], expected=want, got=p.returncode, output=(p.stdout + p.stderr)[-300:]))
        elif op == 'wait': time.sleep(st['s'])
        elif op == 'conns':
            got = self.cmd('ipvsadm -Lcn').stdout
            if 'r' in recorded and (d := conns_diff(recorded['r'], got, self.c)): self.texts.append(dict(step=i, kind='conns', diff=d))
        elif op == 'dump':
            got = self.cmd('ipvsadm -Ln').stdout
            if 'r' in recorded and [l.rstrip() for l in recorded['r'].splitlines()] != [l.rstrip() for l in got.splitlines()]: self.texts.append(dict(step=i, kind='dump', expected=recorded['r'], got=got))

    def check_counts(self, i, op, recorded):
        want = {norm_dest(k): sorted(v if v and isinstance(v[0], list) else [v]) for k, v in recorded.items()}
        time.sleep(0.003); got = self.settled_counts(want)
        if got != want: self.wrong_counts.append(dict(step=i, op=op, expected={k: v for k, v in want.items() if got.get(k) != v}, got={k: v for k, v in got.items() if want.get(k) != v}))

    def _must(self, text):
        p = self.cmd(text)
        if p.returncode: raise RuntimeError(f'{text}: exit {p.returncode}: {(p.stdout + p.stderr).strip()[-300:]}')


def conns_diff(rec, got, case):
    """Entries of two `ipvsadm -Lcn` lists that differ, ephemeral ports and expiry (± 4 s) set aside."""
    fixed = {s['sport'] for s in case['steps'] if isinstance(s.get('sport'), int)} | {0}
    def rows(text):
        o = []
        for l in text.splitlines()[2:]:
            f = l.split()
            if len(f) < 6: continue
            host, port = f[3].rsplit(':', 1)
            m, s = (f[1].split(':') + ['0'])[:2]
            o.append(((f[0], f[2], f'{host}:{port if port.isdigit() and int(port) in fixed else "*"}', f[4], f[5]), int(m) * 60 + int(s) if m.isdigit() and s.isdigit() else -1))
        return sorted(o)
    a, b = rows(rec), rows(got)
    ka, kb = collections.Counter(k for k, _ in a), collections.Counter(k for k, _ in b)
    d = ['- ' + ' '.join(k) for k in (ka - kb).elements()] + ['+ ' + ' '.join(k) for k in (kb - ka).elements()]
    if not d: d = [f'expires {x[1]} s recorded, {y[1]} s here: ' + ' '.join(x[0]) for x, y in zip(a, b) if abs(x[1] - y[1]) > 4]
    return d


def judge(c, chosen, counts, texts, secs):
    wrong, total, late, first_wait = [], 0, 0, next((i for i, s in enumerate(c['steps']) if s['op'] == 'wait'), 10**9)
    for n, (want, (step, got)) in enumerate(zip(c['chosen'], chosen)):
        for j, (w, g) in enumerate(zip(want, got) if isinstance(want, list) else [(want, got)]):
            total += 1; late += step > first_wait
            if w != g: wrong.append(dict(step=step, index=n if not isinstance(want, list) else [n, j], expected=w, got=g))
        if isinstance(want, list) and len(want) != len(got): wrong.append(dict(step=step, expected=f'{len(want)} answers', got=len(got)))
    if len(chosen) != len(c['chosen']): wrong.append(dict(expected=f"{len(c['chosen'])} choices", got=len(chosen)))
    # Tolerance of a timed case: exact up to the first wait. After it at most a third of the answers may move;
    # where an answer came, or just did not come in time, TCP's retransmission decides: that counts half.
    # Of the counts from the first wait on, at most a third may differ.
    late_counts = sum('counts' in r for r in c.get('results', [])[first_wait:])
    swaps = sum(0.5 if 'TIMEOUT' in (w['expected'], w['got']) else 1 for w in wrong)
    tolerable = (all(w.get('step', -1) > first_wait for w in wrong) and swaps <= late // 3
                 and all(x['step'] >= first_wait for x in counts) and len(counts) <= late_counts // 3)
    verdict = 'passed' if not wrong and not counts else 'soft' if c.get('timing_sensitive') and tolerable else 'failed'
    return dict(name=c['name'], family=c['family'], verdict=verdict, choices=wrong, choices_total=total, counts=counts, texts=texts, seconds=round(secs, 2))


# ---------------------------------------------------------------- workers and report
def expected_seconds(c):
    n = sum(len(x) if isinstance(x, list) else 1 for x in c['chosen'])
    return sum(s.get('s', 0) for s in c['steps']) + 0.02 * n + sum(0.95 for x in c['chosen'] for y in (x if isinstance(x, list) else [x]) if y == 'TIMEOUT') + 0.3


def worker(session, target, tag, cases, todo, done, limit):
    bench = Bench(session, target, tag)
    def bell(*a): raise TimeoutError('case ran past its limit')
    signal.signal(signal.SIGALRM, bell)
    while (i := todo.get()) is not None:
        c = cases[i]; t = time.time()
        try:
            signal.alarm(int(limit + 40 * expected_seconds(c)) if not any(s['op'] == 'wait' for s in c['steps']) else int(limit + 2 * expected_seconds(c)))
            r = Case(bench, c).run()
        except Exception as e:
            r = failure(c, f'{type(e).__name__}: {e}'[-600:])
            signal.alarm(0)
            try: bench.drop_director()
            except Exception: pass
        signal.alarm(0)
        r['wall'] = round(time.time() - t, 2); done.put((i, r))


def failure(case, error):
    return dict(name=case['name'], family=case['family'], verdict='failed', error=error, choices=[], choices_total=0, counts=[], texts=[])


def parse():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs')
    ap.add_argument('--filter', help='only cases whose name contains this (comma: any of)')
    ap.add_argument('--family', help='only these families (comma-separated)')
    ap.add_argument('--jobs', type=int, default=1)
    ap.add_argument('--retries', type=int, default=1, help='runs a timing-sensitive case again when it differs')
    ap.add_argument('--no-timed', action='store_true', help='leave timing-sensitive cases out')
    ap.add_argument('--limit', type=int, default=120, help='seconds granted to a case beyond its own')
    ap.add_argument('--json', default='failures-cases.json'); ap.add_argument('-v', '--verbose', action='store_true')
    ap.add_argument('paths', nargs='*', help='records (default: those in Tests/Records)')
    return ap.parse_args()


def select(a):
    """The cases asked for."""
    cases = []
    for f in collect(a.paths, ('cases',)):
        with open(f) as file: d = json.load(file)
        if isinstance(d, list) and d and 'steps' in d[0]: cases += d
        else: print(f'skipped {f}: not a list of cases')
    if a.filter: cases = [c for c in cases if any(x in c['name'] for x in a.filter.split(','))]
    if a.family: cases = [c for c in cases if c['family'] in a.family.split(',')]
    if a.no_timed: cases = [c for c in cases if not c.get('timing_sensitive')]
    if not cases: sys.exit('no case selected')
    return cases


def play(cases, a, target, session):
    """Runs all cases by workers; {index: result}."""
    todo, done = multiprocessing.Queue(), multiprocessing.Queue()
    for i in sorted(range(len(cases)), key=lambda i: -expected_seconds(cases[i]) if a.jobs > 1 else i): todo.put(i)
    jobs = max(1, min(a.jobs, len(cases)))
    workers = [session.fork(lambda j=j: worker(session, target, f'w{j}', cases, todo, done, a.limit)) for j in range(jobs)]
    results, tries = {}, collections.Counter()
    while len(results) < len(cases):
        try: i, r = done.get(timeout=5)
        except queue.Empty:
            for w in list(workers):
                if os.waitpid(w, os.WNOHANG)[0]: workers.remove(w); session.children.remove(w)
            if not workers: print('all workers died', file=sys.stderr); break
            continue
        if r['verdict'] != 'passed' and cases[i].get('timing_sensitive') and tries[i] < a.retries and 'error' not in r:
            tries[i] += 1; todo.put(i); print(f'again: {r["name"]}', flush=True); continue
        results[i] = r
        if r['verdict'] != 'passed' or a.verbose: show(r)
    for i, c in enumerate(cases): results.setdefault(i, failure(c, 'not run'))
    return results


def show(r):
    print(f"{r['verdict'].upper():6} {r['family']}/{r['name']} ({r.get('wall')} s)")
    if 'error' in r: print('    ' + r['error'].replace('\n', '\n    '))
    for w in r['choices'][:3]: print(f"    step {w.get('step')}: expected {w['expected']}, got {w['got']}")
    if len(r['choices']) > 3: print(f"    … {len(r['choices'])} of {r['choices_total']} choices differ")
    for w in r['counts'][:2]: print(f"    counts after step {w['step']} ({w['op']}): expected {w['expected']}, got {w['got']}")
    if len(r['counts']) > 2: print(f"    … {len(r['counts'])} counts differ")
    sys.stdout.flush()


def report(results):
    """Prints a row for each family; the verdicts' numbers over all."""
    rows, total = [], collections.Counter()
    for family in sorted({r['family'] for r in results.values()}):
        rs = [r for r in results.values() if r['family'] == family]
        v = collections.Counter(r['verdict'] for r in rs); total.update(v)
        def differing(what): return sum(what(r) for r in rs)
        rows.append([family, len(rs), v['passed'], v['failed'], v['soft'],
                     differing(lambda r: bool(r['choices'])), differing(lambda r: bool(r['counts'])), differing(lambda r: 'error' in r),
                     differing(lambda r: any(t['kind'] == 'conns' for t in r['texts'])), differing(lambda r: any(t['kind'] != 'conns' for t in r['texts'])),
                     f"{sum(r.get('wall', 0) for r in rs) / len(rs):.2f}"])
    print(); table(['family', 'cases', 'passed', 'failed', 'soft', 'choices≠', 'counts≠', 'errors', 'conns≠', 'cmd/dump≠', 's/case'], rows)
    return total


def main():
    a = parse()
    if os.geteuid(): sys.exit('run as root')
    cases = select(a)
    load_modules()
    target = Target(a.ipvsadm, a.svs)
    started, results = time.time(), play(cases, a, target, Session(target))
    total = report(results)
    walls = [r.get('wall', 0) for i, r in results.items() if not cases[i].get('timing_sensitive')]
    if walls: print(f'{time.time() - started:.0f} s in all; untimed cases: mean {sum(walls) / len(walls):.2f} s, longest {max(walls):.2f} s')
    bad = [r for i, r in sorted(results.items()) if r['verdict'] != 'passed' or r['texts']]
    finish(total['passed'], total['failed'], total['soft'], bad, a.json, dict(program=target.ipvsadm))


if __name__ == '__main__': main()
