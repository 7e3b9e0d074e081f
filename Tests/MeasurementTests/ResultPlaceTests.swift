import Glibc
import HostSystem
import Measurement
import Testing

@Suite("Where results go")
struct ResultPlaceTests {
  private func inFolder(_ body: (String) throws -> Void) throws {
    var template = Array("/tmp/svs-places-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("make a folder") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { try? Files.remove(folder) }
    try body(folder)
  }

  @Test("A check changes nothing, and leaves nothing") func check() throws {
    try inFolder { folder in
      try ResultFile.check("\(folder)/new")
      #expect(Files.list(folder).isEmpty)
      try Files.write("old", to: "\(folder)/there")
      try ResultFile.check("\(folder)/there")
      #expect(try Files.text("\(folder)/there") == "old" && Files.list(folder) == ["there"])
      #expect(throws: ResultFileError.self) { try ResultFile.check(folder) }
      #expect(throws: ResultFileError.self) { try ResultFile.check("\(folder)/no/x") }
      #expect(throws: ResultFileError.self) { try ResultFile.check("\(folder)/there/x") }
      #expect(throws: ResultFileError.self) { try ResultFile.check("/proc/version") }
      for path in ["-", "/dev/null"] { try ResultFile.check(path) }
    }
  }

  @Test("A file is replaced with its mode; links, other names and devices stay what they are") func write() throws {
    try inFolder { folder in
      let (file, link, second) = ("\(folder)/file", "\(folder)/link", "\(folder)/second")
      try ResultFile.write(text: "1", to: file)
      #expect(chmod(file, 0o640) == 0)
      try ResultFile.write(text: "22", to: file)
      var status = stat()
      #expect(stat(file, &status) == 0 && status.st_mode & 0o7777 == 0o640)
      #expect(symlink("file", link) == 0)
      try ResultFile.write(text: "3", to: link)
      #expect(try Files.text(file) == "3" && lstat(link, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
      #expect(Glibc.link(file, second) == 0)
      try ResultFile.write(text: "4444", to: second)
      #expect(try Files.text(file) == "4444")
      try ResultFile.write(text: "5", to: "/dev/null")
      #expect(stat("/dev/null", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR)
      #expect(throws: ResultFileError.self) { try ResultFile.write(text: "6", to: "/dev/full") }
      #expect(Files.list(folder) == ["file", "link", "second"])
    }
  }
}
