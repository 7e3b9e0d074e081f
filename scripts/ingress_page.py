#!/usr/bin/env python3
"""Looks at the status page of `svs ingress` in headless Chromium, and fails where it does not show what it must.

    scripts/ingress_page.py [--url URL | --svs PROGRAM] [--screenshots FOLDER] [--chromium PROGRAM]

Without --url the page of the sources is served with the recorded status, whose names are hostile, and also a lost
connection, the filter, dark and light, wide and narrow are looked at. With --url it is the page of a proxy that runs:
what its status.json names must stand on the page; with --svs one is started for it, with the sample IngressRoute, a
server that answers and one that does not, and asked a little. --screenshots keeps the pictures. The exit status is 0 when all is
as it must be, 1 when not, 2 when there is no Chromium.
"""
import argparse, base64, hashlib, http.server, json, os, re, select, shutil, socket, subprocess, sys, tempfile, threading, time
import urllib.parse, urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SOURCES = os.path.join(ROOT, 'Sources/IngressModel/Telemetry')
RECORD = os.path.join(ROOT, 'Tests/Records/ingress/status.json')
failures = []


def check(holds, what):
    print(('ok      ' if holds else 'FAILED  ') + what)
    if not holds: failures.append(what)


# ---------------------------------------------------------------- the page, as the program makes it
def literal(file, name):
    """A raw multi-line string of a Swift file, without its indentation."""
    with open(os.path.join(SOURCES, file), encoding='utf-8') as source:
        found = re.search(r'let %s = #"""\n(.*?)\n( *)"""#' % name, source.read(), re.S)
    indentation = len(found.group(2))
    return '\n'.join(line[indentation:] for line in found.group(1).split('\n'))


def page_and_policy():
    markup = literal('StatusPage.swift', 'markup')
    style, script = literal('StatusPage+Style.swift', 'style'), literal('StatusPage+Script.swift', 'script')

    def allowed(text): return "'sha256-%s'" % base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    policy = (f"default-src 'none'; style-src {allowed(style)}; script-src {allowed(script)}; connect-src 'self'; "
              "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    return markup.replace('@STYLE@', style).replace('@SCRIPT@', script), policy


class Stand(http.server.ThreadingHTTPServer):
    """Serves the page and the record; each answer's rates differ, so that there is a curve to draw."""
    daemon_threads = True

    def __init__(self):
        super().__init__(('127.0.0.1', 0), Answer)
        self.html, self.policy = page_and_policy()
        with open(RECORD, encoding='utf-8') as record: self.status = json.load(record)
        self.polls, self.is_lost, self.others = 0, False, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self): return 'http://127.0.0.1:%d/' % self.server_address[1]

    def next_status(self):
        self.polls += 1
        status = json.loads(json.dumps(self.status))
        for row, service in enumerate(status['services']):
            for column, server in enumerate(service['servers']):
                if not server['rates'] or server['condition'] in ('down', 'paused'): continue
                wave = 1 + 0.5 * ((self.polls * (3 + row) + column * 5) % 11) / 11
                server['rates']['requestsPerSecond'] *= wave
        return status


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        if self.server.is_lost:
            self.close_connection = True
            return
        if self.path == '/': self.send('text/html; charset=utf-8', self.server.html)
        elif self.path == '/status.json': self.send('application/json', json.dumps(self.server.next_status()))
        else:
            self.server.others.append(self.path)
            self.send_error(404)

    def send(self, content_type, text):
        body = text.encode()
        self.send_response(200)
        for name, value in (('Content-Type', content_type), ('Content-Length', len(body)),
                            ('Content-Security-Policy', self.server.policy), ('Cache-Control', 'no-store')):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_): pass


