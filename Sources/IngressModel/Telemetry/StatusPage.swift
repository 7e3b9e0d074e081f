/// The status page: one HTML document that fetches `status.json` beside it every second; needs nothing from elsewhere.
///
/// Names and rules come from configuration files: the script sets them as text, never as markup.
public enum StatusPage {
  /// Where the page's script looks, relative to the page.
  public static let dataPath = "status.json"
  public static let contentType = "text/html; charset=utf-8"
  public static let dataContentType = "application/json; charset=utf-8"

  public static let html: String = {
    var parts = markup.split(separator: "@STYLE@", maxSplits: 1).map(String.init)
    let tail = parts.removeLast().split(separator: "@SCRIPT@", maxSplits: 1).map(String.init)
    return (parts + [style] + tail.prefix(1) + [script] + tail.dropFirst()).joined()
  }()

  /// Fields to send with the page and its data: only the page's own style and script run, and it stands in no frame.
  public static let headers: [(name: String, value: String)] = [
    ("Content-Security-Policy", contentSecurityPolicy), ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
  ]

  public static let contentSecurityPolicy =
    "default-src 'none'; style-src '\(source(of: style))'; script-src '\(source(of: script))'; "
    + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  private static func source(of text: String) -> String { "sha256-" + Base64.text(SHA256.hash(Array(text.utf8))) }

  static let markup = #"""
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>svs ingress</title>
    <link rel="icon" href="data:,">
    <style>@STYLE@</style>
    </head>
    <body>
    <header>
      <h1>svs ingress</h1>
      <p id="process" class="quiet">connecting…</p>
      <input id="filter" type="search" placeholder="Filter by name, rule, address or state"
        aria-label="Filter routes, services and servers" autocomplete="off" spellcheck="false">
    </header>
    <main>
      <p id="lost" class="banner bad" role="alert" hidden></p>
      <p id="reload" class="banner bad" role="alert" hidden></p>
      <p id="draining" class="banner warn" role="status" hidden>Draining: no new connections are taken; the proxy ends
        when the open requests have ended.</p>
      <noscript><p class="banner bad">This page needs JavaScript; status.json beside it has the same as text.</p></noscript>
      <div id="content">
        <section aria-labelledby="h-points"><h2 id="h-points">Entry points</h2><div id="points" class="cards"></div></section>
        <section aria-labelledby="h-services"><h2 id="h-services">Services</h2><div id="services"></div></section>
        <section aria-labelledby="h-routes"><h2 id="h-routes">Routes</h2><div class="panel"><table>
          <thead><tr><th>Route</th><th>Rule</th><th>Service</th><th class="number">Requests/s</th>
            <th class="number">Errors/s</th><th class="number">p50</th><th class="number">p99</th></tr></thead>
          <tbody id="routes"></tbody></table></div></section>
      </div>
      <p id="nothing" class="quiet" hidden></p>
    </main>
    <script>@SCRIPT@</script>
    </body>
    </html>

    """#
}
