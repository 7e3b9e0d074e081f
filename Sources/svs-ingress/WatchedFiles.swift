import Glibc
import IngressModel

/// The files of a configuration, the certificates that they name among them.
struct WatchedFiles: Sendable {
  var names: [String]
  var overrides: [BackendOverride]
  var domain: String

  /// Looks once a second whether a file is another one than before, until its task is cancelled.
  func watch(_ changed: @Sendable () -> Void) async {
    var certificates = namedCertificates()
    var known = (marks(names), marks(certificates))
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1))
      let files = marks(names)
      // The files may name other certificates than before.
      if files != known.0 { certificates = namedCertificates() }
      let now = (files, marks(certificates))
      if now != known { changed() }
      known = now
    }
  }

  private func namedCertificates() -> [String] {
    let read = try? IngressConfiguration.read(files: names, overrides: overrides, domain: domain)
    return read?.certificates.filter { !$0.isInline }.flatMap { [$0.certificate, $0.key] } ?? []
  }

  private func marks(_ paths: [String]) -> [[Int]] {
    paths.map {
      var info = stat()
      guard stat($0, &info) == 0 else { return [] }
      return [Int(info.st_ino), Int(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec]
    }
  }
}
