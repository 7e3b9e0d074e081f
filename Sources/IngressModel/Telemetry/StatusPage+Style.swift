extension StatusPage {
  static let style = #"""
    :root {
      color-scheme: light dark;
      --page: #f4f5f7; --panel: #ffffff; --text: #1b1f24; --quiet: #5b6470; --line: #dde1e6; --accent: #1f5fbf;
      --good: #17713a; --bad: #b3261e; --warn: #8a5300; --idle: #5b6470; --info: #1f5fbf;
      --bad-fill: #fdeceb; --warn-fill: #fdf3e1;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #121519; --panel: #1a1e24; --text: #e7eaee; --quiet: #9aa4b1; --line: #2c323a; --accent: #7fb0ff;
        --good: #5fd08a; --bad: #ff8a80; --warn: #f2b75b; --idle: #9aa4b1; --info: #7fb0ff;
        --bad-fill: #3a1d1c; --warn-fill: #35290f;
      }
    }
    * { box-sizing: border-box; }
    [hidden] { display: none !important; }
    body {
      margin: 0; background: var(--page); color: var(--text);
      font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      font-variant-numeric: tabular-nums;
    }
    header {
      position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 20px;
      padding: 10px max(24px, calc((100% - 1312px) / 2)); background: var(--panel); border-bottom: 1px solid var(--line);
    }
    h1 { margin: 0; font-size: 18px; font-weight: 650; white-space: nowrap; }
    h2 { margin: 24px 0 8px; font-size: 13px; font-weight: 600; color: var(--quiet);
      text-transform: uppercase; letter-spacing: .06em; }
    h3 { margin: 0; font-size: 16px; font-weight: 600; overflow-wrap: anywhere; }
    p { margin: 0; }
    main { max-width: 1360px; margin: 0 auto; padding: 0 24px 40px; }
    input {
      flex: 1 1 240px; max-width: 420px; margin-left: auto; padding: 7px 12px; font: inherit; color: inherit;
      background: var(--page); border: 1px solid var(--line); border-radius: 8px;
    }
    input:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
    .quiet { color: var(--quiet); }
    .banner { margin-top: 16px; padding: 10px 14px; border-radius: 8px; border-left: 4px solid; overflow-wrap: anywhere; }
    .bad { color: var(--bad); background: var(--bad-fill); }
    .warn { color: var(--warn); background: var(--warn-fill); }
    .stale { opacity: .6; }
    .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 12px; }
    .panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; }
    .card { padding: 12px 16px; }
    .card dl { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0 12px; margin: 8px 0 0; }
    .card dt { grid-row: 2; font-size: 12px; color: var(--quiet); }
    .card dd { grid-row: 1; margin: 0; font-size: 18px; font-weight: 550; }
    .card .refused { margin-top: 8px; font-size: 13px; color: var(--warn); }
    .service { margin-bottom: 14px; }
    .service > .head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 2px 14px; padding: 12px 16px; }
    .service > .head .sum { margin-left: auto; white-space: nowrap; }
    .service > .parts { padding: 0 16px 12px; overflow-wrap: anywhere; }
    table { width: 100%; border-collapse: collapse; }
    th { padding: 6px 16px; text-align: left; font-size: 12px; font-weight: 500; color: var(--quiet); white-space: nowrap; }
    td { padding: 8px 16px; border-top: 1px solid var(--line); vertical-align: top; }
    .head + table th { border-top: 1px solid var(--line); padding-top: 8px; }
    .number { text-align: right; white-space: nowrap; }
    .name { font-weight: 550; overflow-wrap: anywhere; }
    .code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 13px;
      overflow-wrap: anywhere; }
    .note { display: block; font-size: 12px; font-weight: 400; color: var(--quiet); overflow-wrap: anywhere; }
    .failing { color: var(--bad); font-weight: 600; }
    .state { white-space: nowrap; font-weight: 600; }
    .state::before { content: ""; display: inline-block; width: 10px; height: 10px; margin-right: 8px; border-radius: 50%;
      background: currentColor; }
    .state.down::before, .state.paused::before { border-radius: 2px; }
    .up { color: var(--good); } .down { color: var(--bad); } .paused, .trial { color: var(--warn); }
    .unknown, .unchecked { color: var(--idle); } .draining { color: var(--info); }
    svg { display: block; width: 120px; height: 24px; margin-left: auto; overflow: visible; }
    polyline { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round;
      vector-effect: non-scaling-stroke; }
    polygon { fill: var(--accent); opacity: .15; }
    svg > line { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; }
    .server td { width: 9%; } .server td.who { width: 30%; } .server td.what { width: 17%; }
    @media (max-width: 760px) {
      header { padding: 10px 16px; }
      main { padding: 0 12px 32px; }
      input { max-width: none; flex-basis: 100%; font-size: 16px; }
      .cards { grid-template-columns: 1fr; }
      thead { display: none; }
      table, tbody { display: block; }
      tr { display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px 10px; padding: 10px 16px;
        border-top: 1px solid var(--line); }
      .panel > table > tbody > tr:first-child { border-top: 0; }
      .head + table > tbody > tr:first-child { border-top: 1px solid var(--line); }
      td, td.number, .server td, .server td.who, .server td.what { padding: 0; border: 0; width: auto; text-align: left; }
      td.wide { grid-column: 1 / -1; }
      td.half { grid-column: span 2; }
      td[data-label]::before { content: attr(data-label); display: block; font-size: 12px; font-weight: 400;
        color: var(--quiet); }
      .service > .head .sum { margin-left: 0; white-space: normal; flex-basis: 100%; }
      svg { width: 100%; margin: 0; }
    }
    """#
}
