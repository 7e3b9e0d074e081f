#!/usr/bin/env python3
"""Runs in the guest: loads the director on this kernel and sends real traffic through every forwarding method.

    check.py --svs PATH --ipvsadm PATH     our programs
    check.py --ipvsadm PATH                the kernel's own IPVS behind its own ipvsadm, to check this check

     cl (c0 192.168.1.2) -- d0 [director] d1 -- br0 -- rs1, rs2, rs3 (10.0.0.11-13), c1 (10.0.0.254 in cl)

Clients 10.1.0.0/24 are answered through the director (NAT), 10.2.0.0/24 directly over c1 (DR, TUN).
"""
import argparse, collections, ctypes, hashlib, http.client, http.server, os, signal, socket, socketserver, struct
import subprocess, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)
VIP, VIP6 = '10.9.9.1', 'fd00:9::1'
SERVERS = {f'rs{i}': (f'10.0.0.1{i}', f'fd00:b::1{i}') for i in (1, 2, 3)}
PORTS = (80, 81, 82, 8080)
BODY = bytes(range(251)) * 4096


def enter(namespace):
    with open(f'/run/netns/{namespace}') as file:
        if libc.setns(file.fileno(), 0x40000000): raise OSError(ctypes.get_errno(), f'setns {namespace}')


