#!/usr/bin/env python3
"""Repeats the recorded wire experiments (forwarding.json) and compares what was on the wire, hop by hop.

    run_wire.py [--ipvsadm PATH] [--svs PATH] [--filter NAME] [FILES_OR_DIRS...]

    cl(c0 192.168.1.2) -- d0[director]d1 -- br0 -- r1(rs1 10.0.0.11), r2(rs2 10.0.0.12), c1(cl 10.0.0.254)

Frames are taken at the far ends of the director's links (c0 for d0, the bridge port for d1): an XDP
program's own packets pass no tap on d0 and d1. Compared: MACs, addresses, ports, TTL, ToS, DF/MF,
fragment offsets, lengths, checksums right or wrong, ICMP type, code and MTU, embedded headers.
Set aside: identification (unless the experiment chose it), sequence numbers, ephemeral ports, order
between directions; of TCP connections also lengths and the number of acknowledgements.
Tunnels are opened by this program in rs1 (the kernel needs no ipip, fou or gre).
"""
import argparse, collections, fnmatch, json, mmap, os, re, select, socket, struct, sys, threading, time
from acclib import *

MAC = {'d0': '02:00:00:00:00:d0', 'd1': '02:00:00:00:00:d1', 'c0': '02:00:00:00:00:c0', 'c1': '02:00:00:00:00:c1', 'r1': '02:00:00:00:01:11', 'r2': '02:00:00:00:01:12'}
NAME = {bytes.fromhex(v.replace(':', '')): k for k, v in MAC.items()}
KNOWN_PORTS = {9, 53, 80, 81, 99, 443, 1000, 1001, 1002, 1003, 5000, 5353, 6080, 8080}
KNOWN_IDS = {1, 77} | set(range(0x1234, 0x1239))
ORDER = '''nat-tcp nat-udp nat-raw-ttl-df-id nat-badcsum nat-options nat-frag nat-icmp-error-from-client nat-icmp-error-from-rs nat-ping-vip nat-midstream-ack
nat-midstream-ack-sloppy nat-rs-initiated nat-rs-initiated-icmp_send noserver-tcp noserver-udp noserver-weight0 noservice-tcp noserver-v6 nat-mtu-df nat-mtu-nodf dr-mtu-df
arp-rs-vip-on-lo-default arp-rs-vip-on-lo-arp_ignore1 dr-tcp dr-raw-ttl-df-id dr-frag dr-unreachable-rs tun-ipip-raw tun-ipip-tcp tun-gue-raw tun-gue-tcp tun-gue-nocsum-raw
tun-gue-nocsum-tcp tun-gue-csum-raw tun-gue-csum-tcp tun-gue-remcsum-raw tun-gue-remcsum-tcp tun-gre-raw tun-gre-tcp tun-gre-csum-raw tun-gre-csum-tcp tun-ipip-pmtu_disc0
local-masq-127 local-route-vip local-route-127 local-masq-own-8080 local-tun-own client-on-director-nat nat-onearm-client-same-lan'''.split()


