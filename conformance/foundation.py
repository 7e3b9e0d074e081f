#!/usr/bin/env python3
"""Replays the part of the records that the first release carries, and says in one line how it went.

    foundation.py [--ipvsadm PATH] [--svs PATH] [--jobs N] [--only cases,cli] [--list]

Selected are, from Tests/Records,
  cases  the families of the schedulers that are carried, noserver, udp, removal and reuse, as far as no command
         in them uses what SCOPE does not name, no knob is set to what KNOBS does not name, and no firewall rule is set
  cli    every sequence of commands up to the first that changes rules by what SCOPE does not name; commands that
         only read, or were refused, and are not in scope are left out; a command whose words are refused is always in
Scope follows from the commands, never from names. The last line is `N passed, M failed, K soft`; the exit status
is 0 only with M = 0.
"""
import argparse, json, os, re, shlex, subprocess, sys, tempfile
from acclib import RECORDS, collect

HERE = os.path.dirname(os.path.abspath(__file__))
FAMILIES = {'persistence', 'timed', 'sched-rr', 'sched-wrr', 'sched-lc', 'sched-wlc', 'sched-sh', 'sched-sed', 'sched-nq', 'sched-fo', 'sched-ovf', 'sched-mh', 'sched-dh', 'sched-lblc', 'sched-lblcr', 'noserver', 'udp', 'removal', 'reuse',
            'extra-rr', 'extra-wrr', 'extra-lc', 'extra-wlc', 'extra-sh'}
SCHEDULERS = {'rr', 'wrr', 'lc', 'wlc', 'sh', 'sed', 'nq', 'fo', 'ovf', 'mh', 'dh', ''}
# Options with an argument, by letter and by name; -p may do without.
LETTERS = {'t': 'tcp-service', 'u': 'udp-service', 'f': 'fwmark-service', 's': 'scheduler', 'p': 'persistent', 'M': 'netmask', 'r': 'real-server', 'w': 'weight', 'x': 'u-threshold', 'y': 'l-threshold', 'b': 'sched-flags'}
NAMES = set(LETTERS.values()) | {'sctp-service', 'pe', 'start-daemon', 'stop-daemon', 'tun-type', 'tun-port', 'mcast-interface', 'mcast-group', 'mcast-port', 'mcast-ttl', 'syncid', 'sync-maxlen'}
# Not in scope: each option with what its argument must be to be so all the same.
OUTSIDE = {
}
VIEWS = {'cat /proc/net/' + v for v in ('ip_vs', 'ip_vs_conn', 'ip_vs_stats')}
# Knobs that have their effects.
KNOBS = {'net.ipv4.vs.' + k for k in ('conn_reuse_mode', 'expire_nodest_conn', 'expire_quiescent_template', 'sloppy_tcp')}
FLAGS = {'o': 'ops', 'L': 'list', 'l': 'list', 'S': 'save'}


def options(words):
    """(name, argument) of every option in a command line, as far as scope needs them."""
    out, i = [], 0
    while i < len(words):
        w = words[i]; i += 1
        if w.startswith('--') and len(w) > 2:
            name, eq, value = w[2:].partition('=')
            if name in NAMES and not eq and not (name == 'persistent' and (i == len(words) or words[i][:1] == '-')) and i < len(words): value = words[i]; i += 1
            out.append((name, value))
        elif w[:1] == '-' and len(w) > 1:
            for j, c in enumerate(w[1:], 1):
                if c not in LETTERS: out.append((FLAGS.get(c, c), '')); continue
                value = w[j + 1:].removeprefix('=')
                if not value and not (c == 'p' and (i == len(words) or words[i][:1] == '-')) and i < len(words): value = words[i]; i += 1
                out.append((LETTERS[c], value)); break
    return out


def carried(words):
    """Whether a command line uses only what the first release carries."""
    for name, value in options(words):
        if name in OUTSIDE and value != OUTSIDE[name]: return False
    return True


def invocations(cmd):
    """The argument lists of every ipvsadm that a shell line runs, the lines of a restore among them."""
    out, text = [], None
    for part in re.split(r'\s*(?:;|&&|\|(?!\|))\s*', cmd):
        try: words = shlex.split(part)
        except ValueError: return None
        if words[:1] == ['printf']: text = words[-1]
        if words[:1] in (['ipvsadm'], ['ipvsadm-save'], ['ipvsadm-restore']):
            out.append([w for w in words[1:] if w not in ('2>/dev/null', '</dev/null')])
            if text is not None and (words[0] == 'ipvsadm-restore' or '-R' in words): out += [l.split() for l in re.split(r'\\n|\n', text)]; text = None
    return out


