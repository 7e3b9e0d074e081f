extension ReportPage {
  /// Opens what is folded, at a button and for paper; all can be read without.
  static let script: StaticString = #"""
    'use strict';
    const folds = [...document.querySelectorAll('details')];
    const button = document.createElement('button');
    const show = () => { button.textContent = folds.every(fold => fold.open) ? 'Fold all tables' : 'Open all tables'; };
    button.type = 'button';
    button.addEventListener('click', () => {
      const open = !folds.every(fold => fold.open);
      for (const fold of folds) fold.open = open;
    });
    for (const fold of folds) fold.addEventListener('toggle', show);
    if (folds.length) document.querySelector('nav').append(button);
    show();
    let closed = [];
    addEventListener('beforeprint', () => {
      closed = folds.filter(fold => !fold.open);
      for (const fold of closed) fold.open = true;
    });
    addEventListener('afterprint', () => { for (const fold of closed) fold.open = false; });
    """#

  /// The script's SHA-256 in Base64, by which the page allows it and no other.
  static let scriptSource = "sha256-heXOr0M0TSlBERAY3qYPesgQ8FwUXrvJMzsf4EBk5Ns="

  /// What the page has beside the report's texts, for tests.
  public static var sourceTexts: [String] { ["\(style)", "\(script)"] }
}
