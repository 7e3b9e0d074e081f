#!/usr/bin/env python3
"""Looks at pages of `svs bench report` in headless Chromium, and fails where they do not show what they must.

    scripts/report_page.py [PAGE...] [--bundle BUNDLE] [--screenshots FOLDER] [--chromium PROGRAM]

Without a PAGE the test bundle writes those of its made-up reports, hostile and partial ones too. Each is looked at wide,
on a phone, dark and light, on paper and without script: nothing sticks out, no labels overlap, all text has contrast,
nothing is fetched. --screenshots keeps the pictures and the PDFs. The exit status is 0 when all is as it must be, 1 when
not, 2 when there is no Chromium or no page.
"""
import argparse, base64, glob, os, pathlib, shutil, subprocess, sys, tempfile

import ingress_page
from ingress_page import Browser, check

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Texts of plots whose boxes intersect, those that leave their figure, and those that their box cuts off.
CROWDED = r'''(() => {
  const found = [];
  for (const figure of document.querySelectorAll('figure')) {
    const frame = figure.getBoundingClientRect();
    const texts = [...figure.querySelectorAll('svg text, .label, .series, .value, .legend > span, figcaption, .note, .xtitle')]
      .filter(text => text.textContent.trim()).map(text => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return [text.textContent, range.getBoundingClientRect()];
      }).filter(([, box]) => box.width > 0);
    texts.forEach(([text, box], index) => {
      if (box.left < frame.left - 0.5 || box.right > frame.right + 0.5) found.push('outside: ' + text.slice(0, 60));
      for (const [other, its] of texts.slice(index + 1)) {
        const across = Math.min(box.right, its.right) - Math.max(box.left, its.left);
        const down = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top);
        // A text's box is higher than its letters by about a third.
        if (across > 0.5 && down > 5) found.push(text.slice(0, 60) + ' | ' + other.slice(0, 60));
      }
    });
    const marks = figure.querySelectorAll('.lane rect, .lane circle, .lane line, .area path, .area line');
    for (const mark of marks) {
      const box = mark.getBoundingClientRect();
      if (box.left < frame.left - 1 || box.right > frame.right + 1) found.push('outside: ' + mark.outerHTML.slice(0, 80));
    }
  }
  return found;
})()'''

# Texts whose colour differs too little from what is behind them.
PALE = r'''(() => {
  const parts = colour => (colour.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const found = new Set();
  for (const element of document.body.querySelectorAll('*')) {
    if (![...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim())) continue;
    if (['SCRIPT', 'STYLE', 'title'].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const front = parts(element instanceof SVGElement ? style.fill : style.color);
    let back = null;
    for (let at = element; at && !back; at = at.parentElement) {
      const colour = parts(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0.99) back = colour;
    }
    const [high, low] = [light(front), light(back || [255, 255, 255])].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    if (contrast < 4.5) found.add(element.tagName + '.' + element.getAttribute('class') + ' ' + contrast.toFixed(2));
  }
  return [...found];
})()'''

# Tags that would be there only if a text had become markup.
STRANGE = r'''(() => {
  const strange = [...document.querySelectorAll('img, iframe, object, embed, form, input, base, video, audio, foreignObject')];
  for (const element of document.querySelectorAll('*')) for (const { name, value } of element.attributes) {
    if (name.startsWith('on') || (['href', 'src', 'xlink:href'].includes(name) && !/^(#|\.\/|data:,)/.test(value)))
      strange.push(element);
  }
  return strange.map(element => element.outerHTML.slice(0, 100));
})()'''


def few(found): return '; '.join(found[:6]) + (' and %d more' % (len(found) - 6) if len(found) > 6 else '')


def picture(browser, path, width):
    height = browser.value('Math.ceil(document.documentElement.getBoundingClientRect().height)')
    data = browser.call('Page.captureScreenshot', format='png', captureBeyondViewport=True,
                        clip={'x': 0, 'y': 0, 'width': width, 'height': min(height, 16000), 'scale': 1})['data']
    with open(path, 'wb') as file: file.write(base64.b64decode(data))


def look(browser, page, folder):
    name = os.path.splitext(os.path.basename(page))[0]

    def save(kind): return os.path.join(folder, '%s-%s.png' % (name, kind))

    browser.problems.clear()
    browser.look(1280, 900, 'light')
    browser.call('Page.navigate', url=pathlib.Path(page).resolve().as_uri())
    browser.wait("document.readyState === 'complete' && location.href.startsWith('file:')", name + ': it is loaded')
    strange = browser.value(STRANGE)
    check(strange == [], name + ': no text became markup ' + few(strange))
    check(browser.value("document.querySelectorAll('script').length") == 1, name + ': there is the page\'s script alone')
    fetched = browser.value("performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))")
    check(fetched == [], name + ': nothing is fetched ' + few(fetched))
    colours = []
    for width, scheme in ((1280, 'light'), (1280, 'dark'), (360, 'light'), (360, 'dark'), (700, 'light'), (1000, 'light')):
        browser.look(width, 800, scheme)
        where = '%s, %d %s: ' % (name, width, scheme)
        widest = browser.value('document.documentElement.scrollWidth')
        check(widest <= width, where + 'nothing sticks out (%d)' % widest)
        crowded = browser.value(CROWDED)
        check(crowded == [], where + 'no labels overlap ' + few(crowded))
        if width in (360, 1280):
            pale = browser.value(PALE)
            check(pale == [], where + 'text has contrast ' + few(pale))
            colours.append(browser.value('getComputedStyle(document.body).backgroundColor'))
            picture(browser, save('%d-%s' % (width, scheme)), width)
    check(colours[0] != colours[1], name + ': dark is another page colour than light')
    check_tables(browser, name)
    check_paper(browser, name, folder)
    check(not browser.problems, name + ': the browser has nothing to complain of ' + few(browser.problems))
    check_scriptless(browser, name)