# ---------------------------------------------------------------- packets out
def csum(b):
    if len(b) % 2: b += b'\0'
    s = sum(struct.unpack(f'>{len(b) // 2}H', b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff


def pseudo(src, dst, proto, n): return socket.inet_aton(src) + socket.inet_aton(dst) + struct.pack('>BBH', 0, proto, n)


def ip(src, dst, proto, body, ttl=64, id=1, df=False, mf=False, off=0, tos=0):
    h = struct.pack('>BBHHHBBH4s4s', 0x45, tos, 20 + len(body), id, df << 14 | mf << 13 | off // 8, ttl, proto, 0, socket.inet_aton(src), socket.inet_aton(dst))
    return h[:10] + struct.pack('>H', csum(h)) + h[12:] + body


def udp(src, dst, sport, dport, data, sum_=None, **k):
    h = struct.pack('>HHHH', sport, dport, 8 + len(data), 0) + data
    c = (csum(pseudo(src, dst, 17, len(h)) + h) or 0xffff) if sum_ is None else sum_
    return ip(src, dst, 17, h[:6] + struct.pack('>H', c) + data, **k)


def tcp(src, dst, sport, dport, flags, sum_=None, **k):
    bits = sum(1 << 'FSRPAU'.index(f) for f in flags)
    h = struct.pack('>HHIIBBHHH', sport, dport, 0, 0, 0x50, bits, 8192, 0, 0)
    c = csum(pseudo(src, dst, 6, 20) + h) if sum_ is None else sum_
    return ip(src, dst, 6, h[:16] + struct.pack('>H', c) + h[18:], **k)


def icmp(src, dst, typ, code, rest, body):
    h = struct.pack('>BBHI', typ, code, 0, rest) + body
    return ip(src, dst, 1, h[:2] + struct.pack('>H', csum(h)) + h[4:])


def frame(src, dst, packet, proto=0x800): return b''.join(bytes.fromhex(MAC[x].replace(':', '')) for x in (dst, src)) + struct.pack('>H', proto) + packet


# ---------------------------------------------------------------- packets in
def decode(f):
    """A frame as the recorder wrote it: {eth, layers, l4csum_ok}."""
    eth = [NAME.get(f[6:12], f[6:12].hex(':')), NAME.get(f[:6], f[:6].hex(':'))]
    typ, p = struct.unpack('>H', f[12:14])[0], f[14:]
    if typ == 0x806: return dict(eth=eth, layers=[dict(l='ARP')], l4csum_ok=None)
    L, ok = [], None
    if typ == 0x800:
        p = p[:struct.unpack('>H', p[2:4])[0]]; walk4(p, L)
        hl = (p[0] & 15) * 4; fr = struct.unpack('>H', p[6:8])[0] & 0x3fff; body = p[hl:]
        if not fr and p[9] in (6, 17) and len(body) >= (20 if p[9] == 6 else 8):
            at = 16 if p[9] == 6 else 6; have = struct.unpack('>H', body[at:at + 2])[0]
            if p[9] == 17 and not have: ok = 'none'
            else:
                c = csum(p[12:20] + struct.pack('>BBH', 0, p[9], len(body)) + body[:at] + b'\0\0' + body[at + 2:])
                ok = c == have or (p[9] == 17 and c == 0 and have == 0xffff)
    elif typ == 0x86dd: walk6(p, L)
    return dict(eth=eth, layers=L, l4csum_ok=ok)


def walk4(p, L):
    if len(p) < 20: return
    hl = (p[0] & 15) * 4; fr = struct.unpack('>H', p[6:8])[0]
    L.append(dict(l='IP', src=socket.inet_ntoa(p[12:16]), dst=socket.inet_ntoa(p[16:20]), ttl=p[8], tos=hex(p[1]), id=struct.unpack('>H', p[4:6])[0], flags='+'.join(n for b, n in ((0x2000, 'MF'), (0x4000, 'DF')) if fr & b),
                  frag=fr & 0x1fff, len=struct.unpack('>H', p[2:4])[0], proto=p[9], ipcsum_ok=csum(p[:hl]) == 0))
    if not fr & 0x1fff: walk_l4(p[9], p[hl:], L)


def walk6(p, L):
    L.append(dict(l='IPv6', src=socket.inet_ntop(10, p[8:24]), dst=socket.inet_ntop(10, p[24:40]), hlim=p[7], tc=(p[0] & 15) << 4 | p[1] >> 4, plen=struct.unpack('>H', p[4:6])[0], nh=p[6]))
    walk_l4(p[6], p[40:], L)


def walk_l4(proto, b, L):
    if proto == 4: walk4(b, L)
    elif proto == 6 and len(b) >= 14: L.append(dict(l='TCP', sport=b[0] << 8 | b[1], dport=b[2] << 8 | b[3], flags=''.join(n for i, n in enumerate('FSRPAU') if b[13] & 1 << i), csum=hex(b[16] << 8 | b[17]) if len(b) >= 18 else None))
    elif proto == 17 and len(b) >= 8: L.append(dict(l='UDP', sport=b[0] << 8 | b[1], dport=b[2] << 8 | b[3], len=b[4] << 8 | b[5], csum=hex(b[6] << 8 | b[7])))
    elif proto == 1 and len(b) >= 8:
        L.append(dict(l='ICMP', type=b[0], code=b[1], mtu=(b[6] << 8 | b[7]) if b[0] == 3 else None))
        if b[0] in (3, 5, 11, 12): walk4(b[8:], L)
    elif proto == 47 and len(b) >= 4:
        c = b[0] >> 7; L.append(dict(l='GRE', proto=hex(b[2] << 8 | b[3]), csum=c)); walk4(b[4 + 4 * c:], L)
    elif proto == 58 and len(b) >= 8:
        L.append(dict(l='ICMPv6 Destination Unreachable' if b[0] == 1 else f'ICMPv6 {b[0]}', type=b[0], code=b[1]))
        if b[0] == 1: walk6(b[8:], L)


class Tap:
    """Copies frames of a device at the moment they pass (a ring): a queued clone would show what the
    kernel or an XDP program wrote into the same memory later."""
    BLOCK, BLOCKS, FRAME = 1 << 16, 64, 1 << 11

    def __init__(self, ns, dev):
        with inside(ns): self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        n = self.BLOCK * self.BLOCKS // self.FRAME
        self.s.setsockopt(263, 5, struct.pack('IIII', self.BLOCK, self.BLOCKS, self.FRAME, n))
        self.map, self.n = mmap.mmap(self.s.fileno(), self.BLOCK * self.BLOCKS, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE), n
        self.s.bind((dev, 3))

    def frames(self):
        out = []
        for i in range(self.n):
            at = i * self.FRAME; status, _len, snap, mac = struct.unpack_from('@LIIH', self.map, at)
            if not status & 1: break
            out.append(bytes(self.map[at + mac:at + mac + snap]))
        self.map.close(); self.s.close()
        return out


# ---------------------------------------------------------------- comparison
def port(n): return str(n) if n in KNOWN_PORTS else '*'


def shape(p, conn):
    """A packet as one line without what chance decides; None for what is not compared."""
    names = [l['l'] for l in p['layers']]
    if not names or names[0] not in ('IP', 'IPv6'): return None
    if names[0] == 'IPv6' and any(n.startswith('ICMPv6') and 'Destination' not in n for n in names): return None
    if names[0] == 'IPv6' and len(names) == 1 or p['layers'][0].get('proto') == 2: return None      # IGMP, MLD
    o, is_tcp = ['>'.join(p['eth'])], conn and 'TCP' in names
    for l in p['layers']:
        n = l['l']
        if n == 'IP':
            s = f"IP {l['src']}>{l['dst']} ttl={l['ttl']} tos={l['tos']} {l['flags'] or 'noDF'}" + (f" frag={l['frag']}" if l['frag'] else '')
            if l['id'] in KNOWN_IDS and not is_tcp: s += f" id={l['id']}"
            if not is_tcp: s += f" len={l['len']}"
            o.append(s + ('' if l['ipcsum_ok'] else ' BADSUM'))
        elif n == 'IPv6': o.append(f"IPv6 {l['src']}>{l['dst']} hlim={l['hlim']} tc={l['tc']}")
        elif n == 'TCP':
            fl = ''.join(sorted(str(l['flags'])))
            if conn and 'S' not in fl and 'R' not in fl: fl = 'ack/data/fin'
            o.append(f"TCP {port(l['sport'])}>{port(l['dport'])} {fl}")
        elif n == 'UDP': o.append(f"UDP {port(l['sport'])}>{port(l['dport'])}" + ('' if is_tcp else f" len={l['len']}") + (' nosum' if l['csum'] == '0x0' else ''))
        elif n == 'ICMP': o.append(f"ICMP {l['type']}/{l['code']}" + (f" mtu={l['mtu']}" if l['type'] == 3 and l['code'] == 4 else ''))
        elif n == 'GRE': o.append(f"GRE {l['proto']} csum={int(bool(l['csum']))}")
        elif n.startswith('ICMPv6'): o.append(f"ICMPv6 unreachable code={l.get('code')}")
    if p['l4csum_ok'] is False: o.append('L4 BADSUM')
    return ' | '.join(o)


def compare(name, want, got):
    """(hard, soft) differences of one experiment."""
    hard, soft = [], []
    conn = name.endswith('-tcp') or name.startswith(('local-', 'client-on', 'nat-onearm', 'noserver', 'noservice')) and name != 'noserver-udp'
    for i, recorded in want['ifaces'].items():
        if i == 'lo': continue
        if name.startswith('arp-'):
            a, b = ({p['eth'][0] for p in ps if p['layers'] and p['layers'][0]['l'] == 'ARP' and p['eth'][1] == 'c1'} for ps in (recorded, got['ifaces'][i]))
            if a != b: hard.append(f'{i}: ARP answered by {sorted(b)}, recorded {sorted(a)}')
            continue
        end = {'d1': 'd1', 'r1': 'r1'}.get(i)
        a, b = ([s for p in ps if (not end or end in p['eth']) and (s := shape(p, conn))] for ps in (recorded, got['ifaces'][i]))
        for way in sorted({s.split(' | ')[0] for s in a + b}):
            x, y = ([s for s in q if s.split(' | ')[0] == way] for q in (a, b))
            if conn: x, y = sorted(set(x)), sorted(set(y))
            if x == y: continue
            cx, cy = collections.Counter(x), collections.Counter(y)
            if cx == cy: soft.append(f'{i} {way}: order differs')
            else:
                hard += [f'{i} - {s}' for s in (cx - cy).elements()] + [f'{i} + {s}' for s in (cy - cx).elements()]
    if not name.startswith('arp-') and plain(want['result']) != plain(got['result']): hard.append(f"result: recorded {plain(want['result'])}, here {plain(got['result'])}")
    a, b = state(name, want['ipvs']), state(name, got['ipvs'])
    soft += [f'ipvsadm - {l}' for l in a if l not in b] + [f'ipvsadm + {l}' for l in b if l not in a]
    return hard, soft


def plain(result):
    """What a client was answered, without times and ephemeral ports."""
    if isinstance(result, list): return [plain(x) for x in result]
    return re.sub(r'time=\S+ ms|(?<=:)\d{4,5}\b', '*', str(result)).strip()


def state(name, text):
    """Services, servers (counts add up over the recording's experiments) and this experiment's connections."""
    k = ORDER.index(name) + 1
    mine = (f'10.1.{k}.', f'10.2.{k}.', '10.0.0.254:') + (('10.9.9.1:',) if name.startswith('client-on') else ())
    lines = set()
    for l in text.splitlines():
        f = l.split()
        if f[:1] == ['->'] and len(f) == 6: f = f[:4]
        elif len(f) >= 6 and f[0] in ('TCP', 'UDP') and ':' in f[3]:
            if not f[3].startswith(mine): continue
            h, p = f[3].rsplit(':', 1); f = [f[0], f[2], f"{h}:{port(int(p)) if p.isdigit() else p}"] + f[4:]
        lines.add(' '.join(f))
    return sorted(lines)


# ---------------------------------------------------------------- the net
def talk(ns, name):
    """The server programs of one host."""
    enter(ns)
    def serve_tcp(p):
        s = socket.socket(); s.setsockopt(1, 2, 1); s.bind(('', p)); s.listen(50)
        def one(c):
            try:
                while d := c.recv(65536):
                    if d.startswith(b'BIG'): c.send(b'z' * 4000)
            except OSError: pass
            c.close()
        while True:
            c, a = s.accept(); c.send(f'{name} {c.getsockname()[0]} peer={a[0]}:{a[1]}\n'.encode()); threading.Thread(target=one, args=(c,), daemon=True).start()
    def serve_udp(p):
        s = socket.socket(2, 2); s.setsockopt(0, 8, 1); s.bind(('', p))
        while True:
            d, anc, _f, a = s.recvmsg(65536, 200); me = next(v[8:12] for lv, t, v in anc if lv == 0 and t == 8)
            s.sendmsg([f'{name} len={len(d)}'.encode()], [(0, 8, bytes(4) + me + me)], 0, a)
    for f, p in ((serve_tcp, 80), (serve_tcp, 8080), (serve_udp, 5353)): threading.Thread(target=f, args=(p,), daemon=True).start()
    serve_udp(53)


def open_tunnels(ns, mac):
    """Takes IPIP, GUE and plain GRE apart and puts the inner packet on the link v0-v1 of the same host."""
    enter(ns)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); out.bind(('v0', 0))
    gue = socket.socket(2, 2); gue.bind(('10.0.0.11', 6080))
    raw = {socket.socket(2, socket.SOCK_RAW, 4): 4, socket.socket(2, socket.SOCK_RAW, 47): 47, gue: 17}
    def l4fix(p):
        hl = (p[0] & 15) * 4; b = bytearray(p); at = hl + (16 if p[9] == 6 else 6); b[at:at + 2] = b'\0\0'
        b[at:at + 2] = struct.pack('>H', csum(bytes(b[12:20]) + struct.pack('>BBH', 0, p[9], len(b) - hl) + bytes(b[hl:])) or 0xffff); return bytes(b)
    while True:
        for s in select.select(list(raw), [], [])[0]:
            p = s.recv(65536)
            if raw[s] != 17: p = p[(p[0] & 15) * 4:]
            if raw[s] == 47:
                if p[0] or p[1] or p[2:4] != b'\x08\0': continue
                p = p[4:]
            elif raw[s] == 17:
                if p[0] >> 6 == 0:
                    rem, n = p[0] & 31 and p[3] & 1, 4 + (p[0] & 31) * 4; p = p[n:]
                    if rem: p = l4fix(p)
            if p and p[0] >> 4 == 4: out.send(mac + b'\2\0\0\0\0\1' + b'\x08\0' + p)


class Net:
    def __init__(self, session, target, name):
        self.s, self.t, self.name, self.k, self.pids = session, target, name, ORDER.index(name) + 1, []
        # Replies of rs1 go straight to the client; rs1 has the VIP.
        self.direct = name.startswith(('dr-', 'tun-', 'local-')) and name != 'dr-mtu-df'
        self.vip = self.direct or name.startswith('arp-') or name in ORDER[-2:]
        tag = f'{session.prefix}-k{self.k}'
        self.ns = {n: tag + n for n in ('cl', 'd', 'sw', 'rs1', 'rs2')}
        for n in self.ns.values(): self.add_host(n)
        self.cable()
        self.offloads()
        self.bridge()
        self.address_director(); self.address_client(); self.address_server('1'); self.address_server('2')
        self.start_servers()
        attach(target, self.ns['d'], 'd0', 'd1')
        self.settle()

    def add_host(self, ns):
        add_ns(ns)
        with inside(ns):
            for c in ('all', 'default'): self.ctl(f'ipv4/conf/{c}/rp_filter', 0); self.ctl(f'ipv6/conf/{c}/accept_dad', 0); self.ctl(f'ipv4/conf/{c}/send_redirects', 0)
            self.ctl('ipv4/icmp_ratelimit', 0); self.ctl('ipv6/icmp/ratelimit', 0); self.ctl('ipv4/conf/all/accept_local', 1)
            self.ctl('ipv4/ip_nonlocal_bind', int(ns == self.ns['cl']))
            if ns == self.ns['d']: self.ctl('ipv4/ip_forward', 1); self.ctl('ipv6/conf/all/forwarding', 1)

    def cable(self):
        N = self.ns
        ip_batch(N['d'], f'''link set lo up
link add d0 address {MAC['d0']} type veth peer name c0 address {MAC['c0']} netns {N['cl']}
link add d1 address {MAC['d1']} type veth peer name pd netns {N['sw']}
''')
        ip_batch(N['cl'], f"link add c1 address {MAC['c1']} type veth peer name pc netns {N['sw']}\n")
        for i in '12': ip_batch(N['rs' + i], f"link add r{i} address {MAC['r' + i]} type veth peer name p{i} netns {N['sw']}\n")
        ip_batch(N['rs1'], 'link add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up\n')

    def offloads(self):
        """None, so that what is on the wire is what was sent; but GRO where XDP on veth needs it."""
        xdp = bool(self.t.svs)
        for n, devs in (('d', 'd0 d1'), ('cl', 'c0 c1'), ('rs1', 'r1'), ('rs2', 'r2'), ('sw', 'pd p1 p2 pc')):
            for dev in devs.split():
                gro = 'on' if xdp and dev in ('d0', 'd1', 'c0', 'pd') else 'off'
                ethtool(self.t, self.ns[n], (dev, 'tx off rx off tso off gso off sg off'), (dev, 'gro ' + gro))

    def bridge(self):
        ports = ''.join(f'link set {p} master br0\nlink set {p} up\n' for p in ('pd', 'p1', 'p2', 'pc'))
        ip_batch(self.ns['sw'], f'link add br0 type bridge\n{ports}link set br0 up\n')

    def address_director(self):
        ip_batch(self.ns['d'], ('link set d1 mtu 1400\n' if 'mtu-' in self.name else '') + '''addr add 192.168.1.1/24 dev d0
addr add fd00:c::1/64 dev d0 nodad
addr add 10.0.0.1/24 dev d1
addr add fd00:b::1/64 dev d1 nodad
link set d0 up
link set d1 up
addr add 10.9.9.1/32 dev lo
addr add fd00:9::1/128 dev lo nodad
route add 10.1.0.0/16 via 192.168.1.2
route add 10.2.0.0/16 via 192.168.1.2
''')

    def address_client(self):
        ip_batch(self.ns['cl'], '''link set lo up
addr add 192.168.1.2/24 dev c0
addr add fd00:c::2/64 dev c0 nodad
link set c0 up
addr add 10.0.0.254/24 dev c1
addr add fd00:b::254/64 dev c1 nodad
link set c1 up
route add local 10.1.0.0/16 dev lo
route add default via 192.168.1.1
route add default via fd00:c::1
route add 10.0.0.11 via 192.168.1.1
route add 10.0.0.12 via 192.168.1.1
''' + ('route add 10.9.9.1 dev c1\n' if self.name.startswith('arp-') else ''))

    def address_server(self, i):
        ns, first = self.ns['rs' + i], i == '1'
        if first and self.vip and self.name != 'arp-rs-vip-on-lo-default':
            with inside(ns): self.ctl('ipv4/conf/all/arp_ignore', 1); self.ctl('ipv4/conf/all/arp_announce', 2)
        gateway = '10.0.0.254' if first and self.direct else '10.0.0.1'
        vip = 'addr add 10.9.9.1/32 dev lo\n' if first and self.vip else ''
        ip_batch(ns, f'link set lo up\naddr add 10.0.0.1{i}/24 dev r{i}\naddr add fd00:b::1{i}/64 dev r{i} nodad\nlink set r{i} up\nroute add default via {gateway}\n{vip}')
        if first:
            with inside(ns):
                for c in ('v0', 'v1', 'r1'): self.ctl(f'ipv4/conf/{c}/rp_filter', 0)

    def start_servers(self):
        for n, who in (('rs1', 'rs1'), ('rs2', 'rs2'), ('d', 'director')): self.pids.append(self.s.fork(lambda n=n, who=who: talk(self.ns[n], who)))
        if self.name.startswith('tun-'):
            with inside(self.ns['rs1']): mac = bytes.fromhex(json.loads(sh('ip -j link show v1').stdout)[0]['address'].replace(':', ''))
            self.pids.append(self.s.fork(lambda: open_tunnels(self.ns['rs1'], mac)))

    def settle(self):
        """Neighbours are known, servers are up, the bridge has learnt."""
        deadline = time.time() + 10
        for n, to in (('d', '10.0.0.11'), ('d', '10.0.0.12'), ('d', '192.168.1.2'), ('rs1', '10.0.0.1'), ('rs1', '10.0.0.254'), ('rs2', '10.0.0.1'), ('cl', '192.168.1.1')):
            if not self.name.startswith('arp-'): self.nudge(n, socket.AF_INET, to)
        if self.name == 'noserver-v6': self.nudge('cl', socket.AF_INET6, 'fd00:c::1')
        for n in ('rs1', 'rs2', 'd'):
            while time.time() < deadline:
                with inside(self.ns[n]): k = socket.socket()
                try: k.connect(('127.0.0.1', 8080)); k.close(); break
                except OSError: k.close(); time.sleep(0.05)
        time.sleep(0.4)

    def nudge(self, n, family, to):
        with inside(self.ns[n]): k = socket.socket(family, socket.SOCK_DGRAM)
        k.sendto(b'', (to, 9)); k.close()

    @staticmethod
    def ctl(k, v):
        try:
            with open('/proc/sys/net/' + k, 'w') as f: f.write(str(v))
        except OSError: pass

    def close(self):
        for p in self.pids: self.s.end(p)
        for n in self.ns.values(): remove_ns(n, self.t, detach=None if n == self.ns['d'] else False)

    # actions ------------------------------------------------------------
    def sock(self, typ=socket.SOCK_STREAM, tos=None, pmtu=None):
        with inside(self.ns['cl']): s = socket.socket(2, typ)
        s.setsockopt(1, 2, 1); s.bind((f'10.1.{self.k}.7', 0)); s.settimeout(1.5)
        if tos is not None: s.setsockopt(0, 1, tos)
        if pmtu is not None: s.setsockopt(0, 10, pmtu)
        return s

    def tcp(self, port=80, tos=None, big=False):
        s = self.sock(tos=tos)
        try:
            s.connect(('10.9.9.1', port)); r = s.recv(200).decode().strip()
            if big:
                s.send(b'BIG' + b'y' * 3000); n = 0
                while n < 4000: n += len(s.recv(65536))
                r += f' big={n}'
            s.shutdown(1)
            try: s.recv(10)
            except OSError: pass
            s.close(); return r
        except OSError as e: return repr(e)

    def udp(self, n=10, tos=None, pmtu=None, tries=1):
        s = self.sock(socket.SOCK_DGRAM, tos=tos, pmtu=pmtu); s.connect(('10.9.9.1', 53)); res = []
        for _ in range(tries):
            try: s.send(b'x' * n); res.append(s.recv(100).decode())
            except OSError as e: res.append(repr(e))
            time.sleep(0.2)
        s.close(); return res

    def raw(self, *packets, at=('cl', 'c0'), to='d0'):
        with inside(self.ns[at[0]]): s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind((at[1], 0))
        for p in packets: s.send(frame(at[1], to, p)); time.sleep(0.05)
        s.close()


VIP = '10.9.9.1'


class Crafted:
    """Packets from the hosts 10.2.K.H to the VIP, with chosen headers."""
    def __init__(self, net): self.net, self.prefix = net, f'10.2.{net.k}'
    def host(self, h): return f'{self.prefix}.{h}'
    def udp(self, h, data=b'a', sport=1000, s=None, **k): return udp(self.host(h), VIP, sport, 53, data, s, **k)
    def tcp(self, h, sport, flags, s=None): return tcp(self.host(h), VIP, sport, 80, flags, s)


def ask_tcp(n, c): return n.tcp()
def ask_tcp_tos(n, c): return n.tcp(tos=0xb8)
def raw_nat(n, c): return n.raw(c.udp(1, id=0x1234, df=True, tos=3), c.udp(1, id=0x1235, tos=0xff), c.udp(1, ttl=2, id=0x1236), c.udp(1, ttl=1, id=0x1237), c.udp(1, b'zerocsum', s=0, id=0x1238))
def raw_dr(n, c): return n.raw(c.udp(1, id=0x1234, df=True, tos=3), c.udp(1, id=0x1235, tos=0xff), c.udp(1, ttl=2), c.udp(1, ttl=1), c.udp(1, b'badcsum', s=0x1111))
def raw_tun(n, c): return n.raw(c.udp(1, id=0x1234, df=True, tos=0xb8), c.udp(1, ttl=33, id=0x1235, tos=3), c.udp(1, ttl=2), c.udp(1, ttl=1), c.udp(1, b'm' * 1472, df=True), c.udp(1, b'n' * 1472))
def bad_checksums(n, c): return n.raw(c.udp(2, s=0x1111), c.tcp(2, 1000, 'S', 0x1111))
def midstream(n, c): return n.raw(c.tcp(6, 1000, 'A'), c.tcp(6, 1001, 'AF'), c.tcp(6, 1002, 'R'), c.tcp(6, 1003, 'SA'))
def midstream_sloppy(n, c): return n.raw(c.tcp(7, 1000, 'A'), c.tcp(7, 1001, 'AF'), c.tcp(7, 1002, 'R'))


def fragments(n, c):
    whole = c.udp(4, b'q' * 2500, id=77)[20:]
    return n.raw(ip(c.host(4), VIP, 17, whole[:1400], id=77, mf=True), ip(c.host(4), VIP, 17, whole[1400:], id=77, off=1400))


def error_from_client(n, c):
    n.raw(c.udp(5)); time.sleep(0.2)
    inner = ip(VIP, c.host(5), 17, struct.pack('>HHHH', 53, 1000, 30, 0xeda8) + b'z' * 8)
    return n.raw(icmp(c.host(99), VIP, 3, 4, 1300, inner))


def ping(n, c):
    p = n.t.run(n.ns['cl'], 'ping -c1 -W1 -I 10.1.0.7 10.9.9.1')
    return (p.stdout.split('\n') + ['', ''])[1]


def server_initiated(n, c):
    second = tcp('10.0.0.11', c.host(8), 80, 1001, 'R') if n.name.endswith('icmp_send') else tcp('10.0.0.11', c.host(8), 5000, 1000, 'S')
    return n.raw(tcp('10.0.0.11', c.host(8), 80, 1000, 'A'), second, at=('rs1', 'r1'), to='d1')


def connect_v6(n, c):
    with inside(n.ns['cl']): s = socket.socket(socket.AF_INET6)
    s.settimeout(1.5)
    try: s.connect(('fd00:9::1', 80)); return 'connected'
    except OSError as e: return repr(e)


def who_has_the_vip(n, c):
    with inside(n.ns['cl']): s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('c1', 0))
    me = bytes.fromhex(MAC['c1'].replace(':', ''))
    s.send(b'\xff' * 6 + me + struct.pack('>HHHBBH', 0x806, 1, 0x800, 6, 4, 1) + me + socket.inet_aton('10.0.0.254') + bytes(6) + socket.inet_aton(VIP))
    time.sleep(0.5)
    return ''


def from_director(n, c):
    with inside(n.ns['d']): s = socket.socket()
    s.settimeout(1.5)
    try: s.connect((VIP, 80)); r = s.recv(100).decode(); s.close(); return r
    except OSError as e: return repr(e)


def from_servers_link(n, c):
    with inside(n.ns['cl']): sh('ip route add 10.9.9.1 via 10.0.0.1 src 10.0.0.254'); s = socket.socket()
    s.settimeout(2)
    try: s.connect((VIP, 80)); return 'rc=0'
    except TimeoutError: return 'rc=28'
    except OSError as e: return repr(e)


# By the experiment's name, or how it begins (ending in *); the first that fits.
ACTIONS = {
    'nat-tcp': ask_tcp_tos, 'dr-tcp': ask_tcp_tos,
    'nat-udp': lambda n, c: n.udp(20, tos=0x10),
    'nat-raw-ttl-df-id': raw_nat, 'dr-raw-ttl-df-id': raw_dr, 'nat-badcsum': bad_checksums,
    'nat-frag': fragments, 'dr-frag': fragments,
    'nat-icmp-error-from-client': error_from_client, 'nat-icmp-error-from-rs': lambda n, c: n.udp(5),
    'nat-ping-vip': ping, 'nat-midstream-ack': midstream, 'nat-midstream-ack-sloppy': midstream_sloppy,
    'nat-rs-initiated*': server_initiated,
    'noserver-tcp': ask_tcp, 'noserver-weight0': ask_tcp, 'dr-unreachable-rs': ask_tcp, 'local-*': ask_tcp,
    'noserver-udp': lambda n, c: n.udp(), 'noserver-v6': connect_v6, 'noservice-tcp': lambda n, c: n.tcp(port=99),
    'nat-mtu-df': lambda n, c: n.udp(1450, pmtu=2, tries=3), 'nat-mtu-nodf': lambda n, c: n.udp(1450, pmtu=0),
    'dr-mtu-df': lambda n, c: n.raw(c.udp(9, b'x' * 1450, df=True), c.udp(9, b'x' * 1450, sport=1001)),
    'arp-*': who_has_the_vip,
    'tun-ipip-tcp': lambda n, c: n.tcp(tos=0xb8, big=True), 'tun-gre-tcp': lambda n, c: n.tcp(tos=0xb8, big=True),
    'tun-*-tcp': ask_tcp_tos, 'tun-*': raw_tun,
    'client-on-director-nat': from_director, 'nat-onearm-client-same-lan': from_servers_link,
}


def action(n, name):
    """Does what an experiment does; what came of it."""
    for pattern, act in ACTIONS.items():
        if fnmatch.fnmatchcase(name, pattern): return act(n, Crafted(n))
    raise KeyError(f'{name}: nobody knows what this experiment does')


def experiment(session, target, name, rec):
    n = Net(session, target, name)
    try:
        for c in rec['config']:
            p = target.run(n.ns['d'], 'ipvsadm ' + c.strip() if c.startswith('-') else c)
            if p.returncode: raise RuntimeError(f'{c}: exit {p.returncode}: {(p.stdout + p.stderr).strip()[-300:]}')
        taps, got = {}, {}
        for i, (ns, dev) in {'d0': ('cl', 'c0'), 'd1': ('sw', 'pd'), 'r1': ('rs1', 'r1'), 'c1': ('cl', 'c1')}.items():
            if i not in rec['ifaces']: continue
            taps[i] = Tap(n.ns[ns], dev)
        result = action(n, name); time.sleep(0.6)
        for i, tap in taps.items(): got[i] = [decode(f) for f in tap.frames()]
        return dict(result=result, ipvs=target.run(n.ns['d'], 'ipvsadm -Ln; ipvsadm -Lcn').stdout, ifaces=got)
    finally: n.close()


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs'); ap.add_argument('--filter', help='only experiments whose name contains this (comma: any of)')
    ap.add_argument('--json', default='failures-wire.json'); ap.add_argument('-v', '--verbose', action='store_true'); ap.add_argument('paths', nargs='*', help='records (default: those in Tests/Records)')
    a = ap.parse_args()
    if os.geteuid(): sys.exit('run as root')
    recs = {}
    for f in collect(a.paths, ('cases/forwarding.json',)):
        d = json.load(open(f))
        if isinstance(d, dict) and d and all(isinstance(v, dict) and 'ifaces' in v for v in d.values()): recs.update(d)
    names = [n for n in ORDER if n in recs and (not a.filter or any(x in n for x in a.filter.split(',')))]
    for n in sorted(set(recs) - set(ORDER)): print(f'skipped {n}: not known to this program')
    if not names and not a.filter and recs: finish(0, 0, 0, [], a.json)
    if not names: sys.exit('no experiment selected')
    load_modules(); target = Target(a.ipvsadm, a.svs); session = Session(target)
    t0, stats, bad = time.time(), collections.defaultdict(collections.Counter), []
    for name in names:
        t = time.time()
        try: got = experiment(session, target, name, recs[name]); hard, soft = compare(name, recs[name], got)
        except Exception as e: got, hard, soft = None, [f'error: {type(e).__name__}: {e}'], []
        verdict = 'failed' if hard else 'soft' if soft else 'passed'
        stats[name.split('-')[0]][verdict] += 1
        if verdict != 'passed' or a.verbose:
            print(f"{verdict.upper():6} {name}: {recs[name]['desc']} ({time.time() - t:.1f} s)")
            for l in (hard + soft)[:14]: print('    ' + l)
            sys.stdout.flush()
        if verdict != 'passed': bad.append(dict(name=name, verdict=verdict, config=recs[name]['config'], differences=hard, soft=soft, got=got))
    print(); tot = collections.Counter()
    for v in stats.values(): tot.update(v)
    table(['family', 'experiments', 'passed', 'failed', 'soft'], [[k, sum(v.values()), v['passed'], v['failed'], v['soft']] for k, v in stats.items()])
    print(f'{time.time() - t0:.0f} s, {(time.time() - t0) / len(names):.1f} s each')
    finish(tot['passed'], tot['failed'], tot['soft'], bad, a.json, dict(program=target.ipvsadm))


if __name__ == '__main__': main()
