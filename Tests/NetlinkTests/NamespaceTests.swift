import Glibc
import Testing

@testable import Netlink

@Suite struct NamespaceTests {
  @Test func aNameIsMadeListedAndDeleted() throws {
    let name: String
    do {
      let scratch = try Scratch()
      name = scratch.name
      #expect(NetworkNamespace.names().contains(name))
      let taken = #expect(throws: NetlinkError.self) { _ = try NetworkNamespace.create(name) }
      #expect(taken?.code == EEXIST)
      let again = try NetworkNamespace.named(name)
      #expect(try again.cookie == scratch.namespace.cookie)
    }
    #expect(!NetworkNamespace.names().contains(name))
    let gone = #expect(throws: NetlinkError.self) { _ = try NetworkNamespace.named(name) }
    #expect(gone?.code == ENOENT)
  }

  @Test func theThreadComesBack() throws {
    let home = try NetworkNamespace.current()
    let scratch = try Scratch()
    let inside = try scratch.namespace.perform { () throws(NetlinkError) in try NetworkNamespace.current().cookie }
    #expect(try inside == scratch.namespace.cookie)
    #expect(try NetworkNamespace.current().cookie == home.cookie)
    #expect(inside != (try home.cookie))
    struct Own: Error {}
    #expect(throws: Own.self) { try scratch.namespace.perform { throw Own() } }
    #expect(try NetworkNamespace.current().cookie == home.cookie)
  }

  @Test func mountsStayVisible() throws {
    let scratch = try Scratch()
    let name = scratch.name
    let visible = try scratch.namespace.perform { () throws(NetlinkError) in NetworkNamespace.names().contains(name) }
    #expect(visible)
  }

  @Test func cookiesAreNeverReused() throws {
    var seen: Set<UInt64> = []
    for _ in 0..<20 { seen.insert(try Scratch().namespace.cookie) }
    #expect(seen.count == 20)
  }

  @Test(arguments: ["", ".", "..", "a/b"])
  func badNamesAreRefused(_ name: String) {
    let error = #expect(throws: NetlinkError.self) { _ = try NetworkNamespace.create(name) }
    #expect(error?.code == EINVAL)
  }

  @Test func aNameWhoseMakerDiedHalfWayCanBeDeleted() throws {
    let name = "svsnl-\(getpid())-half"
    _ = try Scratch()  // makes the folder
    close(open("\(NetworkNamespace.folder)/\(name)", O_CREAT | O_EXCL | O_RDONLY, 0))
    try NetworkNamespace.delete(name)
    #expect(!NetworkNamespace.names().contains(name))
  }

  @Test func aRefusalTellsTheUserToBeRoot() {
    let error = NetlinkError(code: EPERM, action: "create the veth link a")
    #expect(error.description == "cannot create the veth link a: Operation not permitted; run it as root")
  }
}