def run(namespace, *command, check=True):
    """A command in a namespace; only the network changes, mounts stay as they are."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          preexec_fn=(lambda: enter(namespace)) if namespace else None)
    if check and done.returncode:
        raise AssertionError(f'{" ".join(command)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}')
    return done.stdout


def until(what, condition, seconds=15):
    """Waits for a condition, and says what was waited for when it does not come."""
    end = time.monotonic() + seconds
    while not (seen := condition()):
        if time.monotonic() > end: raise AssertionError(f'{what}: not within {seconds} s')
        time.sleep(0.05)
    return seen


# ---------------------------------------------------------------- the hosts
def batch(namespace, text):
    done = subprocess.run(['ip', '-b', '-'], input=text, capture_output=True, text=True, preexec_fn=lambda: enter(namespace))
    if done.returncode: raise AssertionError(f'ip -b in {namespace}: {done.stderr.strip()}')


def sysctl(namespace, **values):
    run(namespace, 'sysctl', '-qw', *[f'{k.replace("__", ".")}={v}' for k, v in values.items()])


def build_hosts(director_here=False):
    """Makes the hosts; the director is a namespace as the others are, or the one that we are in."""
    for name in ('cl', 'd', 'lan', *SERVERS):
        if name == 'd' and director_here: run(None, 'ip', 'netns', 'attach', 'd', str(os.getpid()))
        else: run(None, 'ip', 'netns', 'add', name)
        sysctl(name, net__ipv6__conf__all__accept_dad=0, net__ipv6__conf__default__accept_dad=0,
               net__ipv4__conf__all__rp_filter=0, net__ipv4__conf__default__rp_filter=0)
        batch(name, 'link set lo up\n')
    sysctl('d', net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1,
           net__ipv4__conf__all__send_redirects=0, net__ipv4__conf__default__send_redirects=0)
    batch('lan', 'link add br0 type bridge\nlink set br0 up\n')
    batch('d', f'''link add d0 type veth peer name c0 netns cl
link add d1 type veth peer name d1p netns lan
addr add 192.168.1.1/24 dev d0
addr add fd00:c::1/64 dev d0 nodad
addr add 10.0.0.1/24 dev d1
addr add fd00:b::1/64 dev d1 nodad
addr add {VIP}/32 dev lo
addr add {VIP6}/128 dev lo nodad
link set d0 up
link set d1 up
route add 10.1.0.0/16 via 192.168.1.2
route add fd00:1::/64 via fd00:c::2
''')
    batch('cl', f'''link add c1 type veth peer name c1p netns lan
addr add 192.168.1.2/24 dev c0
addr add fd00:c::2/64 dev c0 nodad
addr add 10.0.0.254/24 dev c1
addr add fd00:b::254/64 dev c1 nodad
link set c0 up
link set c1 up
route add local 10.1.0.0/24 dev lo
route add local 10.2.0.0/24 dev lo
route add local fd00:1::/64 dev lo
route add local fd00:2::/64 dev lo
route add {VIP}/32 via 192.168.1.1
route add {VIP6}/128 via fd00:c::1
''')
    sysctl('cl', net__ipv4__ip_nonlocal_bind=1, net__ipv6__ip_nonlocal_bind=1)
    for name, (v4, v6) in SERVERS.items():
        batch(name, f'''link add e0 type veth peer name {name}p netns lan
addr add {v4}/24 dev e0
addr add {v6}/64 dev e0 nodad
link set e0 up
route add default via 10.0.0.1
route add default via fd00:b::1
route add 10.2.0.0/24 via 10.0.0.254
route add fd00:2::/64 via fd00:b::254
''')
        run(name, 'ethtool', '-K', 'e0', 'tx', 'off')
    for port in ('d1p', 'c1p', *(f'{n}p' for n in SERVERS)):
        batch('lan', f'link set {port} master br0\nlink set {port} up\n')
        run('lan', 'ethtool', '-K', port, 'gro', 'on')
    for namespace, device in (('cl', 'c0'), ('cl', 'c1')): run(namespace, 'ethtool', '-K', device, 'tx', 'off', 'gro', 'on')


def take_vip(tunnel):
    """The real servers answer for the VIP but not on ARP; for TUN they also open the tunnel."""
    for name, (v4, v6) in SERVERS.items():
        sysctl(name, net__ipv4__conf__all__arp_ignore=1, net__ipv4__conf__all__arp_announce=2)
        batch(name, f'addr replace {VIP}/32 dev lo\naddr replace {VIP6}/128 dev lo nodad\n')
        if tunnel:
            batch(name, f'link add t4 type ipip local {v4}\nlink set t4 up\nlink add t6 type ip6tnl mode ip6ip6 local {v6}\nlink set t6 up\n')
            sysctl(name, net__ipv4__conf__t4__rp_filter=0)


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        body = BODY if self.path == '/body' else self.server.name.encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)

    def log_message(self, *_): pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, address_family, request_queue_size = True, socket.AF_INET6, 64

    def handle_error(self, *_): pass  # clients that reset are part of the check

    def server_bind(self):  # HTTPServer's own asks for the host's name, and nobody answers here
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        socketserver.TCPServer.server_bind(self); self.server_name, self.server_port = 'rs', self.server_address[1]


def serve(name, children):
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            enter(name)
            servers = [Server(('::', port), Answer) for port in PORTS]
            for server in servers:
                server.name = name; threading.Thread(target=server.serve_forever, daemon=True).start()
            os.write(tell, b'x'); signal.pause()
        finally: os._exit(1)
    children.append(child); os.close(tell)
    if os.read(ready, 1) != b'x': raise AssertionError(f'the web server in {name} did not start')
    os.close(ready)


# ---------------------------------------------------------------- clients
def fetch(source, vip, port=80, path='/', reset=False):
    """One request on a connection of its own; with reset it ends with RST."""
    connection = http.client.HTTPConnection(vip, port, timeout=10, source_address=(source, 0))
    connection.request('GET', path); body = connection.getresponse().read()
    if reset: connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()
    return body


def curl(source, vip, port):
    host = f'[{vip}]' if ':' in vip else vip
    return run('cl', 'curl', '-sS', '--max-time', '10', '--interface', source, f'http://{host}:{port}/')


# ---------------------------------------------------------------- what the kernel holds
class Programs:
    """The BPF programs loaded on this kernel: name, translated and verifier-processed instructions."""

    @staticmethod
    def call(command, attributes):
        buffer = ctypes.create_string_buffer(attributes, 128)
        got = libc.syscall(321, command, buffer, 128)
        return got, buffer.raw

    @classmethod
    def all(cls):
        found, last = {}, 0
        while True:
            got, raw = cls.call(11, struct.pack('I', last))  # BPF_PROG_GET_NEXT_ID
            if got < 0: return found
            last = struct.unpack_from('I', raw, 4)[0]
            fd, _ = cls.call(13, struct.pack('I', last))     # BPF_PROG_GET_FD_BY_ID
            if fd < 0: continue
            info = ctypes.create_string_buffer(256)
            if cls.call(15, struct.pack('IIQ', fd, 256, ctypes.addressof(info)))[0] == 0:  # BPF_OBJ_GET_INFO_BY_FD
                name = info.raw[64:80].split(b'\0')[0].decode()
                found[last] = (name, struct.unpack_from('I', info.raw, 20)[0] // 8, struct.unpack_from('I', info.raw, 216)[0])
            os.close(fd)


def attached(device): return 'xdp' in run('d', 'ip', '-d', 'link', 'show', 'dev', device)


class Check:
    def __init__(self, options):
        self.ipvsadm, self.svs, self.passed, self.failed, self.children = options.ipvsadm, options.svs, 0, 0, []

    def step(self, name, body):
        started = time.monotonic()
        try: body(); self.passed += 1; word = 'ok    '
        except Exception as error: self.failed += 1; word = 'FAILED'; name += f': {type(error).__name__}: {error}'
        print(f'{word} {time.monotonic() - started:5.1f} s  {name}', flush=True)
        return word == 'ok    '

    def rule(self, words): return run('d', self.ipvsadm, *words.split())

    def counts(self):
        """{real server: (active, inactive)} from ipvsadm -Ln."""
        lines = [line.split() for line in self.rule('-Ln').splitlines()]
        return {f[1]: (int(f[4]), int(f[5])) for f in lines if f and f[0] == '->' and f[1] != 'RemoteAddress:Port'}

    def programs(self):
        before = set(Programs.all())
        run('d', self.svs, 'attach', 'd0', 'd1')
        mine = {k: v for k, v in Programs.all().items() if k not in before}
        if not mine: raise AssertionError('svs attach left no BPF program')
        for device in ('d0', 'd1'):
            if not attached(device): raise AssertionError(f'no XDP program on {device}')
        print('       program          instructions  verifier steps')
        for name, translated, steps in mine.values(): print(f'       {name:16} {translated:12} {steps:15}')

    def method(self, flag, source, vip, port, real_port=None):
        """Each method has ports of its own: IPVS gives a server that returns its old connections back."""
        service = f'[{vip}]:{port}' if ':' in vip else f'{vip}:{port}'
        self.rule(f'-A -t {service} -s rr')
        try:
            for v4, v6 in SERVERS.values():
                server = f'[{v6}]' if ':' in vip else v4
                self.rule(f'-a -t {service} -r {server}:{real_port or port} {flag}')
            answers = collections.Counter([curl(source, vip, port)] + [fetch(source, vip, port).decode() for _ in range(8)])
            if answers != dict.fromkeys(SERVERS, 3): raise AssertionError(f'nine requests were answered by {dict(answers)}, not three by each')
            body = fetch(source, vip, port, '/body')
            if hashlib.sha256(body).digest() != hashlib.sha256(BODY).digest(): raise AssertionError(f'the body of {len(BODY)} bytes came back changed ({len(body)} bytes)')
            until('ten connections in ActiveConn and InActConn', lambda: sum(map(sum, self.counts().values())) == 10)
            until('all connections inactive after their FIN', lambda: sum(a for a, _ in self.counts().values()) == 0)
        finally: self.rule(f'-D -t {service}')

    def expiry(self):
        """A connection that was reset is counted in InActConn for ten seconds (state CLOSE), then no more."""
        self.rule(f'-A -t {VIP}:80 -s rr')
        try:
            # a server of its own, so that no connection of an earlier step is counted here
            self.rule(f'-a -t {VIP}:80 -r 10.0.0.11:8080 -m -w 1')
            for _ in range(5): fetch('10.1.0.9', VIP, reset=True)
            until('five reset connections in InActConn', lambda: self.counts()['10.0.0.11:8080'][1] == 5, 5)
            started = time.monotonic()
            until('their expiry', lambda: self.counts()['10.0.0.11:8080'][1] == 0, 30)
            if (took := time.monotonic() - started) < 6: raise AssertionError(f'they were gone after {took:.1f} s, not after about ten')
        finally: self.rule(f'-D -t {VIP}:80')

    def detach(self):
        run('d', self.svs, 'detach')
        for device in ('d0', 'd1'):
            if attached(device): raise AssertionError(f'{device} still has an XDP program')
        left = until('svs detach to free its programs', lambda: not Programs.all() or None)
        return left

    def all(self):
        enter('cl')
        if self.svs and not self.step('load, verify, attach (native XDP)', self.programs): return
        enter('cl')
        self.step('NAT', lambda: self.method('-m', '10.1.0.7', VIP, 80))
        self.step('expiry', self.expiry)
        self.step('NAT, IPv6', lambda: self.method('-m', 'fd00:1::7', VIP6, 80, 8080))
        take_vip(tunnel=False)
        self.step('DR', lambda: self.method('-g', '10.2.0.7', VIP, 81))
        self.step('DR, IPv6', lambda: self.method('-g', 'fd00:2::7', VIP6, 81))
        take_vip(tunnel=True)
        self.step('TUN (ipip)', lambda: self.method('-i', '10.2.0.8', VIP, 82))
        self.step('TUN, IPv6 (ip6ip6)', lambda: self.method('-i', 'fd00:2::8', VIP6, 82))
        if self.svs: self.step('detach frees all', self.detach)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--ipvsadm', required=True); parser.add_argument('--svs')
    check = Check(parser.parse_args())
    if not os.environ.get('SVS_GUEST'): sys.exit('check.py builds namespaces with fixed names; it runs in the guest of kernels/vm only.')
    print(f'kernel {os.uname().release}, up {open("/proc/uptime").read().split(".")[0]} s', flush=True)
    try:
        build_hosts()
        for name in SERVERS: serve(name, check.children)
        check.all()
    except Exception as error:
        check.failed += 1; print(f'FAILED  {type(error).__name__}: {error}', flush=True)
    finally:
        for child in check.children: os.kill(child, signal.SIGKILL)
    print(f'{check.passed} passed, {check.failed} failed', flush=True)
    sys.exit(0 if check.passed and not check.failed else 1)


if __name__ == '__main__': main()
