import CLibbpf
import Glibc

/// A program at the ingress of devices, open.
struct IngressProgram: ~Copyable {
  /// What the programs of ours are called there, in the kernel and in the folder of pins.
  enum Name: String, CaseIterable {
    case device = "svs_divert"
    case port = "svs_divert_port"
  }

  let descriptor: Int32
  /// By which the kernel knows it.
  let number: UInt32
  /// What it is called in the kernel, up to 15 characters.
  let title: String
  /// Nil for one of somebody else's.
  var name: Name? { Name(rawValue: title) }

  init(_ name: Name, in folder: PinFolder) throws(DirectorError) {
    let path = folder.pin(name.rawValue)
    let file = bpf_obj_get(path)
    guard file >= 0 else { throw .system(doing: "open \(path)", errno: errno) }
    guard let info = Self.information(file) else {
      let code = errno
      close(file)
      throw .system(doing: "look at \(path)", errno: code)
    }
    descriptor = file
    number = info.id
    title = name.rawValue
  }

  /// Nil where it has gone, or may not be opened: that takes CAP_SYS_ADMIN.
  init?(number: UInt32) {
    let file = bpf_prog_get_fd_by_id(number)
    guard file >= 0 else { return nil }
    guard let info = Self.information(file) else {
      close(file)
      return nil
    }
    descriptor = file
    self.number = number
    title = withUnsafeBytes(of: info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
  }

  deinit { close(descriptor) }

  /// Nil, with errno, where the kernel does not tell.
  private static func information(_ file: Int32) -> bpf_prog_info? {
    var info = bpf_prog_info()
    var length = UInt32(MemoryLayout<bpf_prog_info>.size)
    return bpf_obj_get_info_by_fd(file, &info, &length) == 0 ? info : nil
  }
}
