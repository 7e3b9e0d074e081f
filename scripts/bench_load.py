#!/usr/bin/env python3
"""Measures `svs bench load` against wrk, and its Locust worker against Locust's own, in one run, by turns.

    scripts/bench_load.py --svs .build/release/svs [--rounds 5] [--seconds 4] [--json FILE] [--check]

The target is nginx with one worker on the first processor; what is compared runs on the second one, a thread each.
Processor time is that of the generator's process alone, as the kernel counts it: of wrk the whole process, which starts
in 2 ms, of svs from the first user to the last answer.

  wrk      requests per CPU-second with 2 connections, which leave nginx time to spare; then svs at nine tenths of that
           rate, planned, with corrected latencies; and with 16 connections, which saturate nginx.
  locust   requests per second and per CPU-second of one worker of the same real Locust master (scripts/locust.sh):
           Locust's own with FastHttpUser, then svs. The time in which a worker starts is left out.
"""
import argparse, json, os, re, shutil, statistics, subprocess, sys, tempfile, time, urllib.request

from bench_goals import Goal, show

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOCUST = os.path.join(HERE, '.build/locust/bin/locust')
WRK_GOAL, LOCUST_GOAL, USERS = 0.8, 10, 20
TARGET, GENERATOR = ('0', '1') if os.cpu_count() > 1 else ('0', '0')

CONFIG = '''
pid {folder}/pid; error_log {folder}/error.log warn; daemon off; worker_processes 1;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{port}; location / {{ return 200 "Welcome\\n"; }} }}
}}
'''

