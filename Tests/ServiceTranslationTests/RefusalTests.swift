import ClusterModel
import Glibc
import HostSystem
import Netlink
import SocketDataplaneTypes
import Testing

@testable import ServiceTranslation

/// What cannot be, and what is left as it was then.
@Suite(.serialized) struct RefusalTests {
  private func withTranslator(
    _ capacity: ServiceTranslator.Capacity, _ body: (ServiceTranslator) throws -> Void
  ) throws {
    let folder = "/run/svs/bpf/test-svss\(getpid())-refusals"
    defer { try? ServiceTranslator.remove(pinFolder: folder) }
    try body(try ServiceTranslator(pinFolder: folder, capacity: capacity))
  }

  @Test func whatCannotBeChangesNothing() throws {
    try withTranslator(ServiceTranslator.Capacity(services: 4, endpoints: 8)) { translator in
      let good: [ServicePort] = [.web(1, pods: 1...3), .names(1, pods: 1...2)]
      try translator.set(good, nodeAddresses: [pod(90)])
      let before = try translator.counters()
      var twice = ServicePort.web(1, pods: 1...1)
      twice.name.service = "second"
      var mixed = ServicePort.web(2)
      mixed.endpoints = [Endpoint(pod6(1), port: 80)]
      var noPort = ServicePort.web(2)
      noPort.port = 0
      var noTarget = ServicePort.web(2)
      noTarget.endpoints = [Endpoint(pod(1), port: 0)]
      var nobody = ServicePort.web(2)
      nobody.clusterIP = IPAddress(family: .ipv4, words: (0, 0, 0, 0))
      let cases: [([ServicePort], String)] = [
        (
          good + [twice],
          "the service default/second is at 10.96.0.1, port 80, where the service default/web1 is already"
        ),
        ([.web(1, nodePort: 80), .web(2, nodePort: 80)], "10.77.0.100, port 80"),
        ([mixed], "same family"), ([noPort], "the port 0"), ([noTarget], "port 0"), ([nobody], "no host's address"),
        ((1...5).map { .web($0) }, "no room left: this translator was made for 4 services"),
        ([.web(2, pods: 1...9)], "no room left: this translator was made for 8 endpoints"),
      ]
      for (services, sentence) in cases {
        let error = #expect(throws: ServiceTranslationError.self) {
          try translator.set(services, nodeAddresses: [pod(90)])
        }
        #expect(error?.description.contains(sentence) == true, "\(error?.description ?? "nothing thrown")")
        #expect(try translator.counters() == before)
      }
      try translator.set([.web(1, pods: 1...8)], nodeAddresses: [])
    }
  }

  /// The table of addresses is full on the way: what was put there goes again.
  @Test func halfAChangeIsTakenBack() throws {
    try withTranslator(ServiceTranslator.Capacity(services: 4, endpoints: 64)) { translator in
      let good: [ServicePort] = [.web(1, pods: 1...3, nodePort: 30001), .web(2, pods: 1...2)]
      let nodes = (1...4).map { pod(100 + $0) }
      try translator.set(good, nodeAddresses: nodes)
      let before = try translator.counters()
      // There is room for 16 addresses.
      let many = (1...4).map { ServicePort.web($0, pods: 2...4, nodePort: UInt16(30000 + $0)) }
      #expect(throws: ServiceTranslationError.full(what: "addresses of services", capacity: 16)) {
        try translator.set(many, nodeAddresses: nodes)
      }
      #expect(try translator.counters() == before)
      // Another process finds the same.
      #expect(try ServiceTranslator(pinFolder: translator.pinFolder).counters() == before)
      for _ in 0..<20 {
        try translator.set([], nodeAddresses: nodes)
        try translator.set(good, nodeAddresses: nodes)
        try? translator.set(many, nodeAddresses: nodes)
      }
      #expect(try translator.counters().map { $0.endpoints.count } == [3, 2])
    }
  }

  /// Somebody ended in the middle of a change: the next one finds its way.
  @Test func aChangeThatWasCutOffIsTidiedUp() throws {
    try withTranslator(ServiceTranslator.Capacity(services: 8, endpoints: 64)) { translator in
      let good: [ServicePort] = [.web(1, pods: 1...3), .web(2, pods: 1...2)]
      try translator.set(good, nodeAddresses: [])
      let before = try translator.counters()
      let tables = try Tables(try PinnedFolder(translator.pinFolder))
      // An address that leads to a record of nobody's, a record that nothing leads to, and an endpoint of no list.
      let stray = AddressKey(pod(50), port: 1, .tcp)
      try tables.addresses.put(stray.raw, stray.entry(7), orFull: "", "")
      tables.records[6].pointee.address = AddressKey(pod(51), port: 1, .tcp).raw
      tables.endpoints[60].pointee.serial = 9
      tables.state[0].pointee.edition += 1
      #expect(try translator.counters() == before)
      #expect(tables.addresses.keys(stray.raw).count == 2)
      #expect(tables.records[6].pointee.address.protocol == 0 && tables.endpoints[60].pointee.serial == 0)
      #expect(tables.state[0].pointee.edition % 2 == 0)
    }
  }

  @Test func whatIsPinnedElsewhereIsNotTaken() throws {
    #expect(throws: ServiceTranslationError.notBPFFileSystem(folder: "/tmp")) {
      _ = try ServiceTranslator(pinFolder: "/tmp/pins")
    }
    #expect(throws: ServiceTranslationError.invalidFolder("/run/svs/bpf/a.b")) {
      _ = try ServiceTranslator(pinFolder: "/run/svs/bpf/a.b")
    }
    try withTranslator(ServiceTranslator.Capacity()) { translator in
      let tables = try Tables(try PinnedFolder(translator.pinFolder))
      tables.state[0].pointee.layout += 1
      #expect(throws: ServiceTranslationError.foreignPins(folder: translator.pinFolder)) {
        _ = try ServiceTranslator(pinFolder: translator.pinFolder)
      }
    }
  }

  /// Random sets of services, some of which do not fit, against what the tables hold then.
  @Test func tablesHoldWhatWasSet() throws {
    try withTranslator(ServiceTranslator.Capacity(services: 30, endpoints: 100)) { translator in
      var random = Seeded(state: 3)
      var present: [ServicePort] = []
      var refused = 0
      for round in 0..<150 {
        let wanted = (1...40).shuffled(using: &random).prefix(Int.random(in: 0...32, using: &random)).map { number in
          var service = ServicePort.web(
            number, podList: Array((1...60).shuffled(using: &random).prefix(Int.random(in: 0...7, using: &random))),
            nodePort: Bool.random(using: &random) ? UInt16(30000 + number) : nil,
            affinity: Bool.random(using: &random) ? 60 : nil)
          // Most stay as they are.
          if let old = present.first(where: { $0.name == service.name }), round % 7 != 0 { service = old }
          return service
        }
        do {
          try translator.set(wanted, nodeAddresses: [pod(200), pod(201)])
          present = wanted
        } catch {
          guard case .full? = error as? ServiceTranslationError else { throw error }
          refused += 1
        }
        if round % 50 == 49 { _ = try ServiceTranslator(pinFolder: translator.pinFolder).counters() }
        let held = try translator.counters()
        let sorted = present.map(\.clusterIP).sorted { $0.words.0.bigEndian < $1.words.0.bigEndian }
        #expect(held.map(\.clusterIP) == sorted)
        for service in held {
          let wanted = try #require(present.first { $0.clusterIP == service.clusterIP })
          #expect(service.endpoints.map(\.endpoint) == wanted.endpoints)
        }
        let tables = try Tables(try PinnedFolder(translator.pinFolder))
        let addresses = present.map { $0.nodePort == nil ? 1 : 3 }.reduce(0, +)
        #expect(tables.owners.count == addresses)
        for service in present {
          let known = try #require(tables.services[AddressKey(service.clusterIP, port: 80, .tcp)])
          #expect(known.affinitySeconds == service.affinitySeconds ?? 0)
        }
      }
      #expect(refused > 5 && refused < 145, "\(refused)")
    }
  }

  @Test func theRootOfControlGroupsIsFound() {
    let mixed = """
      24 30 0:22 / /sys rw,nosuid - sysfs sysfs rw
      36 35 98:0 / /sys/fs/cgroup/unified rw,noatime shared:3 master:1 - cgroup2 cgroup2 rw,nsdelegate
      37 35 0:30 /part /other rw - cgroup2 none rw
      38 35 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
      """
    #expect(ControlGroups.mountPoint(in: mixed) == "/sys/fs/cgroup/unified")
    #expect(ControlGroups.mountPoint(in: "36 35 98:0 / /a\\040b\\134 rw - cgroup2 cgroup2 rw") == "/a b\\")
    #expect(ControlGroups.mountPoint(in: "") == nil)
    #expect(ControlGroups.mountPoint(in: "1 2 3 / /x rw -") == nil)
    // Whatever stands there.
    var random = Seeded(state: 11)
    let pieces = ["36", " ", "-", "/", "\\04", "\\999", "cgroup2", "\n", "rw", "\\"]
    for _ in 0..<5_000 {
      let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }
      _ = ControlGroups.mountPoint(in: text.joined())
    }
  }
}
