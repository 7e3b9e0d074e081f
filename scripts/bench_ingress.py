#!/usr/bin/env python3
"""Measures `svs ingress` against nginx and HAProxy as reverse proxies of the same back end, in one run, by turns.

    scripts/bench_ingress.py --bin .build/release [--rounds 5] [--seconds 4] [--only NAME,...] [--json FILE] [--check]

The back end is nginx with one worker; each proxy has one worker or thread and runs on the first processor, the back end
and the load on the second. Connections are kept on both sides.

  rate     requests per second by wrk with 64 connections, bodies of 128 bytes and 16 KiB, and requests per second of the
           proxy's own processor time, which says what a proxy costs where the load or the back end is the bottleneck
  latency  at half of the proxy's peak rate, planned (svs bench load --rate): the 99th percentile less that of the back
           end asked directly, by turns
  memory   resident, with 10,000 idle client connections that have each asked once
  reload   100 of them (SIGHUP) under load: requests that failed
"""
import argparse, json, os, re, resource, signal, socket, statistics, subprocess, sys, tempfile, time

from bench_goals import Goal, show
from bench_load import free_port

PROXY, OTHERS = ('0', '1') if os.cpu_count() > 1 else ('0', '0')
SIZES = {'128 bytes': 'small', '16 KiB': 'large'}
NGINX = '''
pid {folder}/{name}.pid; error_log {folder}/{name}.log warn; daemon off; worker_processes 1; worker_rlimit_nofile 30000;
events {{ worker_connections 20000; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/temp; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {site}
}}
'''
BACK = 'server {{ listen 127.0.0.1:{port} backlog=4096; root {folder}/www; }}'
FRONT = '''upstream back {{ server 127.0.0.1:{back}; keepalive 256; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme; }} }}'''
HAPROXY = '''
global
  maxconn {room}
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend web
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server one 127.0.0.1:{back} pool-max-conn 256
'''
ROUTES = '''
http:
  routers:
    all:
      rule: Host(`127.0.0.1`)
      service: back
  services:
    back:
      loadBalancer:
        servers:
          - url: http://127.0.0.1:{back}
'''


def wait_for(port, process):
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(('127.0.0.1', port), 0.2).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline: sys.exit(f'{process.args}: does not listen on {port}')
            time.sleep(0.02)


