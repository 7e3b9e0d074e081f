extension StatusPage {
  static let script = #"""
    'use strict';
    const every = 1000, patience = 4000, kept = 60;
    const byId = id => document.getElementById(id);
    const filter = byId('filter');
    const curves = new Map(), shownRows = new WeakMap();
    let last = null, lastHeard = 0, firstTry = Date.now();

    function make(tag, classes, ...children) {
      const element = document.createElement(tag);
      if (classes) element.className = classes;
      element.append(...children);
      return element;
    }
    // Unchanged text is left alone: a selection stays, and nothing is drawn anew.
    function say(element, text) { if (element.textContent !== text) element.textContent = text; }
    function paint(element, classes) { if (element.className !== classes) element.className = classes; }

    // One element for each item, by key: made once, then updated, moved and removed as the data says.
    function sync(parent, items, keyOf, create, update) {
      if (!shownRows.has(parent)) shownRows.set(parent, new Map());
      const rows = shownRows.get(parent);
      const old = new Set(rows.keys());
      let place = parent.firstElementChild;
      for (const item of items) {
        const key = keyOf(item);
        let row = rows.get(key);
        if (!row) { row = create(item); rows.set(key, row); }
        old.delete(key);
        update(row, item);
        if (row.element === place) place = place.nextElementSibling;
        else parent.insertBefore(row.element, place);
      }
      for (const key of old) { rows.get(key).element.remove(); rows.delete(key); }
    }

    function rate(value) {
      if (value === null || value === undefined) return '–';
      if (value >= 1e6) return (value / 1e6).toFixed(2) + ' M';
      if (value >= 1e4) return (value / 1e3).toFixed(1) + ' k';
      if (value >= 100 || value === 0) return value.toFixed(0);
      return value < 10 ? value.toFixed(1).replace(/^0\.0$/, '<0.1') : value.toFixed(0);
    }
    function duration(ms) {
      if (ms === null || ms === undefined) return '–';
      if (ms >= 1000) return (ms / 1000).toFixed(1) + ' s';
      return (ms >= 10 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)) + ' ms';
    }
    function span(seconds) {
      if (seconds < 60) return seconds + ' s';
      if (seconds < 3600) return Math.floor(seconds / 60) + ' min';
      if (seconds < 86400) return Math.floor(seconds / 3600) + ' h ' + Math.floor(seconds % 3600 / 60) + ' min';
      return Math.floor(seconds / 86400) + ' d ' + Math.floor(seconds % 86400 / 3600) + ' h';
    }
    const count = (number, one, more) => number.toLocaleString('en') + ' ' + (number === 1 ? one : more);

    function cell(label, classes) {
      const element = make('td', classes);
      if (label) element.dataset.label = label;
      return element;
    }
    function rateCells() {
      return { requests: cell('requests/s', 'number'), errors: cell('errors/s', 'number'),
        p50: cell('p50', 'number'), p99: cell('p99', 'number') };
    }
    function fillRates(cells, rates) {
      say(cells.requests, rate(rates && rates.requestsPerSecond));
      say(cells.errors, rate(rates && rates.errorsPerSecond));
      paint(cells.errors, rates && rates.errorsPerSecond > 0 ? 'number failing' : 'number');
      say(cells.p50, duration(rates && rates.p50));
      say(cells.p99, duration(rates && rates.p99));
    }

    function point() {
      const title = make('h3'), address = make('p', 'quiet code'), list = make('dl');
      const values = ['open', 'requests/s', 'requests'].map(label => {
        const value = make('dd');
        list.append(make('dt', '', label), value);
        return value;
      });
      const refused = make('p', 'refused');
      return { element: make('div', 'panel card point', title, address, list, refused), title, address, values, refused };
    }
    function updatePoint(row, item) {
      say(row.title, item.name + (item.tls ? ' (TLS)' : ''));
      say(row.address, item.address);
      say(row.values[0], item.openConnections.toLocaleString('en'));
      say(row.values[1], rate(item.requestsPerSecond));
      say(row.values[2], rate(item.requests));
      const reasons = Object.entries(item.refused).filter(([, number]) => number > 0)
        .map(([reason, number]) => number.toLocaleString('en') + ' ' + reason.replaceAll('-', ' '));
      row.refused.hidden = reasons.length === 0;
      say(row.refused, 'Refused: ' + reasons.join(', '));
    }

    function route() {
      const who = cell('', 'name wide'), name = make('span'), where = make('span', 'note');
      who.append(name, where);
      const rule = cell('', 'code wide'), service = cell('service', 'wide'), rates = rateCells();
      return { element: make('tr', 'route', who, rule, service, ...Object.values(rates)), name, where, rule, service, rates };
    }
    function updateRoute(row, item) {
      say(row.name, item.name);
      say(row.where, (item.entryPoints.length ? item.entryPoints.join(', ') : 'all entry points') +
        (item.tls ? ', TLS' : '') + ', priority ' + item.priority);
      say(row.rule, item.rule);
      say(row.service, item.service);
      fillRates(row.rates, item.rates);
    }

    function service() {
      const title = make('h3'), how = make('p', 'quiet'), sum = make('p', 'quiet sum'), parts = make('p', 'parts');
      const labels = ['Server', 'State', 'Weight', 'Open', 'Requests/s', 'Errors/s', 'p50', 'p99', 'Last minute'];
      const head = make('tr', '', ...labels.map((label, index) => make('th', index > 1 ? 'number' : '', label)));
      const body = make('tbody'), table = make('table', '', make('thead', '', head), body);
      return { element: make('div', 'panel service', make('div', 'head', title, how, sum), table, parts),
        title, how, sum, parts, table, body };
    }
    function updateService(row, item) {
      say(row.title, item.name);
      say(row.how, [item.strategy, item.sticky && 'cookie ' + item.sticky, item.healthCheck && 'checked at ' + item.healthCheck]
        .filter(Boolean).join(' · '));
      const well = item.servers.filter(server => ['up', 'unknown', 'unchecked', 'draining', 'trial'].includes(server.condition)).length;
      say(row.sum, item.services.length ? '' : [
        item.servers.length ? well + ' of ' + count(item.servers.length, 'server', 'servers') + ' available' : 'no servers',
        item.rates ? rate(item.rates.requestsPerSecond) + ' requests/s' : '',
        item.totals.unavailable ? count(item.totals.unavailable, 'request', 'requests') + ' found no server' : '',
      ].filter(Boolean).join(' · '));
      paint(row.sum, !item.services.length && well === 0 ? 'failing sum' : 'quiet sum');
      row.parts.hidden = !item.services.length;
      say(row.parts, item.services.map(part => part.name + ' (weight ' + part.weight + ')').join(', '));
      row.table.hidden = item.shown.length === 0;
      sync(row.body, item.shown, server => server.url, server, (part, data) => updateServer(part, data, item.name));
    }

    function server() {
      const who = cell('', 'code wide who'), what = cell('', 'wide what'), state = make('span'), note = make('span', 'note');
      what.append(state, note);
      const weight = cell('weight', 'number'), open = cell('open', 'number'), rates = rateCells();
      const curve = cell('last minute', 'half');
      const [svg, ground, area, line] = ['svg', 'line', 'polygon', 'polyline'].map(name =>
        document.createElementNS('http://www.w3.org/2000/svg', name));
      const draw = (element, attributes) => Object.entries(attributes).forEach(pair => element.setAttribute(...pair));
      draw(svg, { viewBox: '0 0 ' + (kept - 1) + ' 24', preserveAspectRatio: 'none', role: 'img' });
      draw(ground, { x1: 0, x2: kept - 1, y1: 23.5, y2: 23.5 });
      svg.append(ground, area, line);
      curve.append(svg);
      return { element: make('tr', 'server', who, what, weight, open, ...Object.values(rates), curve),
        who, state, note, weight, open, rates, svg, area, line };
    }
    const meanings = { unknown: 'not checked yet', unchecked: 'no health check', paused: 'failed too often', trial: 'one request tries it',
      draining: 'no new clients' };
    function updateServer(row, item, serviceName) {
      say(row.who, item.url);
      say(row.state, item.condition);
      paint(row.state, 'state ' + item.condition);
      const since = item.seconds === null ? '' : 'for ' + span(item.seconds);
      say(row.note, meanings[item.condition] || [since, item.reason].filter(Boolean).join(': '));
      say(row.weight, String(item.weight));
      say(row.open, item.openRequests.toLocaleString('en'));
      fillRates(row.rates, item.rates);
      const points = curves.get(serviceName + '\n' + item.url) || [], most = Math.max(1, ...points);
      const first = kept - points.length;
      const path = points.map((value, index) => (first + index) + ',' + (23 - 21 * value / most).toFixed(1)).join(' ');
      row.line.setAttribute('points', path);
      row.area.setAttribute('points', points.length ? first + ',23.5 ' + path + ' ' + (kept - 1) + ',23.5' : '');
      row.svg.setAttribute('aria-label', 'requests per second, at most ' + rate(most));
    }

    function remember(data) {
      const present = new Set();
      for (const service of data.services) for (const server of service.servers) {
        const key = service.name + '\n' + server.url, points = curves.get(key) || [];
        present.add(key);
        if (server.rates) points.push(server.rates.requestsPerSecond);
        if (points.length > kept) points.shift();
        curves.set(key, points);
      }
      for (const key of curves.keys()) if (!present.has(key)) curves.delete(key);
    }

    function show() {
      if (!last) return;
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = (...texts) => {
        const text = texts.join(' ').toLowerCase();
        return words.every(word => text.includes(word));
      };
      const points = last.entryPoints.filter(item => fits(item.name, item.address));
      const routes = last.routers.filter(item => fits(item.name, item.rule, item.service, ...item.entryPoints));
      const services = last.services.map(item => {
        const all = fits(item.name, item.strategy, ...item.services.map(part => part.name));
        return { ...item, all, shown: item.servers.filter(server =>
          all || fits(item.name, server.url, server.condition, server.reason || '')) };
      }).filter(item => item.all || item.shown.length);
      sync(byId('points'), points, item => item.name, point, updatePoint);
      sync(byId('services'), services, item => item.name, service, updateService);
      sync(byId('routes'), routes, item => item.name, route, updateRoute);
      for (const [id, items] of [['points', points], ['services', services], ['routes', routes]])
        byId(id).closest('section').hidden = items.length === 0;
      say(byId('nothing'), words.length ? 'Nothing matches the filter.' : 'Nothing is configured.');
      byId('nothing').hidden = points.length + routes.length + services.length > 0;
      const parts = [last.version, 'up for ' + span(Math.max(0, Math.floor((last.time - last.started) / 1000)))];
      if (last.reloads.succeeded) parts.push(count(last.reloads.succeeded, 'reload', 'reloads'));
      const broken = last.services.flatMap(item => item.servers).filter(item => item.condition === 'down').length;
      if (broken) parts.push(count(broken, 'server', 'servers') + ' down');
      say(byId('process'), parts.join(' · '));
      document.title = (broken ? '(' + broken + ' down) ' : '') + 'svs ingress';
      byId('draining').hidden = !last.draining;
      byId('reload').hidden = last.reloads.error === null;
      say(byId('reload'), 'The last reload failed; the configuration before it is in use. ' + (last.reloads.error || ''));
    }

    function lose(reason) {
      const since = Math.round((Date.now() - (lastHeard || firstTry)) / 1000);
      say(byId('lost'), 'Connection lost: no status from the proxy for ' + span(since) + ' (' + reason + '). ' +
        (lastHeard ? 'What stands below is from ' + new Date(lastHeard).toLocaleTimeString() + '. ' : '') +
        'Trying again every second.');
      byId('lost').hidden = false;
      byId('content').classList.add('stale');
    }

    function heard(data) {
      last = data;
      lastHeard = Date.now();
      byId('lost').hidden = true;
      byId('content').classList.remove('stale');
      remember(data);
      // After the answer was taken: an error in drawing is no lost connection, and belongs into the console.
      setTimeout(show);
    }

    async function poll() {
      const begun = Date.now();
      try {
        const response = await fetch('status.json', { cache: 'no-store', signal: AbortSignal.timeout(patience) });
        if (!response.ok) throw new Error('status ' + response.status);
        const data = await response.json();
        heard(data);
      } catch (error) {
        lose({ TimeoutError: 'it does not answer', TypeError: 'it cannot be reached' }[error.name] || error.message);
      }
      setTimeout(poll, Math.max(0, every - (Date.now() - begun)));
    }

    filter.addEventListener('input', show);
    poll();
    """#
}
