import ArgumentParser

/// Where results go, as words: what is wrong with them alone is told before anything is measured.
enum ResultPlaces {
  static func check(json: String?, csv: String? = nil) throws {
    for (option, path) in [("--json", json), ("--csv", csv)] where path?.isEmpty == true {
      throw ValidationError("\(option) takes the name of a file, or - for standard output.")
    }
    guard json == nil || json != csv else { throw ValidationError("JSON and CSV cannot go to the same place.") }
  }
}
