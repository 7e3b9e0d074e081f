/// What somebody may have meant.
package enum Spelling {
  /// The word that is one or two slips of the finger away; nil where none is near.
  package static func nearest(to word: String, among words: some Sequence<String>) -> String? {
    let slips = word.utf8.count < 4 ? 1 : 2
    // Longer words are no slips, and would cost their square.
    guard word.utf8.count <= 40 else { return nil }
    let lower = word.lowercasedASCII
    return words.map { (word: $0, distance: distance(lower, $0.lowercasedASCII)) }
      .filter { $0.distance <= slips }.min { $0.distance < $1.distance }?.word
  }

  /// Letters to insert, delete or replace (Levenshtein).
  private static func distance(_ one: String, _ other: String) -> Int {
    let target = Array(other.utf8)
    var row = Array(0...target.count)
    for (index, byte) in one.utf8.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in target.indices {
        let cost = min(diagonal + (target[column] == byte ? 0 : 1), row[column] + 1, row[column + 1] + 1)
        diagonal = row[column + 1]
        row[column + 1] = cost
      }
    }
    return row[target.count]
  }
}
