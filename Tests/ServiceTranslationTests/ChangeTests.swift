import CSystem
import ClusterModel
import Glibc
import HostSystem
import Netlink
import ServiceTranslation
import Testing

/// Services that change while they are used, and translators that come and go.
@Suite(.serialized) struct ChangeTests {
  @Test func endpointsComeAndGoUnderLoad() throws {
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...3), .web(2, pods: 1...1)], nodeAddresses: [])
      var stream = ServicePort.web(3)
      stream.endpoints = [Endpoint(pod(3), port: 5201)]
      try translator.set([.web(1, pods: 1...3), .web(2, pods: 1...1), stream], nodeAddresses: [])
      try world.start("pod3", ["iperf3", "-s", "-1", "--forceflush"], output: "iperf")
      try world.wait("iperf3") { world.output("iperf").contains("listening") }
      let long = try world.start("client", ["iperf3", "-c", "10.96.0.3", "-p", "80", "-t", "4"], output: "long")
      let clients = try (0..<2).map { number in
        try world.start(
          "client",
          [
            World.python, "-c",
            World.prelude + """
              import os, sys
              c = collections.Counter()
              while len(c) < 3 or not os.path.exists(sys.argv[1]): c[ask('10.96.0.1', 80)] += 1
              assert ask('10.96.0.2', 80) == 'pod1'
              print(sum(c.values()))
              """, world.folder + "/enough",
          ], output: "load\(number)")
      }
      // iperf3 makes one connection to talk and one to send.
      try world.wait("the stream") { (try? translator.counters().last?.connections ?? 0) ?? 0 >= 2 }
      // Each time one pod is out; the third service's only one among them, whose stream goes on.
      var rounds = 0
      let deadline = Deadline(in: .seconds(60))
      var connections: UInt64 = 0
      while rounds < 500 || connections < 2_000 {
        try #require(!deadline.hasPassed, "\(rounds) rounds, \(connections) connections")
        connections = try translator.counters()[0].connections
        let out = rounds % 3 + 1
        var changed = stream
        if out == 3 { changed.endpoints = [] }
        try translator.set(
          [.web(1, podList: (1...3).filter { $0 != out }), .web(2, pods: 1...1), changed], nodeAddresses: [])
        rounds += 1
      }
      try translator.set([.web(1, pods: 1...3), .web(2, pods: 1...1)], nodeAddresses: [])
      _ = try world.run(["touch", world.folder + "/enough"])
      for (number, client) in clients.enumerated() {
        #expect(world.end(client, within: .seconds(20)) == 0, "\(world.output("load\(number)"))")
      }
      #expect(world.end(long, within: .seconds(20)) == 0, "\(world.output("long"))")
      print(
        "endpoints changed \(rounds) times under \(world.output("load0").trimmed) + \(world.output("load1").trimmed)")
    }
  }

  @Test func aConnectionAfterAChangeMeetsTheNewEndpoints() throws {
    try withWorld { world, translator in
      let network = try NetworkNamespace.named("\(world.name)-client")
      try translator.set([.names(1, podList: [1, 2])], nodeAddresses: [])
      // Others, who connect all the time.
      for number in 0..<2 {
        let loop = "while True: connected('10.96.0.1', 53, socket.SOCK_DGRAM).close()"
        try world.start("client", [World.python, "-c", World.prelude + loop], output: "others\(number)")
      }
      var round = 0
      let deadline = Deadline(in: .seconds(60))
      while try round < 200 || translator.counters()[0].connections < 5_000 {
        try #require(!deadline.hasPassed)
        round += 1
        // The whole list at once: from pods 1 and 2 to pod 3 and back.
        try translator.set([.names(1, podList: round % 2 == 0 ? [1, 2] : [3])], nodeAddresses: [])
        let answers = try network.perform { () throws -> Set<String> in
          Set(try (0..<4).map { _ in try ask(.names(1)) })
        }
        #expect(answers.isSubset(of: round % 2 == 0 ? ["pod1", "pod2"] : ["pod3"]), "\(round)")
      }
      #expect(world.output("others0").isEmpty && world.output("others1").isEmpty)
    }
  }

  @Test func choicesAreFairAndCountedWhateverChanges() throws {
    try withWorld { world, translator in
      let network = try NetworkNamespace.named("\(world.name)-client")
      var random = Seeded(state: 7)
      // Per service: its turn, its list, and what each endpoint got since it came.
      var turns = [Int](repeating: 0, count: 5)
      var lists = [[Int]](repeating: [], count: 5)
      var counts = [[Int: UInt64]](repeating: [:], count: 5)
      var refused = [UInt64](repeating: 0, count: 5)
      for _ in 0..<60 {
        let changed = Int.random(in: 0..<5, using: &random)
        let new = (1...40).shuffled(using: &random).prefix(Int.random(in: 0...20, using: &random))
        lists[changed] = Array(new)
        counts[changed] = counts[changed].filter { new.contains($0.key) }
        try translator.set((0..<5).map { .names($0 + 1, podList: lists[$0]) }, nodeAddresses: [])
        for _ in 0..<50 {
          let service = Int.random(in: 0..<5, using: &random)
          let code = try network.perform { () throws -> CInt in connectOnly(.names(service + 1)) }
          if lists[service].isEmpty {
            #expect(code == ECONNREFUSED)
            refused[service] += 1
          } else {
            #expect(code == 0)
            counts[service][lists[service][turns[service] % lists[service].count], default: 0] += 1
            turns[service] += 1
          }
        }
        let counters = try translator.counters()
        #expect(counters.map(\.connections) == turns.map(UInt64.init) && counters.map(\.refusals) == refused)
        for service in 0..<5 {
          let expected: [UInt64] = lists[service].map { counts[service][$0] ?? 0 }
          #expect(counters[service].endpoints.map(\.connections) == expected)
        }
      }
    }
  }

  @Test func thousandsOfServices() throws {
    try withWorld { world, translator in
      var services = (1...5000).map {
        ServicePort.web($0, podList: Array(1...10), nodePort: UInt16(30000 + $0 % 20000))
      }
      services[4999].endpoints = [Endpoint(pod(2), port: 8080)]
      let nodes = (1...3).map { pod(100 + $0) }
      let first = try ContinuousClock().measure { try translator.set(services, nodeAddresses: nodes) }
      let line = "print(ask('10.96.19.136', 80), ask('10.77.0.111', 35000))"
      #expect(try world.python("client", line) == ["pod2 pod2"])
      services[4999].endpoints = [Endpoint(pod(3), port: 8080)]
      let one = try ContinuousClock().measure { try translator.set(services, nodeAddresses: nodes) }
      #expect(try world.python("client", line) == ["pod3 pod3"])
      let all = try ContinuousClock().measure {
        try translator.set((1...5000).map { .web($0, podList: Array(2...10)) }, nodeAddresses: nodes)
      }
      #expect(try translator.counters().count == 5000)
      // A second each, as it is to be; more than this, and no slow machine explains it.
      #expect(max(first, one, all) < .seconds(30), "\(first) \(one) \(all)")
      print("5,000 services: made in \(first), one changed in \(one), all changed in \(all)")
    }
  }

  @Test func anotherProcessTakesOver() throws {
    // Where a route refuses what is not translated.
    let node = try #require(IPAddress("10.96.200.1"))
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...2, nodePort: 30080), .names(1, pods: 1...3)], nodeAddresses: [node])
      #expect(try world.python("client", "print(ask('10.96.0.1', 80), ask('10.96.0.1', 80))") == ["pod1 pod2"])
      let second = try #require(try ServiceTranslator.pinned(in: world.pinFolder))
      #expect(try second.counters() == translator.counters())
      #expect(second.places.sorted() == translator.places.sorted())
      // By turns, each on top of what the other did.
      try second.set([.web(1, pods: 1...3, nodePort: 30080)], nodeAddresses: [node])
      #expect(try second.counters()[0].endpoints.map(\.connections) == [1, 1, 0])
      #expect(try translator.counters() == second.counters())
      try translator.set([.web(1, pods: 1...3), .web(2, pods: 3...3)], nodeAddresses: [node])
      #expect(try second.counters().map(\.connections) == [2, 0])
      #expect(
        try world.python(
          "client",
          "print(ask('10.96.0.1', 80), ask('10.96.0.2', 80), outcome(lambda: ask('10.96.0.1', 53)), "
            + "outcome(lambda: ask('10.96.200.1', 30080)))") == ["pod3 pod3 EHOSTUNREACH EHOSTUNREACH"])
    }
  }

  @Test func twoClustersOnOneHost() throws {
    try withWorld { world, translator in
      let folder = world.pinFolder + "-two"
      defer { try? ServiceTranslator.remove(pinFolder: folder) }
      let other = try ServiceTranslator(pinFolder: folder)
      try other.place(cookie: try world.cookie("other"))
      try translator.set([.web(1, pods: 1...1)], nodeAddresses: [])
      try other.set([.web(1, pods: 2...2)], nodeAddresses: [])
      let ask = "print(ask('10.96.0.1', 80))"
      #expect(try world.python("client", ask) == ["pod1"])
      #expect(try world.python("other", ask) == ["pod2"])
      try other.detach()
      #expect(try world.python("client", ask) == ["pod1"])
      #expect(try world.python("other", "print(outcome(lambda: ask('10.96.0.1', 80)))") == ["EHOSTUNREACH"])
    }
  }

  @Test func nothingStaysAfterRemoval() throws {
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...1)], nodeAddresses: [])
      let attempt = "print(outcome(lambda: ask('10.96.0.1', 80)))"
      #expect(try world.python("client", attempt) == ["none"])
      // A run that crashed: its descriptors are gone or not, and half of another is there.
      _ = mkdir(world.pinFolder + "_new", 0o700)
      try ServiceTranslator.remove(pinFolder: world.pinFolder)
      #expect(access(world.pinFolder, F_OK) != 0 && access(world.pinFolder + "_new", F_OK) != 0)
      #expect(try world.python("client", attempt) == ["EHOSTUNREACH"])
      try ServiceTranslator.remove(pinFolder: world.pinFolder)
      #expect(try ServiceTranslator.pinned(in: world.pinFolder).map(\.pinFolder) == nil)
      // And it can be made again.
      let again = try ServiceTranslator(pinFolder: world.pinFolder)
      #expect(try again.counters().isEmpty && again.places.isEmpty)
    }
  }
}

extension String {
  fileprivate var trimmed: Substring { split(separator: "\n").first ?? "" }
}

struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Connects a datagram socket to a service and closes it; errno, or 0.
func connectOnly(_ service: ServicePort) -> CInt {
  let socket = svs_datagram_socket(AF_INET)
  defer { close(socket) }
  return connect(socket, service)
}

private func connect(_ socket: CInt, _ service: ServicePort) -> CInt {
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_port = service.port.bigEndian
  address.sin_addr.s_addr = service.clusterIP.words.0
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      Glibc.connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 ? 0 : errno
    }
  }
}

/// What a pod answers to a datagram.
private func ask(_ service: ServicePort) throws -> String {
  let socket = svs_datagram_socket(AF_INET)
  defer { close(socket) }
  let code = connect(socket, service)
  guard code == 0 else { throw SystemError(code: code, action: "connect to \(service.name)") }
  svs_set_socket_timeouts(socket, 5000)
  send(socket, "?", 1, 0)
  var buffer = [UInt8](repeating: 0, count: 64)
  let count = recv(socket, &buffer, buffer.count, 0)
  guard count > 0 else { throw SystemError(code: errno, action: "hear from \(service.name)") }
  return String(decoding: buffer[..<count], as: UTF8.self)
}
