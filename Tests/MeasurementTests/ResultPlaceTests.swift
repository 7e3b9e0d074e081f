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

  @Test("No name is no place") func nothing() {
    for check in [ResultFile.check, { try ResultFile.write(text: "x", to: $0) }] {
      let error = #expect(throws: ResultFileError.self) { try check("") }
      #expect(error?.description.contains("without a name") == true)
    }
  }

  @Test("What others have made beside it stays as it is") func others() throws {
    try inFolder { folder in
      let (target, other) = ("\(folder)/result", "\(folder)/other")
      try Files.write("theirs", to: other)
      // A process of the same number in another container, and a link that somebody has laid.
      let names = [".svs-\(getpid()).new", ".result.new", ".result", "result.new"]
      for name in names { #expect(symlink("other", "\(folder)/\(name)") == 0) }
      try ResultFile.check(target)
      try ResultFile.write(text: "ours", to: target)
      #expect(try Files.text(other) == "theirs" && Files.text(target) == "ours")
      #expect(Files.list(folder) == (names + ["other", "result"]).sorted())
    }
  }

  @Test("The longest name is one too, and a new file has the mode that any has") func names() throws {
    try inFolder { folder in
      for letters in [String(repeating: "x", count: 255), String(repeating: "ü", count: 127)] {
        try ResultFile.check("\(folder)/\(letters)")
        try ResultFile.write(text: "1", to: "\(folder)/\(letters)")
        #expect(try Files.text("\(folder)/\(letters)") == "1")
        let plain = open("\(folder)/plain", O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
        close(plain)
        var (status, usual) = (stat(), stat())
        #expect(stat("\(folder)/\(letters)", &status) == 0 && stat("\(folder)/plain", &usual) == 0)
        #expect(status.st_mode == usual.st_mode)
      }
    }
  }

  @Test("A link to a file that is yet to be made stays, and the file is made") func dangling() throws {
    try inFolder { folder in
      #expect(mkdir("\(folder)/sub", 0o755) == 0)
      for (name, target) in [
        ("relative", "sub/a"), ("absolute", "\(folder)/sub/b"), ("twice", "once"), ("once", "sub/c"),
      ] { #expect(symlink(target, "\(folder)/\(name)") == 0) }
      for (name, target) in [("relative", "a"), ("absolute", "b"), ("twice", "c")] {
        try ResultFile.check("\(folder)/\(name)")
        #expect(Files.list("\(folder)/sub").isEmpty)
        try ResultFile.write(text: name, to: "\(folder)/\(name)")
        var status = stat()
        #expect(lstat("\(folder)/\(name)", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK, "\(name)")
        #expect(try Files.text("\(folder)/sub/\(target)") == name)
        #expect(Files.list("\(folder)/sub") == [target])
        try Files.remove("\(folder)/sub/\(target)")
      }
      #expect(symlink("no/x", "\(folder)/nowhere") == 0 && symlink("circle", "\(folder)/circle") == 0)
      for name in ["nowhere", "circle"] {
        let error = #expect(throws: ResultFileError.self) { try ResultFile.check("\(folder)/\(name)") }
        #expect(error?.description.contains("write \(folder)/") == true)
        #expect(throws: ResultFileError.self) { try ResultFile.write(text: "x", to: "\(folder)/\(name)") }
      }
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
