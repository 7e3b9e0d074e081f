#!/usr/bin/env python3
"""Times the same server with `svs bench latency` and with Debian's curl, by turns, and compares.

    scripts/bench_latency.py --svs .build/release/svs [--probes 1000] [--rounds 100] [--only NAME] [--json FILE] [--check]

Each round has probes of both in turn, so that what disturbs the machine disturbs both. curl makes all probes of a round
in one process, a connection and a full handshake for each (`Connection: close`, --no-sessionid); "curl, a process each"
is what shell loops do, whose every probe also pays for a program that has just started.

Promised is the median of time_total within 5 % of curl's, at a server that takes 10 ms to answer: there the path is what
is measured. The other rows show nginx on the loopback, in the clear and by TLS, where nothing but the two programs' own
work is left, and curl has more of it.
"""
import argparse, asyncio, json, os, shutil, statistics, subprocess, sys, tempfile, threading, time, urllib.request

from bench_goals import Goal, show

FORMAT = '%{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}\\n'
NAMES = ['time_connect', 'time_appconnect', 'time_starttransfer', 'time_total']
TOLERANCE = 0.05

CONFIG = '''
pid {folder}/pid; error_log {folder}/error.log warn; daemon off; worker_processes 1;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{plain}; location / {{ return 200 "Welcome\\n"; }} }}
  server {{
    listen 127.0.0.1:{tls} ssl http2;
    ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    location / {{ return 200 "Welcome\\n"; }}
  }}
}}
'''


class Server:
    """nginx, until the end of a with statement."""
    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix='svs-latency-')
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                        '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost',
                        '-keyout', f'{self.folder}/key.pem', '-out', f'{self.folder}/cert.pem'], check=True, capture_output=True)
        self.plain, self.tls = free_ports(2)
        with open(f'{self.folder}/nginx.conf', 'w') as file:
            file.write(CONFIG.format(folder=self.folder, plain=self.plain, tls=self.tls))
        self.process = subprocess.Popen(['nginx', '-p', self.folder, '-c', f'{self.folder}/nginx.conf'], stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try: urllib.request.urlopen(f'http://127.0.0.1:{self.plain}/', timeout=1).read(); return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__(); sys.exit(f'nginx does not serve: {open(self.folder + "/error.log").read()}')
                time.sleep(0.05)

    def __exit__(self, *_):
        self.process.terminate(); self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class SlowServer:
    """Answers each request after a while, until the end of a with statement."""
    def __init__(self, delay): self.delay = delay

    def __enter__(self):
        self.loop, ready = asyncio.new_event_loop(), threading.Event()
        async def serve(reader, writer):
            try:
                await reader.readuntil(b'\r\n\r\n')
                await asyncio.sleep(self.delay)
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nWelcome\n')
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError): pass
            finally: writer.close()
        def run():
            asyncio.set_event_loop(self.loop)
            server = self.loop.run_until_complete(asyncio.start_server(serve, '127.0.0.1', 0))
            self.port = server.sockets[0].getsockname()[1]
            ready.set()
            self.loop.run_forever()
            server.close()
        self.thread = threading.Thread(target=run, daemon=True); self.thread.start(); ready.wait()
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop); self.thread.join()


