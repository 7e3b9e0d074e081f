import ClusterModel
import Glibc

/// Why services could not be translated; nothing was changed when one of these is thrown.
public enum ServiceTranslationError: Error, Hashable, Sendable {
  /// Wanted root, or CAP_BPF with CAP_NET_ADMIN.
  case notPermitted
  /// The kernel lacks something that is needed.
  case unsupportedKernel(errno: CInt)
  /// Pins can be kept on a bpf file system only.
  case notBPFFileSystem(folder: String)
  /// A name that a bpf file system does not take for a folder.
  case invalidFolder(String)
  /// What is pinned there was made by another version of SVS, or is incomplete.
  case foreignPins(folder: String)
  /// This service cannot be translated, and why: the rest of a sentence.
  case invalidService(ServicePort.Name, why: String)
  /// More than the translator was made for.
  case full(what: String, capacity: Int)
  /// A system call failed: what was being done, and errno.
  case system(doing: String, errno: CInt)

  /// Takes errno as it stands; nothing may run between the failed call and this.
  static func last(_ doing: String) -> ServiceTranslationError { from(errno, doing) }

  static func from(_ code: CInt, _ doing: String) -> ServiceTranslationError {
    code == EPERM || code == EACCES ? .notPermitted : .system(doing: doing, errno: code)
  }
}

extension ServiceTranslationError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notPermitted: "translating services needs root; try sudo"
    case .unsupportedKernel(let code):
      "the kernel refuses the hooks that translate services (\(String(cString: strerror(code)))): Linux 6.1 or later "
        + "with BPF, BTF and control groups of version 2 is needed"
    case .notBPFFileSystem(let folder):
      "\(folder) is not on a bpf file system; mount one there, or use a folder in \(PinnedFolder.fileSystem)"
    case .invalidFolder(let folder):
      "\(folder) cannot hold pins: its path must begin with a slash, and a bpf file system allows no dot in a name"
    case .foreignPins(let folder):
      "\(folder) holds no service translation of this version of SVS; remove what is pinned there, or use another folder"
    case .invalidService(let name, let why): "the service \(name) \(why)"
    case .full(let what, let capacity): "no room left: this translator was made for \(capacity) \(what)"
    case .system(let doing, let code): "cannot \(doing): \(String(cString: strerror(code)))"
    }
  }
}
