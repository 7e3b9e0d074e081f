import HostSystem
import Testing

@testable import Lab

/// FULLNAT with servers that are told which client is behind the director's address.
@Suite struct ClientAddressTests {
  private func setUp(_ director: DirectorLab, _ c: Case, port: Int, _ method: String) throws {
    try director.ipvsadm("-A -t \(c.bracketedVIP):\(port) -s rr")
    try director.ipvsadm("-a -t \(c.bracketedVIP):\(port) -r \(c.bracketed(c.servers(net: 2)[0])):\(port) --fullnat")
    try director.svs("client-address set tcp:\(c.bracketedVIP):\(port) \(method)")
  }

  /// nginx and HAProxy write the client's address and port into their logs, and give it back.
  @Test(arguments: ["proxy-v1", "proxy-v2"], [false, true])
  func serversThatSpeakTheProtocolLogTheirClients(_ method: String, _ six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let folder = director.lab.folder
      let listen = c.bracketed(c.servers(net: 2)[0])
      try director.shell(
        "rs1",
        """
        cat > \(folder)/proxied.conf <<'END'
        daemon off; pid \(folder)/proxied.pid; error_log stderr; worker_processes 1;
        events {}
        http {
          log_format told '$proxy_protocol_addr $proxy_protocol_port';
          access_log \(folder)/nginx.told told;
          server { listen \(listen):8001 proxy_protocol; return 200 "$proxy_protocol_addr $proxy_protocol_port\\n"; }
        }
        END
        cat > \(folder)/haproxy.conf <<'END'
        global
          log stdout format raw local0
        defaults
          mode http
          timeout client 20s
          timeout connect 5s
          timeout server 20s
        frontend told
          bind \(listen):8002 accept-proxy
          log global
          log-format "%ci %cp"
          http-request return status 200 content-type text/plain lf-string "%ci %cp\\n"
        END
        """)
      try director.lab.spawn(
        "rs1", ["nginx", "-p", folder, "-c", "\(folder)/proxied.conf"], name: "proxied", listeners: [.init(.tcp, 8001)])
      let haproxy = try director.lab.spawn(
        "rs1", ["haproxy", "-db", "-f", "\(folder)/haproxy.conf"], name: "haproxy", listeners: [.init(.tcp, 8002)])
      for port in [8001, 8002] {
        try setUp(director, c, port: port, method)
        for _ in 1...3 {
          let output = try director.run(
            "client",
            [
              "curl", "-sS", "-m", "20", "-w", "%{local_ip} %{local_port}\n",
              "http://\(c.bracketedVIP):\(port)/",
            ])
          let lines = output.split(separator: "\n").map(String.init)
          #expect(lines.count == 2 && lines[0] == lines[1], "\(port): \(output)")
          let log = port == 8001 ? "\(folder)/nginx.told" : haproxy.log
          try director.eventually(within: .seconds(10), "the log of port \(port) names \(lines[0])") {
            try Files.text(log).split(separator: "\n").contains { $0 == lines[0] }
          }
        }
        // A request that is kept alive over many segments, and one that is larger than a segment.
        let large = String(repeating: "x", count: 6000)
        let kept = try director.run(
          "client",
          [
            "curl", "-sS", "-m", "20", "-H", "X-Large: \(large)", "http://\(c.bracketedVIP):\(port)/?[1-20]",
          ])
        let answers = kept.split(separator: "\n").filter { !$0.hasPrefix("--_curl_--") }
        #expect(answers.count == 20 && Set(answers).count == 1, "\(kept)")
      }
      #expect(try director.svs("client-address list").contains(method))
      // It is saved with the pools, and survives a restore of the rules.
      let saved = try director.svs("local-address save")
      #expect(saved.contains("client-address set tcp:\(c.bracketedVIP):8001 \(method)\n"), "\(saved)")
      let rules = try director.ipvsadm("-S -n")
      try director.ipvsadm("-C")
      try director.ipvsadm("-R", input: rules)
      #expect(try director.svs("client-address list") == "No server is told of its clients.\n")
      try director.run("director", [Programs.svs, "local-address", "restore"], input: saved)
      #expect(try director.svs("local-address save") == saved)
      #expect(try director.drops()["client-address-dropped", default: 0] == 0)
    }
  }

  /// The option stands in the segment that ends the handshake and in the first data, and no client can forge it.
  @Test(arguments: [false, true])
  func theOptionIsOnTheWire(_ six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      try director.startServers()
      try setUp(director, c, port: 9001, "toa")
      let reader = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("toa"), "eth1", "9001"], name: "toa")
      try director.eventually(within: .seconds(10), "the reader reads") {
        try Files.text(reader.log).hasPrefix("ready")
      }
      let ask =
        "import socket; s = socket.create_connection(('\(c.vip)', 9001), 5); print(*s.getsockname()[:2]); "
        + "s.sendall(b'x' * 5000); s.shutdown(1); print(len(s.makefile().readline()))"
      let output = try director.run("client", [Programs.python, "-c", ask])
      let client = try #require(output.split(separator: "\n").first.map(String.init))
      #expect(output.hasSuffix("\n65\n"))
      try director.eventually(within: .seconds(10), "the handshake's end tells of \(client)") {
        let lines = try Files.text(reader.log).split(separator: "\n").map(String.init)
        return lines.contains("S 0 -") && lines.contains("A 0 \(client)")
          && lines.contains { $0.hasSuffix(" \(client)") && !$0.hasPrefix("A 0") }
      }
      try director.upload(c, 5_000_000)
    }
  }

  /// 200 MB in twenty streams at once, while segments are lost, the one with the header first of all, and others come
  /// late: nothing but the header is added, and nothing is lost.
  @Test func streamsArriveWholeBehindTheHeader() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: false)
      let server = c.servers(net: 2)[0]
      try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("proxied"), "serve", server, "9010"], name: "proxied",
        listeners: [.init(.tcp, 9010)])
      try setUp(director, c, port: 9010, "proxy-v2")
      // What goes into `away` comes back out of it as if by eth1, a little later.
      try director.shell(
        "rs1",
        """
        ip link add away type veth peer name back
        ip link set away address $(cat /sys/class/net/eth1/address)
        ip link set away up; ip link set back up
        sysctl -qw net.ipv4.conf.away.rp_filter=0 net.ipv4.conf.all.rp_filter=0
        """)
      let detour = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("proxied"), "detour", "back"], name: "detour")
      try director.eventually(within: .seconds(10), "the detour is open") {
        try Files.text(detour.log).hasPrefix("ready")
      }
      try director.run(
        "rs1", ["nft", "-f", "-"],
        input: """
          table netdev loss {
            counter headers { }
            counter lost { }
            counter late { }
            chain come {
              type filter hook ingress device "eth1" priority 0; policy accept;
              tcp dport 9010 @ih,0,32 0x0d0a0d0a numgen inc mod 2 == 0 counter name headers drop
              tcp dport 9010 numgen inc mod 701 == 350 counter name lost drop
              tcp dport 9010 numgen inc mod 97 == 50 counter name late fwd to "away"
            }
          }
          """)
      let time = try seconds {
        let output = try director.python(
          "client", "proxied", ["upload", c.vip, "9010", "10000000", "20"], timeout: .seconds(150))
        #expect(output.split(separator: "\n").map(String.init) == Array(repeating: "same", count: 20), "\(output)")
      }
      let counted = try director.run("rs1", ["nft", "list", "counters"])
      print("200 MB up and 50 MB down behind PROXY headers: \(time) s")
      for name in ["headers", "lost", "late"] {
        let parts = counted.packets(behind: "counter \(name) {")
        #expect(parts > 0, "\(name): \(counted)")
      }
    }
  }
}

extension String {
  /// The packets that nft counted behind a name.
  fileprivate func packets(behind name: String) -> Int {
    guard let range = firstRange(of: name) else { return 0 }
    let words = self[range.upperBound...].split(whereSeparator: \.isWhitespace)
    guard let index = words.firstIndex(of: "packets"), index + 1 < words.endIndex else { return 0 }
    return Int(words[index + 1]) ?? 0
  }
}
