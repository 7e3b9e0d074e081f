"""Shared parts of the acceptance runners: namespaces, clean-up, the implementation under test, reports.

Nothing here knows IPVS; only Python's standard library and iproute2 are used.
"""
import atexit, ctypes, errno, fcntl, glob, ipaddress, json, os, re, shutil, signal, subprocess, sys, tempfile, time

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET, CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_BIND = 0x40000000, 0x20000, 0x4000, 0x40000, 0x1000
_HOME = os.open('/proc/self/ns/net', os.O_RDONLY)
_FDS = {}


def _call(name, *args):
    if getattr(_libc, name)(*args):
        e = ctypes.get_errno()
        raise OSError(e, f'{name}: {os.strerror(e)}')


def enter(ns):
    """Moves this thread into namespace `ns` ('' = where we started)."""
    if ns and ns not in _FDS:
        _FDS[ns] = os.open('/run/netns/' + ns, os.O_RDONLY | os.O_CLOEXEC)
    _call('setns', _FDS[ns] if ns else _HOME, CLONE_NEWNET)


class inside:
    """with inside(ns): ... runs the body in network namespace `ns`."""
    def __init__(self, ns): self.ns = ns
    def __enter__(self): enter(self.ns)
    def __exit__(self, *a): enter('')


def die_with_parent(sig=signal.SIGKILL):
    _libc.prctl(1, sig, 0, 0, 0)


def private_mounts(binds):
    """Gives this process mounts of its own and lays each file of {target: source} over its target."""
    _call('unshare', CLONE_NEWNS)
    _call('mount', b'none', b'/', None, MS_REC | MS_PRIVATE, None)
    for target, source in binds.items():
        if os.path.exists(target):
            _call('mount', source.encode(), os.path.realpath(target).encode(), None, MS_BIND, None)


class Target:
    """The implementation under test: its two programs, and the environment in which commands find them."""
    def __init__(self, ipvsadm=None, svs=None):
        self.shim = None
        self.svs = os.path.abspath(shutil.which(svs) or svs) if svs else None
        path = []
        if ipvsadm:
            ipvsadm = os.path.abspath(shutil.which(ipvsadm) or ipvsadm)
            if not os.access(ipvsadm, os.X_OK): sys.exit(f'{ipvsadm}: not an executable')
            if os.path.basename(ipvsadm) == 'ipvsadm': path.append(os.path.dirname(ipvsadm))
            else:
                self.shim = tempfile.mkdtemp(prefix='acc-shim.')
                os.symlink(ipvsadm, self.shim + '/ipvsadm'); path.append(self.shim)
                atexit.register(shutil.rmtree, self.shim, True)
        if self.svs:
            if not os.access(self.svs, os.X_OK): sys.exit(f'{self.svs}: not an executable')
            path.append(os.path.dirname(self.svs))
        self.env = dict(os.environ, PATH=':'.join(path + [os.environ.get('PATH', ''), '/usr/sbin:/sbin:/usr/bin:/bin']), LC_ALL='C')
        self.ipvsadm = shutil.which('ipvsadm', path=self.env['PATH'])
        if not self.ipvsadm: sys.exit('no ipvsadm: give --ipvsadm PATH')

    def translate(self, cmd):
        """Commands on kernel files that only a kernel with ip_vs has are sent to SVS instead."""
        if not self.svs: return cmd
        if re.search(r'\bsysctl\b.*net\.ipv4\.vs\.', cmd) and not os.path.exists('/proc/sys/net/ipv4/vs'):
            cmd = re.sub(r'\bsysctl\s+-q?w', f'{self.svs} sysctl -w', cmd)
            cmd = re.sub(r'(?<!svs )\bsysctl\s+-q\s+-w', f'{self.svs} sysctl -w', cmd)
        if not os.path.exists('/proc/net/ip_vs'):
            cmd = re.sub(r'\bcat /proc/net/(ip_vs\w*)', rf'{self.svs} proc \1', cmd)
        return cmd

    def run(self, ns, cmd, timeout=60):
        """Runs a shell command (or an argv list) in namespace `ns`."""
        with inside(ns):
            if isinstance(cmd, str):
                cmd = self.translate(cmd)
                cmd = ['bash', '-c', cmd] if re.search(r'[|&;<>$"\'\\*]', cmd) else cmd.split()
            return subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors='replace', env=self.env, timeout=timeout)


def sh(cmd, check=True, inp=None):
    p = subprocess.run(cmd, shell=isinstance(cmd, str), input=inp, capture_output=True, text=True, **({} if inp is not None else {'stdin': subprocess.DEVNULL}))
    if check and p.returncode: raise RuntimeError(f'{cmd}: {p.stderr.strip()}')
    return p


def ip_batch(ns, text):
    with inside(ns): p = sh(['ip', '-b', '-'], False, text)
    if p.returncode: raise RuntimeError(f'ip -b in {ns}: {p.stderr.strip()}')


def load_modules():
    """Only of use where the kernel has ip_vs (the oracle VM)."""
    sh('modprobe ip_vs 2>/dev/null && modprobe -a ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_lblc ip_vs_lblcr ip_vs_dh ip_vs_sh ip_vs_sed ip_vs_nq ip_vs_fo ip_vs_ovf ip_vs_mh ip_vs_pe_sip dummy 2>/dev/null', False)


