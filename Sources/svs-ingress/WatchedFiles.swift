import Glibc
import IngressModel

/// The files of a configuration, the certificates that they name among them.
struct WatchedFiles: Sendable {
  var names: [String]
  var overrides: [BackendOverride]
  var domain: String

  /// Looks once a second whether a file is another one than before, until its task is cancelled.
  func watch(_ changed: @Sendable () -> Void) async {
    var known = marks()
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(1))
      let now = marks()
      if now != known { changed() }
      known = now
    }
  }

  private func marks() -> [[Int]] {
    // The files may name other certificates than before.
    let certificates =
      (try? IngressConfiguration.read(files: names, overrides: overrides, domain: domain))?.certificates ?? []
    return (names + certificates.filter { !$0.isInline }.flatMap { [$0.certificate, $0.key] }).map {
      var info = stat()
      guard stat($0, &info) == 0 else { return [] }
      return [Int(info.st_ino), Int(info.st_size), info.st_mtim.tv_sec, info.st_mtim.tv_nsec]
    }
  }
}
