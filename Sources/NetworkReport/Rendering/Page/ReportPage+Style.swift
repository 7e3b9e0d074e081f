extension ReportPage {
  static let style: StaticString = #"""
    :root {
      color-scheme: light dark;
      --page: #f4f5f7; --panel: #ffffff; --text: #1b1f24; --quiet: #566070; --line: #dde1e6; --grid: #e6e9ed;
      --axis: #8a94a0; --good: #17713a; --bad: #b3261e; --warn: #8a5300; --warn-fill: #fdf3e1; --bad-fill: #fdeceb;
      --s0: #1f5fbf; --s1: #b84a00; --s2: #00796b; --s3: #8e3a8e; --s4: #4d5661;
      --s0-fill: #8db4ec; --s1-fill: #f3b48c; --s2-fill: #86cfc5; --s3-fill: #d6a4d6; --s4-fill: #b6bec8;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --page: #121519; --panel: #1a1e24; --text: #e7eaee; --quiet: #a3adb9; --line: #2c323a; --grid: #272d35;
        --axis: #768190; --good: #5fd08a; --bad: #ff8a80; --warn: #f2b75b; --warn-fill: #35290f; --bad-fill: #3a1d1c;
        --s0: #7fb0ff; --s1: #ffab70; --s2: #5fd0b5; --s3: #dd9be0; --s4: #b4bdc8;
        --s0-fill: #2f5796; --s1-fill: #8a4a1c; --s2-fill: #1d6d60; --s3-fill: #74427a; --s4-fill: #57606b;
      }
    }
    * { box-sizing: border-box; }
    html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
    body {
      margin: 0; background: var(--page); color: var(--text);
      font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
      font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
    }
    header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
    header { padding-top: 28px; }
    h1 { margin: 0 0 6px; font-size: 26px; line-height: 1.25; font-weight: 650; }
    h2 { margin: 40px 0 8px; font-size: 20px; font-weight: 650; }
    h3 { margin: 0 0 8px; font-size: 15px; font-weight: 600; }
    p { margin: 0 0 10px; }
    a { color: var(--s0); }
    .quiet, .note, .lead, footer { color: var(--quiet); }
    .lead { max-width: 75ch; }
    .note { margin: 8px 0 0; font-size: 13px; }
    .circumstances { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0; padding: 0; list-style: none;
      color: var(--quiet); font-size: 14px; }
    .banner { margin: 14px 0 0; padding: 10px 14px; border-radius: 8px; border-left: 4px solid; color: var(--warn);
      background: var(--warn-fill); }
    .banner + .banner { margin-top: 8px; }
    nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin-top: 16px; font-size: 14px; }
    .conclusions { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 12px;
      margin: 0; padding: 0; list-style: none; }
    .panel, figure, .conclusions > li, details { background: var(--panel); border: 1px solid var(--line);
      border-radius: 10px; }
    .conclusions > li { padding: 14px 16px; border-left: 4px solid var(--s0); }
    .conclusions > li.unsure { border-left: 4px dashed var(--axis); }
    .conclusions .rule { margin: 0 0 4px; font-size: 12px; color: var(--quiet); text-transform: uppercase;
      letter-spacing: .05em; }
    .conclusions .text { margin: 0; font-weight: 500; }
    .evidence { margin: 8px 0 0; padding: 8px 0 0; list-style: none; border-top: 1px solid var(--line); font-size: 13px;
      color: var(--quiet); }
    .evidence li { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 12px; }
    .evidence b { font-weight: 550; color: var(--text); }
    figure { margin: 14px 0 0; padding: 14px 16px 12px; }
    figcaption { margin-bottom: 8px; color: var(--quiet); }
    figcaption b { font-weight: 600; color: var(--text); }
    .figures { columns: 2 420px; column-gap: 14px; margin-top: 14px; }
    .figures > figure { margin: 0 0 14px; break-inside: avoid; }
    .figures.small { display: grid; align-items: start; gap: 14px; columns: auto; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); }
    .figures.small > figure { margin: 0; }
    .legend { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 0 0 8px; font-size: 13px; }
    .legend span { display: inline-flex; align-items: center; gap: 7px; }
    svg { display: block; }
    svg.key { flex: none; }
    svg text { fill: var(--quiet); font-size: 12px; }
    .row { padding: 5px 0; }
    .row .label { margin: 0; font-size: 14px; font-weight: 500; }
    .mark { display: grid; grid-template-columns: 96px minmax(0, 1fr) 210px; align-items: center; gap: 0 12px; font-size: 13px; }
    .mark .series { color: var(--quiet); }
    .mark .value { white-space: nowrap; }
    .lane { width: 100%; overflow: visible; }
    .row.axis { padding: 0; }
    .figures .mark { grid-template-columns: minmax(0, 1fr) auto; }
    .figures .mark .series { grid-area: 1 / 1; }
    .figures .mark .value { grid-area: 1 / 2; }
    .figures .mark .lane { grid-area: 2 / 1 / 3 / 3; }
    .plot { display: grid; grid-template-columns: 44px minmax(0, 1fr); gap: 8px; }
    .plot svg { width: 100%; overflow: visible; }
    h3.over { margin: 24px 0 4px; }
    .xtitle { margin: 0; text-align: center; font-size: 13px; color: var(--quiet); }
    line.grid { stroke: var(--grid); stroke-width: 1; }
    line.tick, line.ground { stroke: var(--axis); stroke-width: 1; }
    line.reference { stroke: var(--axis); stroke-width: 1.5; stroke-dasharray: 4 3; }
    line.whisker { stroke: var(--text); stroke-width: 1.6; }
    circle.round { fill: var(--text); opacity: .55; }
    .line { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
    .line.faint { stroke-width: 1.2; opacity: .5; }
    .line.s0 { stroke: var(--s0); } .line.s1 { stroke: var(--s1); stroke-dasharray: 7 4; }
    .line.s2 { stroke: var(--s2); stroke-dasharray: 2 3; } .line.s3 { stroke: var(--s3); stroke-dasharray: 10 3 2 3; }
    .line.s4 { stroke: var(--s4); stroke-dasharray: 14 4; }
    .point { stroke: var(--panel); stroke-width: 1.5; paint-order: stroke; }
    .point.s0 { fill: var(--s0); } .point.s1 { fill: var(--s1); } .point.s2 { fill: var(--s2); }
    .point.s3 { fill: var(--s3); } .point.s4 { fill: var(--s4); }
    .bar { stroke-width: 1; }
    .bar.s0 { fill: var(--s0-fill); stroke: var(--s0); } .bar.s1 { fill: url(#hatch1); stroke: var(--s1); }
    .bar.s2 { fill: url(#hatch2); stroke: var(--s2); } .bar.s3 { fill: url(#hatch3); stroke: var(--s3); }
    .bar.s4 { fill: var(--s4-fill); stroke: var(--s4); }
    .hatch1 rect { fill: var(--s1-fill); } .hatch1 path { stroke: var(--s1); }
    .hatch2 rect { fill: var(--s2-fill); } .hatch2 path { stroke: var(--s2); }
    .hatch3 rect { fill: var(--s3-fill); } .hatch3 path { stroke: var(--s3); }
    .defs { position: absolute; width: 0; height: 0; }
    .scroll { overflow-x: auto; }
    .panel { margin-top: 14px; padding: 14px 0 10px; }
    .panel > h3, .panel > .note { padding: 0 16px; }
    table { border-collapse: collapse; min-width: 100%; font-size: 14px; }
    th { padding: 4px 16px; text-align: left; font-size: 12px; font-weight: 500; color: var(--quiet); white-space: nowrap;
      vertical-align: bottom; }
    td { padding: 5px 16px; border-top: 1px solid var(--line); vertical-align: top; min-width: 4em; max-width: 34em; }
    th.number, td.number { text-align: right; white-space: nowrap; }
    td:not(.number) { min-width: 8em; }
    .good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
    .unsure td, td.unsure { color: var(--warn); }
    .missing { margin: 8px 0 0; padding-left: 20px; color: var(--warn); }
    details { margin-top: 10px; }
    summary { padding: 9px 16px; cursor: pointer; font-weight: 500; }
    summary:focus-visible, a:focus-visible, button:focus-visible, .scroll:focus-visible {
      outline: 2px solid var(--s0); outline-offset: 1px; }
    details[open] > summary { border-bottom: 1px solid var(--line); }
    details > .inside { padding: 8px 0 10px; }
    details .note { padding: 0 16px; }
    details details { margin: 0 12px 8px; }
    button { padding: 6px 12px; font: inherit; font-size: 14px; color: inherit; background: var(--panel);
      border: 1px solid var(--line); border-radius: 8px; cursor: pointer; }
    footer { padding-top: 28px; padding-bottom: 40px; font-size: 13px; }
    @media (max-width: 700px) {
      header, main, footer { padding-left: 12px; padding-right: 12px; }
      header { padding-top: 18px; }
      h1 { font-size: 22px; }
      figure { padding: 12px 12px 10px; }
      .mark { grid-template-columns: minmax(0, 1fr) auto; }
      .mark .series { grid-area: 1 / 1; }
      .mark .value { grid-area: 1 / 2; }
      .mark .lane { grid-area: 2 / 1 / 3 / 3; }
      th, td { padding-left: 10px; padding-right: 10px; }
      .panel > h3, .panel > .note, details .note { padding-left: 12px; padding-right: 12px; }
    }
    @media print {
      :root {
        color-scheme: light;
        --page: #fff; --panel: #fff; --text: #000; --quiet: #3c3c3c; --line: #bbb; --grid: #ddd; --axis: #666;
        --good: #000; --bad: #000; --warn: #000; --warn-fill: #fff; --bad-fill: #fff;
        --s0: #1f5fbf; --s1: #b84a00; --s2: #00796b; --s3: #8e3a8e; --s4: #4d5661;
        --s0-fill: #8db4ec; --s1-fill: #f3b48c; --s2-fill: #86cfc5; --s3-fill: #d6a4d6; --s4-fill: #b6bec8;
      }
      * { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
      body { font-size: 11px; }
      h1 { font-size: 20px; } h2 { font-size: 15px; margin-top: 22px; break-after: avoid; }
      header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
      nav, button { display: none; }
      figure, .conclusions > li, tr { break-inside: avoid; }
      .panel > h3, summary { break-after: avoid; }
      .figures { columns: 2 auto; }
      .figures.small, .conclusions { grid-template-columns: 1fr 1fr; }
      .banner, .conclusions > li, figure, .panel, details { border-color: #999; }
      h3, .row .label { font-size: 11px; }
      .mark, .legend, .note, .xtitle, .evidence, .circumstances, .conclusions .rule, footer { font-size: 10px; }
      svg text { font-size: 9px; }
      .rows > .inside { columns: 2 auto; column-gap: 10px; padding: 8px; }
      .rows details { margin: 0 0 8px; }
      .mark { grid-template-columns: 70px minmax(0, 1fr) 150px; }
      .scroll { overflow: visible; }
      table { font-size: 9.5px; } th { font-size: 9px; } td, th { padding: 1.5px 8px; }
      .panel { padding: 8px 0 6px; } .panel > h3, .panel > .note, details .note, summary { padding: 4px 8px; }
      td:not(.number) { min-width: 5em; }
      .rows details.wide { column-span: all; }
      .rows table { font-size: 8.5px; } .rows th { font-size: 8px; }
      .rows td, .rows th { padding: 1px 5px; min-width: 0; }
      details::details-content { content-visibility: visible; display: block; height: auto; }
    }
    """#
}