# ---------------------------------------------------------------- Chromium, over its debugging pipe
class Browser:
    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix='ingress-page-')
        their_in, self.out = os.pipe()
        self.into, their_out = os.pipe()

        # Chromium reads from descriptor 3 and writes to 4; the copies come first, as 3 and 4 may be in use.
        def descriptors():
            reading, writing = os.dup(their_in), os.dup(their_out)
            while reading in (3, 4): reading = os.dup(reading)
            while writing in (3, 4): writing = os.dup(writing)
            os.dup2(reading, 3)
            os.dup2(writing, 4)

        self.process = subprocess.Popen(
            [program, '--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
             '--disable-background-networking', '--user-data-dir=' + self.profile, '--remote-debugging-pipe',
             'about:blank'],
            preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(their_in)
        os.close(their_out)
        self.buffer, self.number, self.session, self.problems = b'', 0, None, []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        self.session = self.call('Target.attachToTarget', targetId=target, flatten=True)['sessionId']
        for domain in ('Page', 'Runtime', 'Log'): self.call(domain + '.enable')

    def call(self, method, **parameters):
        self.number += 1
        message = {'id': self.number, 'method': method, 'params': parameters}
        if self.session: message['sessionId'] = self.session
        os.write(self.out, json.dumps(message).encode() + b'\0')
        deadline = time.monotonic() + 60
        while True:
            while b'\0' not in self.buffer:
                ready, _, _ = select.select([self.into], [], [], max(0, deadline - time.monotonic()))
                data = os.read(self.into, 1 << 20) if ready else b''
                if not data: raise SystemExit('Chromium said nothing to %s within a minute' % method)
                self.buffer += data
            line, self.buffer = self.buffer.split(b'\0', 1)
            answer = json.loads(line)
            if answer.get('method') == 'Runtime.exceptionThrown':
                details = answer['params']['exceptionDetails']
                self.problems.append(details.get('exception', {}).get('description') or details['text'])
            if answer.get('method') == 'Log.entryAdded': self.problems.append(answer['params']['entry']['text'])
            if answer.get('method') == 'Page.javascriptDialogOpening': self.problems.append('a dialog was opened')
            if answer.get('id') != self.number: continue
            if 'error' in answer: raise SystemExit('%s: %s' % (method, answer['error']['message']))
            return answer['result']

    def value(self, expression):
        return self.call('Runtime.evaluate', expression=expression, returnByValue=True)['result'].get('value')

    def wait(self, expression, what, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.value(expression): return check(True, what)
            select.select([], [], [], 0.1)
        check(False, what)

    def look(self, width, height, scheme):
        self.call('Emulation.setDeviceMetricsOverride', width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call('Emulation.setEmulatedMedia', features=[{'name': 'prefers-color-scheme', 'value': scheme}])

    def picture(self, path):
        data = self.call('Page.captureScreenshot', format='png', captureBeyondViewport=True)['data']
        with open(path, 'wb') as file: file.write(base64.b64decode(data))

    def close(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)


# ---------------------------------------------------------------- a proxy that runs
class Proxy:
    """`svs ingress` with the sample IngressRoute, until the end of a with statement."""
    SAMPLE = os.path.join(ROOT, 'Tests/IngressModelTests/Samples/ingressroute.yaml')

    def __init__(self, svs): self.svs, self.processes = svs, []

    def start(self, *words, expect):
        """Starts a program, and waits for what it says first."""
        process = subprocess.Popen([self.svs, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.processes.append(process)
        found = None
        while not found:
            line = process.stdout.readline()
            if not line: sys.exit(f'{self.svs} {words[0]}: {process.stderr.read()}')
            found = re.search(expect, line)
        return found[1]

    def __enter__(self):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            server = s.getsockname()[1]
        self.back = http.server.ThreadingHTTPServer(('127.0.0.1', server), Answer200)
        threading.Thread(target=self.back.serve_forever, daemon=True).start()
        try:
            web = self.start('ingress', '--config', self.SAMPLE, '--entrypoint', 'web=127.0.0.1:0', '--status', '127.0.0.1:0',
                             '--backend', f'sample-webapp:8000=127.0.0.1:{server},127.0.0.1:9', expect=r'web: port (\d+)')
            status = re.search(r'status: port (\d+)', self.processes[0].stdout.readline())[1]
            answers = []
            for _ in range(20):
                request = urllib.request.Request(f'http://127.0.0.1:{web}/', headers={'Host': 'sample-webapp.test.com'})
                with urllib.request.urlopen(request, timeout=10) as answer: answers.append(answer.read())
            check(answers == [b'ok'] * 20, 'twenty requests are answered, though one of two servers is not there')
        except BaseException:
            self.__exit__()
            raise
        return f'http://127.0.0.1:{status}/'

    def __exit__(self, *_):
        self.back.shutdown()
        for process in self.processes:
            process.terminate()
            try: check(process.wait(40) == 0, 'the proxy ends when it is told to')
            except subprocess.TimeoutExpired: process.kill(); process.wait(); check(False, 'the proxy ends when it is told to')


class Answer200(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')

    def log_message(self, *_): pass


# ---------------------------------------------------------------- what must be on the page
def check_content(browser, status):
    def texts(selector):
        return browser.value("[...document.querySelectorAll(%s)].map(e => e.textContent)" % json.dumps(selector))

    names = texts('.service h3')
    check(sorted(names) == sorted(s['name'] for s in status['services']), 'each service is there, its name as text')
    check(sorted(texts('.server .who')) == sorted(x['url'] for s in status['services'] for x in s['servers']),
          'each server is there')
    check(sorted(texts('.route .code')) == sorted(r['rule'] for r in status['routers']),
          'each rule is there, as text')
    check(len(texts('.point')) == len(status['entryPoints']), 'each entry point is there')
    words = {x['condition'] for s in status['services'] for x in s['servers']}
    check(set(texts('.state')) == words, 'states are words: ' + ', '.join(sorted(words)))
    check(browser.value("document.querySelectorAll('img, iframe, object').length") == 0, 'no name became an element')
    for width in (1400, 390):
        browser.look(width, 844, 'light')
        check(browser.value('document.documentElement.scrollWidth') <= width, 'nothing sticks out at %d pixels' % width)


def check_stand(browser, stand, folder):
    browser.wait("document.querySelectorAll('.server polyline').length > 0 && "
                 "document.querySelector('.server polyline').getAttribute('points').split(' ').length > 5",
                 'it fetches again by itself, and curves grow')
    for name, width, height, scheme in (('wide-light', 1400, 1000, 'light'), ('wide-dark', 1400, 1000, 'dark'),
                                        ('narrow-light', 390, 844, 'light'), ('narrow-dark', 390, 844, 'dark')):
        browser.look(width, height, scheme)
        picture = os.path.join(folder, name + '.png')
        browser.picture(picture)
        check(os.path.getsize(picture) > 10000, 'picture ' + name)
    colours = []
    for scheme in ('light', 'dark'):
        browser.look(1400, 1000, scheme)
        colours.append(browser.value('getComputedStyle(document.body).backgroundColor'))
    check(colours[0] != colours[1], 'dark is another page colour than light')

    def type_filter(text):
        browser.value("(() => { const f = document.getElementById('filter'); f.value = %s; "
                      "f.dispatchEvent(new Event('input')); })()" % json.dumps(text))

    type_filter('10.0.0.2 DOWN')
    check(browser.value("[...document.querySelectorAll('.server .state')].map(e => e.textContent).join()") == 'down',
          'the filter leaves what has all its words')
    type_filter('no such thing')
    check(browser.value("!document.getElementById('nothing').hidden"), 'a filter that nothing matches says so')
    type_filter('')
    check(browser.value("document.getElementById('reload').textContent").find('ingress.yaml:12') > 0,
          'a failed reload is told')
    check(not stand.others, 'it asks for nothing else: ' + ' '.join(stand.others))
    check(not browser.problems, 'the browser has nothing to complain of: ' + '; '.join(browser.problems))
    stand.is_lost = True
    browser.wait("!document.getElementById('lost').hidden && "
                 "document.getElementById('lost').textContent.startsWith('Connection lost')", 'a lost connection is told')
    browser.look(1400, 1000, 'light')
    browser.picture(os.path.join(folder, 'lost.png'))
    stand.is_lost = False
    browser.wait("document.getElementById('lost').hidden", 'it comes back by itself')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--url')
    parser.add_argument('--svs')
    parser.add_argument('--screenshots')
    parser.add_argument('--chromium', default=next(
        filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None))
    arguments = parser.parse_args()
    if not arguments.chromium:
        print('no Chromium: install the package chromium, or name it with --chromium', file=sys.stderr)
        return 2
    folder = arguments.screenshots or tempfile.mkdtemp(prefix='ingress-pictures-')
    os.makedirs(folder, exist_ok=True)
    if arguments.svs:
        with Proxy(arguments.svs) as url: look(arguments.chromium, url, None, folder)
    else:
        stand = None if arguments.url else Stand()
        look(arguments.chromium, arguments.url or stand.url, stand, folder)
    if not arguments.screenshots: shutil.rmtree(folder, ignore_errors=True)
    print('%d failed' % len(failures) if failures else 'all as it must be')
    return 1 if failures else 0


def look(chromium, url, stand, folder):
    browser = Browser(chromium)
    try:
        browser.look(1400, 1000, 'light')
        browser.call('Page.navigate', url=url)
        browser.wait("document.querySelectorAll('.service').length > 0", 'the page shows services')
        if failures: print(browser.value("document.getElementById('lost').textContent"))
        if stand:
            check_content(browser, stand.status)
            check_stand(browser, stand, folder)
        else:
            with urllib.request.urlopen(urllib.parse.urljoin(url, 'status.json'), timeout=10) as answer:
                check_content(browser, json.load(answer))
            browser.look(1400, 1000, 'light')
            browser.picture(os.path.join(folder, 'page.png'))
            check(not browser.problems, 'the browser has nothing to complain of: ' + '; '.join(browser.problems))
    finally:
        browser.close()
    if failures and browser.problems: print('\n'.join(browser.problems))


if __name__ == '__main__': sys.exit(main())
