import ClusterModel
import Netlink
import ServiceTranslation
import Testing

/// Real programs in real namespaces, through the hooks.
@Suite(.serialized) struct TrafficTests {
  @Test func connectionsTakeTurns() throws {
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...3), .web6(1, pods: 1...3)], nodeAddresses: [])
      for address in ["10.96.0.1", "::ffff:10.96.0.1", "fd96::1"] {
        let counts = try world.python(
          "client", "c = collections.Counter(ask('\(address)', 80) for _ in range(30))\nprint(sorted(c.items()))")
        #expect(counts == ["[('pod1', 10), ('pod2', 10), ('pod3', 10)]"], "\(address)")
      }
      let counters = try translator.counters()
      #expect(counters.map(\.connections) == [60, 30])
      #expect(counters.map { $0.endpoints.map(\.connections) } == [[20, 20, 20], [10, 10, 10]])
      #expect(counters.map { $0.endpoints.map(\.endpoint.address.description) }[0] == (11...13).map { "10.77.0.\($0)" })
    }
  }

  @Test func programsSeeTheServiceTheyAddressed() throws {
    try withWorld { world, translator in
      try translator.set(
        [.web(1, pods: 1...1), .web6(1, pods: 1...1), .names(1, pods: 1...1), .names6(1, pods: 1...1)],
        nodeAddresses: [])
      let lines = try world.python(
        "client",
        """
        for address in ('10.96.0.1', '::ffff:10.96.0.1', 'fd96::1'):
            for port, kind in ((80, socket.SOCK_STREAM), (53, socket.SOCK_DGRAM)):
                with connected(address, port, kind) as s: print(s.getpeername()[:2])
            with connected(address, 53, socket.SOCK_DGRAM) as s:
                s.send(b'?')
                data, who = s.recvfrom(100)
                print(data.decode(), who[:2])
            with made(address, socket.SOCK_DGRAM) as s:
                s.sendto(b'?', (address, 53))
                data, who = s.recvfrom(100)
                print(data.decode(), who[:2])
        with connected('10.77.0.11', 8080) as s: print(s.getpeername())
        """)
      let expected = ["10.96.0.1", "::ffff:10.96.0.1", "fd96::1"].flatMap {
        ["('\($0)', 80)", "('\($0)', 53)", "pod1 ('\($0)', 53)", "pod1 ('\($0)', 53)"]
      }
      #expect(lines == expected + ["('10.77.0.11', 8080)"])
    }
  }

  @Test func aServiceWithoutEndpointsRefusesAtOnce() throws {
    try withWorld { world, translator in
      try translator.set([.web(1), .web6(1), .names(1), .names6(1), .web(2, pods: 1...1)], nodeAddresses: [])
      let lines = try world.python(
        "client",
        """
        for address in ('10.96.0.1', '::ffff:10.96.0.1', 'fd96::1'):
            print(outcome(lambda: connected(address, 80)), outcome(lambda: connected(address, 53, socket.SOCK_DGRAM)),
                  outcome(lambda: made(address, socket.SOCK_DGRAM).sendto(b'?', (address, 53))))
        # A port that the service does not have, and another protocol.
        print(outcome(lambda: connected('10.96.0.2', 81)), outcome(lambda: connected('10.96.0.2', 80, socket.SOCK_DGRAM)))
        """)
      #expect(
        lines == Array(repeating: "ECONNREFUSED ECONNREFUSED ECONNREFUSED", count: 3) + ["EHOSTUNREACH EHOSTUNREACH"])
      // Two connects of TCP and two of UDP over IPv4, and one each over IPv6; as many datagrams as of those of UDP.
      let refusals = try translator.counters().filter { $0.endpoints.isEmpty }.map(\.refusals)
      #expect(refusals.reduce(0, +) == 9)
      let message = try? world.run(world.enter("client", ["curl", "-sS", "-m", "5", "http://10.96.0.1/"]))
      #expect(message == nil)
    }
  }

  @Test func otherNamespacesAreLeftAlone() throws {
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...3)], nodeAddresses: [])
      let attempt = "print(outcome(lambda: ask('10.96.0.1', 80)))"
      #expect(try world.python("client", attempt) == ["none"])
      #expect(try world.python("other", attempt) == ["EHOSTUNREACH"])
      try translator.place(cookie: try world.cookie("other"))
      #expect(try world.python("other", attempt) == ["none"])
      try translator.remove(cookie: try world.cookie("other"))
      #expect(try world.python("other", attempt) == ["EHOSTUNREACH"])
      #expect(try translator.places.contains(world.cookie("client")))
      #expect(try !translator.places.contains(world.cookie("other")))
    }
  }

  @Test func aSocketThatSendsKeepsItsEndpointAsLongAsThereIsOne() throws {
    try withWorld { world, translator in
      try translator.set([.names(1, pods: 1...3), .names(2, pods: 1...3)], nodeAddresses: [])
      try world.start(
        "client",
        [
          World.python, "-c",
          World.prelude + """
            import sys, os
            s = made('10.96.0.1', socket.SOCK_DGRAM)
            def ask(address):
                s.sendto(b'?', (address, 53))
                data, who = s.recvfrom(100)
                return data.decode() + '@' + who[0]
            # Two services by turns: each answer comes from the one that was asked, unless both took the same pod.
            print('first', ask('10.96.0.1'), *sorted({ask('10.96.0.1') for _ in range(50)}), flush=True)
            while not os.path.exists(sys.argv[1]): time.sleep(0.002)
            print('then', *sorted({ask('10.96.0.1') for _ in range(50)}), flush=True)
            print('sockets', *sorted(collections.Counter(
                made('', socket.SOCK_DGRAM).sendto(b'?', ('10.96.0.2', 53)) for _ in range(6)).items()), flush=True)
            """, world.folder + "/go",
        ], output: "sender")
      try world.wait("the first answers") {
        world.output("sender").contains("first") && world.output("sender").hasSuffix("\n")
      }
      let first = world.output("sender").split(separator: "\n")[0].split(separator: " ").map(String.init)
      #expect(first.count == 3 && first[1] == first[2], "\(first)")
      #expect(first[1].hasSuffix("@10.96.0.1"))
      // Its pod goes: the socket takes another one, and keeps that.
      let lost = try #require(Int(String(first[1].dropFirst(3).prefix(1))))
      let others = (1...3).filter { $0 != lost }
      try translator.set([.names(1, podList: others), .names(2, pods: 1...3)], nodeAddresses: [])
      _ = try world.run(["touch", world.folder + "/go"])
      try world.wait("the other answers") { world.output("sender").contains("sockets") }
      let then = world.output("sender").split(separator: "\n")[1].split(separator: " ").map(String.init)
      #expect(then.count == 2 && !then[1].hasPrefix("pod\(lost)") && then[1].hasSuffix("@10.96.0.1"), "\(then)")
      #expect(try translator.counters().map(\.connections) == [2, 6])
      #expect(try translator.counters()[1].endpoints.map(\.connections) == [2, 2, 2])
    }
  }

  @Test func aClientWithAffinityKeepsItsPod() throws {
    try withWorld { world, translator in
      try translator.set([.web(1, pods: 1...3, affinity: 600)], nodeAddresses: [])
      let ask = "print(*sorted(collections.Counter(ask('10.96.0.1', 80) for _ in range(10))))"
      let one = try world.python("client", ask)
      let two = try world.python("client2", ask)
      #expect(one.count == 1 && !one[0].contains(" ") && two.count == 1 && !two[0].contains(" "))
      #expect(one != two)
      #expect(try world.python("client", ask) == one)
      // Its pod goes, and comes again: it keeps the new one.
      let lost = try #require(Int(one[0].suffix(1)))
      try translator.set([.web(1, podList: (1...3).filter { $0 != lost }, affinity: 600)], nodeAddresses: [])
      let new = try world.python("client", ask)
      #expect(new != one && !new[0].contains(" "))
      try translator.set([.web(1, pods: 1...3, affinity: 600)], nodeAddresses: [])
      #expect(try world.python("client", ask) == new)
      #expect(try world.python("client2", ask) == two)
      // Two seconds of affinity: renewed by each connection, over soon after the last.
      try translator.set([.web(1, pods: 1...3, affinity: 2)], nodeAddresses: [])
      let lines = try world.python(
        "client",
        """
        def pause(s):
            end = time.monotonic() + s
            while time.monotonic() < end: time.sleep(0.01)
        seen = []
        for _ in range(4): seen.append(ask('10.96.0.1', 80)); pause(0.8)
        print(len(set(seen)))
        seen = []
        for _ in range(3): seen.append(ask('10.96.0.1', 80)); pause(2.1)
        print(seen[1] != seen[2])
        """)
      #expect(lines == ["1", "True"])
    }
  }

  @Test func nodePortsAreAtTheNodesAddressesOnly() throws {
    try withWorld { world, translator in
      try translator.set(
        [.web(1, pods: 2...2, nodePort: 30080), .web6(1, pods: 3...3, nodePort: 30080)],
        nodeAddresses: ["10.77.0.1", "10.77.0.9", "fd77::1"].compactMap { IPAddress($0) })
      let lines = try world.python(
        "client",
        """
        print(ask('10.77.0.1', 30080), ask('10.77.0.9', 30080), ask('fd77::1', 30080), ask('10.96.0.1', 80))
        print(outcome(lambda: ask('127.0.0.1', 30080)), outcome(lambda: ask('::1', 30080)))
        """)
      #expect(lines == ["pod2 pod2 pod3 pod2", "ECONNREFUSED ECONNREFUSED"])
      #expect(try translator.counters().map(\.connections) == [3, 1])
      // A node goes.
      try translator.set(
        [.web(1, pods: 2...2, nodePort: 30080)], nodeAddresses: ["10.77.0.1"].compactMap { IPAddress($0) })
      #expect(
        try world.python("client", "print(ask('10.77.0.1', 30080), outcome(lambda: ask('fd77::1', 30080)))")
          == ["pod2 ECONNREFUSED"])
    }
  }

  @Test func aPodReachesItself() throws {
    try withWorld { world, translator in
      try translator.place(cookie: try world.cookie("pod1"))
      try translator.set([.web(1, pods: 1...1), .names(1, pods: 1...1)], nodeAddresses: [])
      let lines = try world.python(
        "pod1",
        """
        print(ask('10.96.0.1', 80))
        with made('10.96.0.1', socket.SOCK_DGRAM) as s:
            s.sendto(b'?', ('10.96.0.1', 53))
            data, who = s.recvfrom(100)
            print(data.decode(), who)
        """)
      #expect(lines == ["pod1", "pod1 ('10.96.0.1', 53)"])
    }
  }

  @Test func curlAndIperf() throws {
    try withWorld { world, translator in
      var stream = ServicePort.web(2, pods: 1...1)
      stream.endpoints = [Endpoint(pod(1), port: 5201)]
      var page = ServicePort.web(1, pods: 1...3)
      page.endpoints = (1...3).map { Endpoint(pod($0), port: 8081) }
      try translator.set([page, stream], nodeAddresses: [])
      let pages = try (0..<6).map { _ in
        try world.run(world.enter("client", ["curl", "-sS", "-m", "5", "http://10.96.0.1/"]))
      }
      #expect(pages.sorted() == ["pod1", "pod1", "pod2", "pod2", "pod3", "pod3"])
      try world.start("pod1", ["iperf3", "-s", "-1", "--forceflush"], output: "iperf")
      try world.wait("iperf3") { world.output("iperf").contains("listening") }
      let client = try world.start("client", ["iperf3", "-c", "10.96.0.2", "-p", "80", "-t", "2"], output: "stream")
      // Its service goes while it sends: what is connected stays.
      try world.wait("the stream") { (try? translator.counters().last?.connections ?? 0) ?? 0 >= 2 }
      try translator.set([page], nodeAddresses: [])
      #expect(world.end(client, within: .seconds(20)) == 0, "\(world.output("stream"))")
    }
  }
}