LOCUSTFILE = '''
from locust import FastHttpUser, task, constant
class Visitor(FastHttpUser):
    wait_time = constant(0)
    @task
    def index(self): self.client.get("/")
'''


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """nginx, until the end of a with statement."""
    def __enter__(self):
        self.folder, self.port = tempfile.mkdtemp(prefix='svs-load-'), free_port()
        self.url = f'http://127.0.0.1:{self.port}/'
        with open(f'{self.folder}/nginx.conf', 'w') as file: file.write(CONFIG.format(folder=self.folder, port=self.port))
        self.process = subprocess.Popen(['taskset', '-c', TARGET, 'nginx', '-p', self.folder, '-c', f'{self.folder}/nginx.conf'],
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try: urllib.request.urlopen(self.url, timeout=1).read(); return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__(); sys.exit('nginx does not serve')
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate(); self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(command):
    """What a program wrote, and its seconds of processor time."""
    process = subprocess.Popen(['taskset', '-c', GENERATOR, *command], stdout=subprocess.PIPE, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode: sys.exit(f'{" ".join(command)} ended with {process.returncode}')
    return text, usage.ru_utime + usage.ru_stime


def wrk(url, connections, seconds):
    text, used = run(['wrk', '-t1', f'-c{connections}', f'-d{seconds}', url])
    count = int(re.search(r'(\d+) requests in', text)[1])
    if 'Socket errors' in text: sys.exit(f'wrk had errors: {text}')
    return {'rate': count / seconds, 'per_cpu': count / used}


def svs(program, url, users, seconds, rate=None):
    more = ['--rate', str(rate)] if rate else []
    text, _ = run([program, 'bench', 'load', url, '--threads', '1', '-u', str(users), '-t', str(seconds), '--json', '-', '-q', *more])
    result = json.loads(text)['result']
    total, used = result['total'], result['processorSeconds']
    if total['failures']: sys.exit(f'svs had failures: {text}')
    return {'rate': total['requests'] / seconds, 'per_cpu': total['requests'] / used,
            'p99': total['latency']['p99'], 'corrected_p99': total.get('correctedLatency', {}).get('p99')}


def against_wrk(program, rounds, seconds, server, report):
    def ratios(values): return [s['per_cpu'] / w['per_cpu'] for s, w in values]
    rows = {'2 connections': [], 'the same rate, planned': [], '16 connections': []}
    for number in range(rounds):
        first = wrk(server.url, 2, seconds)
        rows['2 connections'].append((svs(program, server.url, 2, seconds), first))
        rows['the same rate, planned'].append((svs(program, server.url, 16, seconds, round(0.9 * first['rate'])), first))
        second = svs(program, server.url, 16, seconds)
        rows['16 connections'].append((second, wrk(server.url, 16, seconds)))
    print('requests per CPU-second, medians        svs        wrk   svs to wrk')
    for name, values in rows.items():
        a, b = (statistics.median(v[i]['per_cpu'] for v in values) for i in (0, 1))
        print(f'  {name:28} {a:12,.0f} {b:10,.0f} {statistics.median(ratios(values)):10.2f} ×')
    latest = rows['the same rate, planned'][-1][0]
    print(f'  p99 at the planned rate: {latest["p99"] * 1e6:,.0f} µs, corrected {latest["corrected_p99"] * 1e6:,.0f} µs')
    report['wrk'] = rows
    return [Goal.ratio(f'requests per CPU-second against wrk, {name}', WRK_GOAL, ratios(values)) for name, values in rows.items()]


def processor_seconds(pid):
    with open(f'/proc/{pid}/stat') as file: fields = file.read().rsplit(') ', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def locust_run(worker, server, seconds, folder):
    """One test of a master with this worker; requests and processor time from the spawning to the end."""
    port, stats, log = free_port(), f'{folder}/stats', open(f'{folder}/master.log', 'w+')
    master = subprocess.Popen(
        ['taskset', '-c', TARGET, LOCUST, '-f', f'{folder}/locustfile.py', '--master', '--master-bind-host', '127.0.0.1', '--master-bind-port', str(port),
         '--headless', '-u', str(USERS), '-r', str(USERS), '-t', f'{seconds}s', '--expect-workers', '1', '--host', server.url.rstrip('/'),
         '--json-file', stats, '--only-summary'], stdout=log, stderr=subprocess.STDOUT)
    process = subprocess.Popen(['taskset', '-c', GENERATOR, *worker(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while 'Sending spawn jobs' not in open(log.name).read():
            if time.monotonic() > deadline or master.poll() is not None: sys.exit(f'the master does not begin: {open(log.name).read()}')
            time.sleep(0.02)
        before = processor_seconds(process.pid)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        used = usage.ru_utime + usage.ru_stime - before
        if master.wait(60): sys.exit(f'the master ended with {master.returncode}: {open(log.name).read()}')
        count = sum(entry['num_requests'] for entry in json.load(open(stats + '.json')))
        return {'rate': count / seconds, 'per_cpu': count / used}
    finally:
        for p in (process, master):
            if p.returncode is None: p.kill(); p.wait()
        log.close()


def against_locust(program, rounds, seconds, server, report):
    if not os.path.exists(LOCUST): sys.exit('there is no Locust: run scripts/locust.sh')
    workers = {
        'svs': lambda port: [program, 'bench', 'load', '--master', '127.0.0.1', '--master-port', str(port), '--threads', '1'],
        'locust': lambda port: [LOCUST, '-f', f'{server.folder}/locustfile.py', '--worker', '--master-host', '127.0.0.1', '--master-port', str(port)],
    }
    with open(f'{server.folder}/locustfile.py', 'w') as file: file.write(LOCUSTFILE)
    rows = {name: [] for name in workers}
    for number in range(max(2, rounds // 2)):
        for name, worker in workers.items(): rows[name].append(locust_run(worker, server, max(8, seconds), server.folder))
    a, b = ({key: statistics.median(row[key] for row in rows[name]) for key in ('rate', 'per_cpu')} for name in ('svs', 'locust'))
    print(f'\nas the worker of a Locust master       svs     locust   svs to locust')
    print(f'  requests per second        {a["rate"]:12,.0f} {b["rate"]:10,.0f} {a["rate"] / b["rate"]:10.1f} ×')
    print(f'  requests per CPU-second    {a["per_cpu"]:12,.0f} {b["per_cpu"]:10,.0f} {a["per_cpu"] / b["per_cpu"]:10.1f} ×')
    report['locust'] = rows
    def ratios(key): return [s[key] / l[key] for s, l in zip(rows['svs'], rows['locust'])]
    return [Goal.ratio(f'{what} against one Locust worker (FastHttpUser)', LOCUST_GOAL, ratios(key))
            for what, key in (('requests per second', 'rate'), ('requests per CPU-second', 'per_cpu'))]


def measure(program, rounds, seconds, only=None):
    """The promised figures, and all others."""
    report, goals = {}, []
    with Server() as server:
        if only != 'locust': goals += against_wrk(program, rounds, seconds, server, report)
        if only != 'wrk': goals += against_locust(program, rounds, seconds, server, report)
    return goals, report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--svs', default='.build/release/svs')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=4, help='how long each measurement takes')
    parser.add_argument('--only', choices=['wrk', 'locust'])
    parser.add_argument('--json', help='also write all figures to this file')
    parser.add_argument('--check', action='store_true', help='exit with 1 if a promised figure was missed')
    options = parser.parse_args()
    goals, report = measure(options.svs, options.rounds, options.seconds, options.only)
    print()
    show(goals)
    if options.json:
        with open(options.json, 'w') as file: json.dump(report, file)
    return 1 if options.check and not all(goal.is_met for goal in goals) else 0


if __name__ == '__main__': sys.exit(main())
