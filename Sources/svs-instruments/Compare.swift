import ArgumentParser
import InstrumentCommands
import Measurement

extension CompareCommand {
  func compare() throws {
    let files = DataFiles(json: json)
    try files.check()
    let (comparison, gotWorse) = try reporting { () throws(ResultFileError) in
      let documents = (try ResultFile.read(before), try ResultFile.read(after))
      let comparison = try Comparison(before: documents.0, after: documents.1, bootstrap: Bootstrap(seed: seed))
      if json != "-" {
        for (path, document) in [(before, documents.0), (after, documents.1)] {
          print(
            "\(path): \(document.tool.name) \(document.tool.version) on \(document.environment.host), "
              + "Linux \(document.environment.kernel), \(document.started)")
        }
        print("\n" + comparison.text, terminator: "")
      }
      // What did not come to its end, or got no answers, is not as good as what did.
      return (comparison, comparison.gotWorse || documents.1.partial && !documents.0.partial)
    }
    try files.write(comparison)
    if check && gotWorse { throw ExitCode.failure }
  }
}
