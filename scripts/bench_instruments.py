#!/usr/bin/env python3
"""Takes every figure that the instruments promise, in one run, and prints for each what was asked for and measured.

    scripts/bench_instruments.py --bin .build/release [--rounds 5] [--seconds 4] [--probes 1000] [--only NAME,...] [--check]

  throughput  svs to svs against iperf3 to iperf3 over the loopback (packet-bench), each with the other's server, and eight
              clients at once on one server
  load        requests per CPU-second against wrk, and as a worker of a real Locust master (bench_load.py)
  latency     the probe against curl (bench_latency.py)

Compared programs take turns in one run, so that what disturbs the machine disturbs both; the last column tells how far
apart their rounds were.
"""
import argparse, json, os, subprocess, sys, tempfile, time

import bench_latency, bench_load
from bench_goals import Goal, show

INTEROPERATION = ['-P 4', '-R', '--bidir', '-u -b 50M', '-J', '-P 4 -R', '-u -b 50M -R']


def listening(port):
    mark = f':{port:04X}'
    return any(fields[1].endswith(mark) and fields[3] == '0A' for path in ('/proc/net/tcp', '/proc/net/tcp6')
               for fields in map(str.split, open(path).readlines()[1:]))


class Server:
    """A server of iperf3's protocol, until the end of a with statement."""
    def __init__(self, command): self.command = command

    def __enter__(self):
        self.port = bench_load.free_port()
        self.process = subprocess.Popen([*self.command, '-s', '-p', str(self.port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        # Not by a connection, which would be a client.
        while not listening(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline: self.__exit__(); sys.exit(f'{self.command} does not listen')
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate(); self.process.wait()


def begin(command, port, options):
    return subprocess.Popen([*command, '-c', '127.0.0.1', '-p', str(port), '-t', '1', *options.split()],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def served(process):
    """Whether a client's test ended well and something came."""
    output, errors = process.communicate(timeout=60)
    if process.returncode: return False
    if output.lstrip().startswith('{'): return json.loads(output)['end']['sum_received']['bytes'] > 0
    return 'receiver' in output and 'iperf Done.' in output


def throughput(options):
    svs, iperf3 = [f'{options.bin}/svs', 'bench', 'throughput'], ['iperf3']
    goals = []
    def goals_in(path):
        with open(path) as file: parts = json.load(file)['parts']
        return [Goal(g['what'], g['limit'], g['value']) for part in parts for g in part['goals'] if g['what'].startswith('throughput')]
    if options.throughput and os.path.exists(options.throughput): goals = goals_in(options.throughput)
    if not goals:
        with tempfile.NamedTemporaryFile(suffix='.json') as file:
            # Its own table goes first; a missed figure is in the file too.
            subprocess.run([f'{options.bin}/packet-bench', '--objects', options.objects, '--json', file.name, 'throughput'])
            goals = goals_in(file.name)
    for name, client, server in (("svs's client at iperf3's server", svs, iperf3), ("iperf3's client at svs's server", iperf3, svs)):
        good = 0
        with Server(server) as peer:
            for kind in INTEROPERATION: good += served(begin(client, peer.port, kind))
        goals.append(Goal(f'{name}: {", ".join(INTEROPERATION)}', len(INTEROPERATION), good, unit='tests that work'))
    with Server(svs) as peer:
        clients = [begin(iperf3, peer.port, kind) for kind in ('', '-R', '--bidir', '-P 2', '-u -b 5M', '-u -b 5M -R', '-P 4', '-b 10M')]
        goals.append(Goal("iperf3's clients at once on one svs server", 8, sum(map(served, clients)), unit='clients served'))
    return goals


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', default='.build/release')
    parser.add_argument('--objects', default='.build/bench', help='where packet-bench finds its kernel programs')
    parser.add_argument('--throughput', help="packet-bench's JSON of the same run, if it measured throughput already")
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=4, help='how long each measurement of the load takes')
    parser.add_argument('--probes', type=int, default=1000)
    parser.add_argument('--only', help='some of throughput, load, latency; with commas')
    parser.add_argument('--json', help='also write the figures to this file')
    parser.add_argument('--check', action='store_true', help='exit with 1 if a promised figure was missed')
    options = parser.parse_args()
    program = f'{options.bin}/svs'
    parts = {
        'throughput': lambda: throughput(options),
        'load': lambda: bench_load.measure(program, options.rounds, options.seconds)[0],
        'latency': lambda: bench_latency.measure(program, options.probes, 50)[0],
    }
    goals = []
    for name in (options.only.split(',') if options.only else parts):
        if name not in parts: parser.error(f'there is no {name}')
        goals += parts[name]()
        print(flush=True)
    show(goals)
    if options.json:
        with open(options.json, 'w') as file: json.dump([vars(goal) for goal in goals], file, indent=1)
    return 1 if options.check and not all(goal.is_met for goal in goals) else 0


if __name__ == '__main__': sys.exit(main())
