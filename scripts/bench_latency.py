#!/usr/bin/env python3
"""Times the same server with `svs bench latency` and with Debian's curl, by turns, and compares.

    scripts/bench_latency.py --svs .build/release/svs [--probes 1000] [--rounds 20] [--json FILE] [--check]

Each round has probes of both in turn, so that what disturbs the machine disturbs both. curl makes all probes of a round
in one process, a connection and a full handshake for each (`Connection: close`, --no-sessionid); "curl, a process each"
is what shell loops do, whose every probe also pays for a program that has just started.

Promised is the median of time_total within 5 % of curl's, at a server that takes 10 ms to answer: there the path is what
is measured. The other rows show nginx on the loopback, in the clear and by TLS, where nothing but the two programs' own
work is left, and curl has more of it.
"""
import argparse, asyncio, json, os, shutil, statistics, subprocess, sys, tempfile, threading, time, urllib.request

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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--svs', default='.build/release/svs')
    parser.add_argument('--probes', type=int, default=1000)
    parser.add_argument('--rounds', type=int, default=20)
    parser.add_argument('--json', help='also write all times to this file')
    parser.add_argument('--check', action='store_true', help='exit with 1 if the promise is not kept')
    options = parser.parse_args()
    each, kept, report = max(1, options.probes // options.rounds), True, {}
    with Server() as server, SlowServer(0.010) as slow:
        trust = ['--cacert', f'{server.folder}/cert.pem']
        ways = [('10 ms to answer', f'http://127.0.0.1:{slow.port}/', []),
                ('HTTP/1.1', f'http://127.0.0.1:{server.plain}/', []),
                ('HTTP/1.1, TLS', f'https://127.0.0.1:{server.tls}/', ['--http1.1', *trust]),
                ('HTTP/2, TLS', f'https://127.0.0.1:{server.tls}/', ['--http2', *trust])]
        print(f'latency probe against curl: {each * options.rounds} probes each, by turns, medians')
        for name, url, more in ways:
            h2 = '--http2' in more
            subjects = {'svs': lambda: svs(options.svs, url, each, more),
                        # A connection header has no meaning in HTTP/2; there each probe needs a process.
                        'curl': lambda: curl_each(url, max(1, each // 5), more) if h2 else curl(url, each, more)}
            if not h2: subjects['curl, a process each'] = lambda: curl_each(url, max(1, each // 5), more)
            rows = {subject: [] for subject in subjects}
            for number in range(options.rounds):
                # Who comes first changes, for who comes second finds warmer caches.
                order = list(subjects) if number % 2 else list(subjects)[::-1]
                for subject in order: rows[subject] += subjects[subject]()
            report[name] = rows
            print(f'\n  {name:24}' + ''.join(f'{n:>20}' for n in NAMES))
            for subject, values in rows.items():
                print(f'  {subject:24}' + ''.join(f'{statistics.median(v[i] for v in values) * 1e6:17.0f} µs' for i in range(4)))
            ratio = statistics.median(v[3] for v in rows['svs']) / statistics.median(v[3] for v in rows['curl'])
            if name == ways[0][0]:
                met = abs(ratio - 1) <= TOLERANCE
                kept &= met
                print(f'  {"met   " if met else "MISSED"} time_total, svs to curl: {ratio:.3f}, asked for within {TOLERANCE:.0%}')
            else: print(f'  time_total, svs to curl: {ratio:.3f}' + ("; each of curl's probes is a process of its own" if h2 else ''))
    if options.json:
        with open(options.json, 'w') as file: json.dump(report, file)
    return 1 if options.check and not kept else 0


sys.exit(main())