def refused_words(c):
    """Whether the record says that the words themselves were wrong: that comes before anything else."""
    return c['rc'] == 2 or c['rc'] == 255 and re.search(r'^Try `|: (missing argument|unknown option|option does not take an argument)$', c['stderr'].strip()) is not None


def select_cli(sequences):
    chosen = []
    for s in sequences:
        keep = []
        for c in s['commands']:
            if c['cmd'] in VIEWS: keep.append(c); continue
            if c['cmd'].startswith('cat /proc/'): continue
            lines = invocations(c['cmd'])
            simple = lines is not None and len(lines) == 1
            if lines is not None and (all(map(carried, lines)) or simple and refused_words(c)): keep.append(c); continue
            reads = simple and any(n in ('list', 'save') for n, _ in options(lines[0])[:1])
            if reads or simple and c['rc']: continue
            break
        if keep: chosen.append(dict(s, commands=keep))
    return chosen


def select_cases(cases):
    def in_scope(c):
        lines = ['ipvsadm ' + l for l in c['config']] + [st['args'] for st in c['steps'] if st['op'] == 'cmd']
        return c['family'] in FAMILIES and all(k in KNOBS for k in c.get('sysctl', {})) and all(invocations(l) is not None and all(map(carried, invocations(l))) for l in lines)
    return [c for c in cases if in_scope(c)]


def load(folder, key):
    out = []
    for f in collect([], (folder,)):
        d = json.load(open(f))
        if isinstance(d, list) and d and key in d[0]: out += d
    return out


def main():
    ap = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    ap.add_argument('--ipvsadm'); ap.add_argument('--svs'); ap.add_argument('--jobs', type=int, default=1)
    ap.add_argument('--only', default='cases,cli', help='parts to run (comma-separated)')
    ap.add_argument('--list', action='store_true', help='tell what is selected and run nothing')
    ap.add_argument('--json', default='failures-foundation.json')
    a = ap.parse_args()
    public, more = load('cli', 'commands'), load('cli-more', 'commands')
    parts = {'cases': select_cases(load('cases', 'steps')), 'cli': select_cli(public) + select_cli(more)}
    count = lambda ss: sum(len(s['commands']) for s in ss)
    print(f"cases: {len(parts['cases'])} of {len(load('cases', 'steps'))}; commands: {count(select_cli(public))} of {count(public)} public, {count(select_cli(more))} of {count(more)} of our own")
    if a.list:
        for c in parts['cases']: print(f"  {c['family']}/{c['name']}")
        for s in parts['cli']: print(f"  {s['id']}: {len(s['commands'])} commands")
        return
    total, failures = dict(passed=0, failed=0, soft=0), {}
    with tempfile.TemporaryDirectory(prefix='foundation.') as tmp:
        for part in a.only.split(','):
            selected, result = os.path.join(tmp, part + '.json'), os.path.join(tmp, part + '-result.json')
            json.dump(parts[part], open(selected, 'w'))
            cmd = [sys.executable, os.path.join(HERE, f'run_{part}.py'), '--json', result] + [x for k in ('ipvsadm', 'svs') if getattr(a, k) for x in ('--' + k, getattr(a, k))]
            if part == 'cases': cmd += ['--jobs', str(a.jobs)]
            p = subprocess.run(cmd + [selected], stdout=subprocess.PIPE, text=True)
            lines = p.stdout.splitlines()
            print('\n'.join(l for l in lines if not l.startswith('failures written') and not re.fullmatch(r'\d+ passed, \d+ failed, \d+ soft', l)), flush=True)
            if not os.path.exists(result): sys.exit(f'run_{part}.py ended with status {p.returncode} and no result')
            r = json.load(open(result)); failures[part] = r['failures']
            for k in total: total[k] += r[k]
    json.dump(failures, open(a.json, 'w'), indent=1)
    print(f"{total['passed']} passed, {total['failed']} failed, {total['soft']} soft")
    sys.exit(1 if total['failed'] else 0)


if __name__ == '__main__': main()