def free_ports(count):
    import socket
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets: s.bind(('127.0.0.1', 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets: s.close()
    return ports


def curl(url, count, more):
    """So many probes by one process; rows of seconds."""
    result = subprocess.run(['curl', '-sS', '-q', '-o', '/dev/null', '-w', FORMAT, '--no-sessionid', '-H', 'Connection: close', *more,
                             f'{url}?[1-{count}]'], capture_output=True, text=True)
    if result.returncode: sys.exit(f'curl failed: {result.stderr}')
    return [[float(x) for x in line.split()] for line in result.stdout.splitlines()]


def curl_each(url, count, more):
    return [curl(url, 1, more)[0] for _ in range(count)]


def svs(program, url, count, more):
    result = subprocess.run([program, 'bench', 'latency', '--json', '-', '-n', str(count), *more, url], capture_output=True, text=True)
    if result.returncode: sys.exit(f'svs failed: {result.stderr}')
    return [[p['times'][name] for name in NAMES] for p in json.loads(result.stdout)['result']['paths'][0]['probes']]


def compare(program, probes, rounds, only):
    each, report, goals = max(1, probes // rounds), {}, []
    with Server() as server, SlowServer(0.010) as slow, SlowServer(0.001) as quick:
        trust = ['--cacert', f'{server.folder}/cert.pem']
        ways = [('10 ms to answer', f'http://127.0.0.1:{slow.port}/', [], True),
                ('1 ms to answer', f'http://127.0.0.1:{quick.port}/', [], True),
                ('HTTP/1.1', f'http://127.0.0.1:{server.plain}/', [], False),
                ('HTTP/1.1, TLS', f'https://127.0.0.1:{server.tls}/', ['--http1.1', *trust], False),
                ('HTTP/2, TLS', f'https://127.0.0.1:{server.tls}/', ['--http2', *trust], False)]
        print(f'latency probe against curl: {each * rounds} probes each, by turns, medians')
        for name, url, more, promised in ways:
            if only not in name: continue
            h2 = '--http2' in more
            subjects = {'svs': lambda: svs(program, url, each, more),
                        # A connection header has no meaning in HTTP/2; there each probe needs a process.
                        'curl': lambda: curl_each(url, max(1, each // 5), more) if h2 else curl(url, each, more)}
            if not h2: subjects['curl, a process each'] = lambda: curl_each(url, max(1, each // 5), more)
            rows = {subject: [] for subject in subjects}
            for number in range(rounds):
                # Who comes first changes, for who comes second finds warmer caches.
                order = list(subjects) if number % 2 else list(subjects)[::-1]
                for subject in order: rows[subject] += subjects[subject]()
            report[name] = rows
            print(f'\n  {name:24}' + ''.join(f'{n:>20}' for n in NAMES))
            for subject, values in rows.items():
                print(f'  {subject:24}' + ''.join(f'{statistics.median(v[i] for v in values) * 1e6:17.0f} µs' for i in range(4)))
            ratio = statistics.median(v[3] for v in rows['svs']) / statistics.median(v[3] for v in rows['curl'])
            pairs = [statistics.median(v[3] for v in rows['svs'][n * each:(n + 1) * each])
                     / statistics.median(v[3] for v in rows['curl'][n * each:(n + 1) * each]) for n in range(rounds)] if not h2 else []
            if promised:
                quarters = statistics.quantiles(pairs, n=4) if len(pairs) > 1 else None
                goals.append(Goal(f'time_total against curl, {name}, medians of {each * rounds} probes', 1, ratio, within=TOLERANCE,
                                  spread=(quarters[0], quarters[2]) if quarters else None))
            print(f'  time_total, svs to curl: {ratio:.3f}' + ("; each of curl's probes is a process of its own" if h2 else ''))
    return goals, report


def measure(program, probes, rounds, only=''):
    """The promised figures, and all times."""
    # Servers and probes before all other work of the machine, and alike: a wait for a processor is not the path's. Root only.
    policy = os.sched_getscheduler(0)
    try: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError: print('not root: other work on this machine will show in the figures', file=sys.stderr)
    try: return compare(program, probes, rounds, only)
    finally: os.sched_setscheduler(0, policy, os.sched_param(0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--svs', default='.build/release/svs')
    parser.add_argument('--probes', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=100)
    parser.add_argument('--only', default='', help='only the servers with this in their name')
    parser.add_argument('--json', help='also write all times to this file')
    parser.add_argument('--check', action='store_true', help='exit with 1 if the promise is not kept')
    options = parser.parse_args()
    goals, report = measure(options.svs, options.probes, options.rounds, options.only)
    print()
    show(goals)
    if options.json:
        with open(options.json, 'w') as file: json.dump(report, file)
    return 1 if options.check and not all(goal.is_met for goal in goals) else 0


if __name__ == '__main__': sys.exit(main())