class Bed:
    """The back end and the proxies, until the end of a with statement."""
    def __init__(self, programs): self.programs = programs

    def __enter__(self):
        self.folder, self.processes, self.ports = tempfile.mkdtemp(prefix='svs-ingress-'), {}, {}
        os.makedirs(f'{self.folder}/www')
        for name, size in (('small', 128), ('large', 16_384)):
            with open(f'{self.folder}/www/{name}', 'w') as file: file.write('x' * size)
        # nginx's worker is nobody's.
        for path in (self.folder, f'{self.folder}/www'): os.chmod(path, 0o755)
        back = self.port('back end')
        self.nginx('back end', OTHERS, BACK.format(port=back, folder=self.folder))
        self.nginx('nginx', PROXY, FRONT.format(port=self.port('nginx'), back=back))
        with open(f'{self.folder}/haproxy.cfg', 'w') as file: file.write(HAPROXY.format(
            port=self.port('HAProxy'), back=back, room=min(20_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // 2)))
        self.start('HAProxy', PROXY, ['haproxy', '-db', '-f', f'{self.folder}/haproxy.cfg'])
        self.routes = f'{self.folder}/routes.yaml'
        with open(self.routes, 'w') as file: file.write(ROUTES.format(back=back))
        self.start('svs', PROXY, [f'{self.programs}/svs', 'ingress', '--config', self.routes, '--threads', '1',
                                  '--entrypoint', f'web=127.0.0.1:{self.port("svs")}'])
        try:
            for name, process in self.processes.items(): wait_for(self.ports[name], process)
        except SystemExit:
            self.__exit__()
            raise
        return self

    def port(self, name): return self.ports.setdefault(name, free_port())

    def nginx(self, name, processor, site):
        path = f'{self.folder}/{name.replace(" ", "-")}.conf'
        with open(path, 'w') as file:
            file.write(NGINX.format(folder=self.folder, name=name.replace(' ', '-'), site=site))
        self.start(name, processor, ['nginx', '-p', self.folder, '-c', path])

    def start(self, name, processor, command):
        self.processes[name] = subprocess.Popen(['taskset', '-c', processor, *command], stdout=subprocess.DEVNULL,
                                                stderr=open(f'{self.folder}/{name.replace(" ", "-")}.err', 'w'))

    def family(self, name):
        """A proxy's processes: nginx's worker is a child."""
        pid = self.processes[name].pid
        return [pid, *map(int, open(f'/proc/{pid}/task/{pid}/children').read().split())]

    def seconds(self, name):
        total = 0
        for pid in self.family(name):
            fields = open(f'/proc/{pid}/stat').read().rpartition(')')[2].split()
            total += int(fields[11]) + int(fields[12])
        return total / os.sysconf('SC_CLK_TCK')

    def resident(self, name):
        return sum(int(re.search(r'VmRSS:\s+(\d+)', open(f'/proc/{pid}/status').read())[1]) for pid in self.family(name)) / 1024

    def url(self, name, page): return f'http://127.0.0.1:{self.ports[name]}/{page}'

    def __exit__(self, *_):
        for process in self.processes.values(): process.terminate()
        for process in self.processes.values():
            try: process.wait(10)
            except subprocess.TimeoutExpired: process.kill(); process.wait()
        subprocess.run(['rm', '-rf', self.folder], check=True)


def wrk(url, seconds):
    out = subprocess.run(['taskset', '-c', OTHERS, 'wrk', '-t', '1', '-c', '64', '-d', f'{seconds}s', url], capture_output=True,
                         text=True, check=True).stdout
    if 'Non-2xx' in out or 'Socket errors' in out: sys.exit(f'{url}: {out}')
    return float(re.search(r'Requests/sec:\s+([\d.]+)', out)[1]), int(re.search(r'(\d+) requests in', out)[1])


def rates(bed, rounds, seconds):
    """For each size and proxy: the rounds' requests per second, and per second of processor time."""
    result = {}
    for label, page in SIZES.items():
        for name in ('nginx', 'HAProxy', 'svs'): wrk(bed.url(name, page), 1)
        for _ in range(rounds):
            for name in ('nginx', 'svs', 'HAProxy'):
                before = bed.seconds(name)
                rate, count = wrk(bed.url(name, page), seconds)
                spent = max(bed.seconds(name) - before, 0.01)
                result.setdefault((label, name), []).append((rate, count / spent))
    return result


def p99(program, url, rate, seconds):
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        subprocess.run(['taskset', '-c', OTHERS, program, 'bench', 'load', '-q', '--rate', str(rate), '-t', f'{seconds}s', '-u', '16',
                        '--json', file.name, url], stdout=subprocess.DEVNULL, check=True)
        return json.load(open(file.name))['result']['total']['correctedLatency']['p99'] * 1e6


def latencies(program, bed, page, rates, seconds):
    """One round: what each proxy adds to the 99th percentile of the back end, in microseconds."""
    direct = p99(program, bed.url('back end', page), max(rates.values()), seconds)
    # Never none: a ratio is made of them.
    return {name: max(p99(program, bed.url(name, page), rate, seconds) - direct, 10) for name, rate in rates.items()}


def connections(bed, name, count):
    """Client connections that have asked once and wait."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + 1000)), hard))
    sockets = []
    for _ in range(count):
        s = socket.create_connection(('127.0.0.1', bed.ports[name]), 10)
        s.sendall(b'GET /small HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
        sockets.append(s)
        data = b''
        while not data.endswith(b'x' * 128):
            part = s.recv(4096)
            if not part: sys.exit(f'{name}: a connection ended')
            data += part
    return sockets


def reloads(bed, svs, count):
    """Requests, and those that failed, while the configuration is read again so often."""
    with tempfile.NamedTemporaryFile(suffix='.json') as file:
        load = subprocess.Popen(['taskset', '-c', OTHERS, svs, 'bench', 'load', '-q', '-u', '32', '-t', f'{count // 10 + 2}s', '--json',
                                 file.name, bed.url('svs', 'small')], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        pid = bed.processes['svs'].pid
        for turn in range(count):
            with open(bed.routes + '.new', 'w') as file_: file_.write(ROUTES.format(back=bed.ports['back end']) + f'# {turn}\n')
            os.rename(bed.routes + '.new', bed.routes)
            os.kill(pid, signal.SIGHUP)
            time.sleep(0.1)
        load.wait()
        total = json.load(open(file.name))['result']['total']
    log = open(f'{bed.folder}/svs.err').read()
    return total['requests'], total['failures'], log.count('read again')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--bin', required=True)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=4)
    parser.add_argument('--only', default='rate,latency,memory,reload')
    parser.add_argument('--json')
    parser.add_argument('--check', action='store_true')
    args = parser.parse_args()
    # Whoever is told to end takes the proxies along.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    parts, svs, goals, raw = args.only.split(','), f'{args.bin}/svs', [], {}
    with Bed(os.path.abspath(args.bin)) as bed:
        if 'rate' in parts or 'latency' in parts:
            measured = rates(bed, args.rounds, args.seconds)
            raw['rates'] = {f'{name}, {label}': values for (label, name), values in measured.items()}
            for label in SIZES:
                for peer, bound in (('nginx', 0.7), ('HAProxy', None)):
                    for what, index in (('requests/s', 0), ('requests per processor second', 1)):
                        pairs = [mine[index] / theirs[index] for mine, theirs in zip(measured[label, 'svs'], measured[label, peer])]
                        goals.append(Goal.ratio(f'{what}, {label}, against {peer}', bound if index == 0 else None, pairs))
        if 'latency' in parts:
            for label, page in SIZES.items():
                rates_ = {name: int(statistics.median(value[0] for value in measured[label, name]) / 2) for name in ('nginx', 'svs', 'HAProxy')}
                rounds = [latencies(svs, bed, page, rates_, args.seconds) for _ in range(args.rounds)]
                raw[f'p99 beyond that of the back end, {label}, us'] = {'rates': rates_, 'rounds': rounds}
                goals.append(Goal.ratio(f'added latency (p99), {label}, against nginx', 1.5,
                                        [each['svs'] / each['nginx'] for each in rounds], at_most=True))
        if 'memory' in parts:
            for name in ('svs', 'nginx'):
                held = connections(bed, name, 10_000)
                raw[f'resident of {name} with 10,000 connections, MiB'] = bed.resident(name)
                for s in held: s.close()
            goals.append(Goal('with 10,000 idle client connections', 200, raw['resident of svs with 10,000 connections, MiB'],
                              unit='MiB', at_most=True))
        if 'reload' in parts:
            requests, failures, done = reloads(bed, svs, 100)
            raw['reload'] = {'requests': requests, 'failures': failures, 'reloads': done}
            goals.append(Goal(f'of {requests:,} requests failed during {done} reloads', 0, failures, unit='', at_most=True))
    for name, value in raw.items(): print(f'{name}: {json.dumps(value)}')
    show(goals)
    if args.json:
        with open(args.json, 'w') as file: json.dump(raw, file, indent=1)
    sys.exit(1 if args.check and not all(goal.is_met for goal in goals) else 0)


if __name__ == '__main__': main()