def check_tables(browser, name):
    browser.look(360, 800, 'light')
    folds = browser.value("document.querySelectorAll('details').length")
    browser.value("(document.querySelector('nav button') || { click() {} }).click()")
    opened = browser.value("document.querySelectorAll('details[open]').length")
    check(opened == folds, '%s: a button opens all of %d folded tables' % (name, folds))
    widest = browser.value('document.documentElement.scrollWidth')
    check(widest <= 360, '%s: opened tables scroll inside (%d)' % (name, widest))
    browser.value("(document.querySelector('nav button') || { click() {} }).click()")
    check(browser.value("document.querySelectorAll('details[open]').length") == 0, name + ': and folds them again')


def check_paper(browser, name, folder):
    # Chromium opens what is folded for paper by the page's style; its script does for others.
    browser.call('Emulation.setEmulatedMedia', media='print')
    browser.call('Emulation.setDeviceMetricsOverride', width=718, height=1000, deviceScaleFactor=1, mobile=False)
    widest = browser.value('document.documentElement.scrollWidth')
    check(widest <= 718, '%s: nothing sticks out of the paper (%d)' % (name, widest))
    crowded = browser.value(CROWDED)
    check(crowded == [], name + ', paper: no labels overlap ' + few(crowded))
    hidden = browser.value("[...document.querySelectorAll('td')].filter(e => !e.checkVisibility({contentVisibilityAuto: true})).length")
    check(hidden == 0, '%s: all tables are open on paper (%d cells are not)' % (name, hidden))
    pdf = browser.call('Page.printToPDF', printBackground=True, paperWidth=8.27, paperHeight=11.69)['data']
    with open(os.path.join(folder, name + '.pdf'), 'wb') as file: file.write(base64.b64decode(pdf))
    browser.call('Emulation.setEmulatedMedia', media='')


def check_scriptless(browser, name):
    browser.call('Emulation.setScriptExecutionDisabled', value=True)
    browser.call('Page.reload')
    browser.wait("document.readyState === 'complete'", name + ': it is loaded without script')
    check(browser.value("document.querySelectorAll('nav a').length") > 1
          and browser.value("document.querySelectorAll('nav button').length") == 0, name + ': it is whole without script')
    browser.call('Emulation.setScriptExecutionDisabled', value=False)


def made_up(bundle, folder):
    """The pages of the tests' reports, as the test bundle writes them."""
    words = [bundle, '--testing-library', 'swift-testing', '--filter', 'ReportPageTests/written']
    run = subprocess.run(words, env={**os.environ, 'SVS_REPORT_PAGES': folder}, capture_output=True, text=True, timeout=300)
    if run.returncode: sys.exit('%s wrote no pages: %s%s' % (bundle, run.stdout[-2000:], run.stderr[-2000:]))
    return sorted(glob.glob(os.path.join(folder, '*.html')))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('pages', nargs='*', metavar='PAGE')
    parser.add_argument('--bundle', default=next(iter(sorted(glob.glob(os.path.join(ROOT, '.build/release/*.xctest')))), None))
    parser.add_argument('--screenshots')
    parser.add_argument('--chromium', default=next(
        filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None))
    arguments = parser.parse_args()
    if not arguments.chromium:
        print('no Chromium: install the package chromium, or name it with --chromium', file=sys.stderr)
        return 2
    if not arguments.pages and not arguments.bundle:
        print('no page: name one, or build the tests (make build)', file=sys.stderr)
        return 2
    folder = arguments.screenshots or tempfile.mkdtemp(prefix='report-pictures-')
    os.makedirs(folder, exist_ok=True)
    pages = arguments.pages or made_up(arguments.bundle, folder)
    check(len(pages) > 0, '%d pages to look at' % len(pages))
    browser = Browser(arguments.chromium)
    try:
        for page in pages: look(browser, page, folder)
    finally:
        browser.close()
    if not arguments.screenshots: shutil.rmtree(folder, ignore_errors=True)
    print('%d failed' % len(ingress_page.failures) if ingress_page.failures else 'all as it must be')
    return 1 if ingress_page.failures else 0


if __name__ == '__main__': sys.exit(main())
