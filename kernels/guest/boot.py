#!/usr/bin/env python3
"""Runs in the guest that systemd booted: ipvsadm.service as an operator meets it, with real requests.

    boot.py hosts     a service before network-online.target: the hosts, their web servers, and the director's links
    boot.py check     the checks

The director is the guest itself; the hosts around it are those of check.py. What needs no systemd is in ServiceTests.
"""
import os, re, signal, socket, subprocess, sys
import check
from check import SERVERS, VIP, VIP6, fetch, run, until

RULES, CONFIG, DEFAULTS = '/etc/ipvsadm.rules', '/etc/sysconfig/ipvsadm-config', '/etc/default/svs'
UNIT = 'ipvsadm.service'


def hosts():
    """Ready when the network is; the web servers go on."""
    children = []
    check.build_hosts(director_here=True)
    check.batch('d', 'link add idle0 type dummy\nlink set idle0 up\n')  # one that nobody names
    for name in SERVERS: check.serve(name, children)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
    signal.pause()


def read(path):
    with open(path) as file: return file.read()


def write(path, text):
    with open(path, 'w') as file: file.write(text)


def systemctl(*words, check=True): return run('d', 'systemctl', *words, check=check).strip()


def rules(): return sorted(run('d', 'ipvsadm-save', '-n').split('\n'))


def expect(what, wanted, found):
    if wanted != found: raise AssertionError(f'{what}: expected {wanted!r}, found {found!r}')


def fails(*words):
    """What the unit's journal says of a systemctl command that must fail."""
    since = run(None, 'date', '+%F %T.%N').strip()
    try: systemctl(*words)
    except AssertionError: pass
    else: raise AssertionError(f'systemctl {" ".join(words)} succeeded')
    def told():
        text = run(None, 'journalctl', '--no-pager', '-o', 'cat', '-u', UNIT, '--since', since)
        return text if 'no rule was changed' in text else None
    return until('the reason in the journal', told)


def balanced(vip=VIP, source='10.1.0.7', servers=3):
    """Nine requests from the client are shared by the servers in turn."""
    check.enter('cl')
    try: answers = [fetch(source, vip).decode() for _ in range(9)]
    finally: check.enter('d')
    wanted = sorted(SERVERS)[:servers] * (9 // servers)
    expect(f'who answered at {vip}', sorted(wanted), sorted(answers))


class Boot(check.Check):
    def __init__(self):
        self.passed, self.failed, self.file = 0, 0, read(RULES)

    def booted(self):
        expect('multi-user.target', 'active', systemctl('is-active', 'multi-user.target'))
        expect('the unit', 'active', systemctl('is-active', UNIT))
        expect('is-enabled', 'enabled', systemctl('is-enabled', UNIT))
        order = [systemctl('show', '-P', 'ActiveEnterTimestampMonotonic', unit) for unit in ('network-online.target', UNIT)]
        if int(order[0]) > int(order[1]): raise AssertionError(f'{UNIT} did not wait for network-online.target')

    def listed(self):
        expect('the rules', sorted(self.file.split('\n')), rules())
        listing = run('d', 'ipvsadm', '-Ln')
        if not re.search(rf'^TCP  {re.escape(VIP)}:80 rr\n  -> 10\.0\.0\.11:80 +Masq +1 ', listing, re.M): raise AssertionError(f'ipvsadm -Ln: {listing}')

    def prepared(self):
        """Size, interfaces and knobs of /etc/default/svs."""
        status = run('d', 'svs', 'status', check=False)
        if not re.search(r'in the table +0 of 20000$', status, re.M): raise AssertionError(f'not 20000 connections: {status}')
        for device in ('d0', 'd1'):
            if not check.attached(device): raise AssertionError(f'no XDP program on {device}')
        if check.attached('idle0'): raise AssertionError('idle0 was not named, and is attached')
        expect('the knob', 'net.ipv4.vs.expire_nodest_conn = 1', run('d', 'svs', 'sysctl', 'net.ipv4.vs.expire_nodest_conn').strip())

    def requests(self):
        balanced()
        balanced(VIP6, 'fd00:1::7')

    def reload(self):
        write(RULES, self.file.replace(f'-a -t {VIP}:80 -r 10.0.0.13:80 -m -w 1\n', ''))
        systemctl('reload', UNIT)
        expect('the rules', sorted(read(RULES).split('\n')), rules())

    def stop_saves(self):
        run('d', 'ipvsadm', '-A', '-u', f'{VIP}:53', '-s', 'wlc', '-p', '90')
        before = rules()
        systemctl('stop', UNIT)
        expect('the rules after the stop', [''], rules())
        expect('the rules saved', before, sorted(read(RULES).split('\n')))
        expect('the mode of the file', '600', run(None, 'stat', '-c', '%a', RULES).strip())
        systemctl('start', UNIT)
        expect('the rules after the start', before, rules())
        systemctl('restart', UNIT)
        expect('the rules after the restart', before, rules())

    def stop_does_not_save(self):
        write(CONFIG, 'IPVS_SAVE_ON_STOP="no"\n')
        write(RULES, self.file)
        systemctl('stop', UNIT)
        expect('the file', self.file, read(RULES))
        systemctl('start', UNIT)
        self.listed(); balanced()

    def broken(self):
        """Nothing of a file that is wrong somewhere is applied, and the unit says where it is."""
        line = self.file.count('\n') + 1
        write(RULES, self.file.replace(' rr\n', ' wlc\n') + f'-A -t {VIP}:99 -s nonsense\n')
        where = f'{RULES}:{line}: Scheduler or persistence engine not found'
        if where not in (told := fails('reload', UNIT)): raise AssertionError(f'the reload said {told!r}, not {where!r}')
        self.listed(); balanced()
        expect('the unit after the reload', 'active', systemctl('is-active', UNIT))
        if where not in (told := fails('restart', UNIT)): raise AssertionError(f'the restart said {told!r}, not {where!r}')
        expect('the rules after the restart', [''], rules())
        expect('the unit after the restart', 'failed', systemctl('is-active', UNIT, check=False))
        write(RULES, self.file)
        systemctl('start', UNIT)
        self.listed(); balanced()

    def all(self):
        for name, body in (
            ('boot: multi-user.target, ipvsadm.service active after the network', self.booted),
            ('rules of /etc/ipvsadm.rules are listed', self.listed),
            ('size, interfaces and knobs of /etc/default/svs', self.prepared),
            ('requests are balanced', self.requests),
            ('reload', self.reload),
            ('stop saves, start and restart bring back', self.stop_saves),
            ('stop without IPVS_SAVE_ON_STOP leaves the file', self.stop_does_not_save),
            ('a broken file changes nothing and says where', self.broken),
        ): self.step(name, body)


def main():
    if not os.environ.get('SVS_GUEST') and sys.argv[1:] != ['hosts']: sys.exit('boot.py runs in the guest of kernels/vm -s only.')
    if sys.argv[1:] == ['hosts']: return hosts()
    if sys.argv[1:] != ['check']: sys.exit('usage: boot.py hosts | check')
    print(f'kernel {os.uname().release}, {run(None, "systemctl", "--version").split(chr(10))[0]}, up {read("/proc/uptime").split(".")[0]} s', flush=True)
    boot = Boot()
    boot.all()
    if boot.failed:
        print(run(None, 'journalctl', '--no-pager', '-o', 'short-monotonic', '-u', UNIT, '-u', 'hosts.service', '-n', '60', check=False), flush=True)
    print(f'{boot.passed} passed, {boot.failed} failed', flush=True)
    sys.exit(0 if boot.passed and not boot.failed else 1)


main()