class Session:
    """Owns every namespace whose name begins with our prefix and removes them on any exit.

    A lock file says that a prefix is in use, so what a killed run left behind is removed by the next one."""
    DIR = '/run/ipvs-acceptance'

    def __init__(self, target):
        os.makedirs(self.DIR, exist_ok=True)
        self.target, self.children, self.owner = target, [], os.getpid()
        for f in glob.glob(self.DIR + '/*.lock'):
            fd = os.open(f, os.O_RDWR)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._sweep(os.path.basename(f)[:-5]); os.unlink(f)
            except OSError: pass
            os.close(fd)
        self.prefix = f'acc{os.getpid()}x{int(time.time()) % 10000}'
        self.lock = os.open(f'{self.DIR}/{self.prefix}.lock', os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        atexit.register(self.close)
        for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(s, lambda n, f: sys.exit(128 + n))

    def _sweep(self, prefix):
        for n in sorted(os.listdir('/run/netns') if os.path.isdir('/run/netns') else []):
            if n.startswith(prefix + '-'): remove_ns(n, self.target, detach=False if re.search(r'(cl|sw|rs\d?)$', n) else None)

    def close(self):
        if os.getpid() != self.owner: return
        self.owner = None
        for p in self.children:
            try: os.kill(p, signal.SIGKILL); os.waitpid(p, 0)
            except (ProcessLookupError, ChildProcessError): pass
        enter(''); self._sweep(self.prefix)
        try: os.unlink(f'{self.DIR}/{self.prefix}.lock')
        except OSError: pass

    def fork(self, body):
        """Runs body() in a child that dies with us; its pid."""
        p = os.fork()
        if p == 0:
            try:
                die_with_parent()
                for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(s, signal.SIG_DFL)
                body()
            except BaseException as e:
                if not isinstance(e, SystemExit): print('child:', repr(e), file=sys.stderr)
            finally: os._exit(0)
        self.children.append(p)
        return p

    def end(self, pid):
        if pid in self.children:
            self.children.remove(pid)
            try: os.kill(pid, signal.SIGKILL); os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError): pass


def add_ns(name): sh(['ip', 'netns', 'add', name])


def remove_ns(name, target, detach=None):
    """Detaches SVS where it may be attached, then deletes the namespace."""
    path = '/run/netns/' + name
    if not os.path.exists(path): return
    if target.svs and detach is not False:
        try: target.run(name, [target.svs, 'detach'], 20)
        except Exception: pass
    fd = _FDS.pop(name, None)
    if fd is not None: os.close(fd)
    sh(['ip', 'netns', 'del', name], False)


def ethtool(target, ns, *pairs):
    """ethtool(t, ns, ('c0', 'tx off'), ...): sets offloads; what a driver lacks is ignored."""
    with inside(ns):
        for dev, what in pairs: sh(f'ethtool -K {dev} {what}', False)


def attach(target, ns, *devs):
    """Puts the dataplane on the director's devices (only with --svs)."""
    if not target.svs: return
    p = target.run(ns, [target.svs, 'attach', *devs])
    if p.returncode: raise RuntimeError(f'svs attach {" ".join(devs)}: {p.returncode} {(p.stdout + p.stderr).strip()[-400:]}')


def norm_dest(text):
    a, p = text.rsplit(':', 1)
    return f'[{ipaddress.ip_address(a[1:-1])}]:{p}' if a[0] == '[' else f'{a}:{p}'


def errname(e):
    return errno.errorcode.get(e.errno, str(e.errno)) if e.errno else 'TIMEOUT'


def table(head, rows):
    rows = [head] + [[str(c) for c in r] for r in rows]
    w = [max(len(r[i]) for r in rows) for i in range(len(head))]
    for r in rows: print('  '.join(c.ljust(w[i]) if i == 0 else c.rjust(w[i]) for i, c in enumerate(r)).rstrip())


def finish(passed, failed, soft, failures, path, extra=None):
    """Writes the failures as JSON, prints the verdict, leaves with the exit status."""
    try:
        with open(path, 'w') as f: json.dump(dict(passed=passed, failed=failed, soft=soft, **(extra or {}), failures=failures), f, indent=1)
        print(f'failures written to {path}')
    except OSError as e: print(f'{path}: {e.strerror}: failures not written', file=sys.stderr)
    print(f'{passed} passed, {failed} failed, {soft} soft', flush=True)
    sys.exit(1 if failed else 0)


def uses(words, commands):
    """Whether one of the comma-separated words stands in one of the commands."""
    return bool(set(words.split(',')) & {w for c in commands for w in re.split(r'(?:\s|\\n|[\'"])+', c)})


def collect(paths, pattern='*.json'):
    """The JSON files named, and those in the folders named."""
    out = []
    for p in paths:
        if os.path.isdir(p): out += sorted(glob.glob(os.path.join(p, pattern)))
        elif os.path.exists(p): out.append(p)
        else: sys.exit(f'{p}: no such file')
    return out
