import Lab
import Testing

/// Many rules at once cost as many times a few: the processor's time for one size against that for four times as many,
/// the least of some runs, since a machine that is busy otherwise makes it longer.
@Suite struct ScaleTests {
  /// Work that grows with the square would take 16 times as long.
  private static let limit = 7.0

  /// Runs ipvsadm; the seconds of the processor that it took.
  private func ipvsadm(_ director: DirectorLab, _ words: String, _ lines: [String] = []) throws -> Double {
    let input = lines.joined(separator: "\n") + "\n"
    let result = try director.lab.exec(
      "director", ["bash", "-c", "TIMEFORMAT='%3U %3S'; time \(Programs.ipvsadm) \(words)"], input: Array(input.utf8),
      timeout: .seconds(100))
    let figures = result.errors.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
    try #require(result.succeeded && figures.count == 2, "\(result.ending) \(result.errors)")
    return figures[0] + figures[1]
  }

  private func restore(_ director: DirectorLab, _ lines: [String]) throws -> Double {
    try ipvsadm(director, "-R", lines)
  }

  private func least(_ body: () throws -> Double, after cleaning: () throws -> Void) throws -> Double {
    var best = Double.infinity
    for _ in 0..<3 {
      best = min(best, try body())
      try cleaning()
    }
    return best
  }

  private func address(_ first: Int, _ number: Int) -> String {
    "\(first).\(number >> 16 & 255).\(number >> 8 & 255).\(number & 255)"
  }

  private func expectLinear(_ what: String, _ small: Double, _ large: Double) {
    print("\(what): \(Int(small * 1000)) ms, four times as many \(Int(large * 1000)) ms")
    #expect(large < small * Self.limit, "\(what): \(small) s, four times as many \(large) s")
  }

  @Test(arguments: [1, 37]) func marks(apart distance: Int) async throws {
    try await withDirector(Stage.plain) { director in
      func lines(_ count: Int) -> [String] {
        (1...count).flatMap { ["-A -f \($0 * distance) -s rr", "-a -f \($0 * distance) -r 10.2.0.11 -m"] }
      }
      let times = try [250, 1_000].map { count in
        try least({ try restore(director, lines(count)) }, after: { try director.ipvsadm("-C") })
      }
      expectLinear("services by marks \(distance) apart", times[0], times[1])
      // All of them, and no others, are steered.
      _ = try restore(director, lines(500))
      #expect(try director.ipvsadm("-S -n").split(separator: "\n").count == 1_000)
      for (mark, isSteered) in [(0, false), (distance, true), (500 * distance, true), (501 * distance, false)] {
        let rules = try director.shell("director", "ip rule | grep -c '^0:.*fwmark.*21335' || true")
        let route = try director.shell("director", "ip route get 10.1.0.100 mark \(mark)")
        #expect(route.contains("svs0") == isSteered, "mark \(mark): \(route) \(rules) rules")
      }
    }
  }

  @Test(arguments: ["wlc", "wrr", "sh", "mh"]) func serversOfOneService(scheduler: String) async throws {
    try await withDirector(Stage.plain) { director in
      let service = "-t 10.9.9.9:80"
      var added: [Double] = []
      var removed: [Double] = []
      for count in [1_500, 6_000] {
        let add = (1...count).map { "-a \(service) -r \(address(10, 13_107_200 + $0)):80 -m -w \($0 % 9 + 1)" }
        let remove = (1...count).map { "-d \(service) -r \(address(10, 13_107_200 + $0)):80" }
        let change = (1...count).map { "-e \(service) -r \(address(10, 13_107_200 + $0)):80 -m -w \($0 % 7 + 1)" }
        added.append(.infinity)
        removed.append(.infinity)
        for _ in 0..<3 {
          try director.ipvsadm("-A \(service) -s \(scheduler)")
          added[added.count - 1] = min(added[added.count - 1], try restore(director, add))
          #expect(try director.listing().services.first?.servers.count == count)
          removed[removed.count - 1] = min(
            removed[removed.count - 1], try restore(director, change + remove))
          #expect(try director.listing().services.first?.servers.isEmpty == true)
          try director.ipvsadm("-C")
        }
      }
      expectLinear("\(scheduler): servers added", added[0], added[1])
      expectLinear("\(scheduler): servers changed and removed", removed[0], removed[1])
    }
  }

  /// Services at as many VIPs, or at as many ports of one.
  @Test(arguments: [false, true]) func services(onOneVIP: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      func service(_ number: Int) -> String {
        onOneVIP ? "-t 10.9.9.9:\(number * 7)" : "-t \(address(11, number)):80"
      }
      var added: [Double] = []
      var removed: [Double] = []
      for count in [1_500, 6_000] {
        let add = (1...count).flatMap { ["-A \(service($0)) -s sh", "-a \(service($0)) -r 10.2.0.11:80 -m"] }
        added.append(.infinity)
        removed.append(.infinity)
        for _ in 0..<2 {
          added[added.count - 1] = min(added[added.count - 1], try restore(director, add))
          let remove = (1...count).map { "-D \(service($0))" }
          removed[removed.count - 1] = min(removed[removed.count - 1], try restore(director, remove))
          #expect(try director.ipvsadm("-S -n") == "")
        }
      }
      expectLinear("services added", added[0], added[1])
      expectLinear("services removed", removed[0], removed[1])
      // No routes and rules are left of what was removed.
      #expect(try director.shell("director", "ip route show table 21334 | wc -l") == "0\n")
    }
  }

  /// One command among many rules costs little more than among few: it is started by scripts, again and again.
  @Test func oneCommandAmongMany() async throws {
    try await withDirector(Stage.plain) { director in
      func changes() throws -> Double {
        try least({ try ipvsadm(director, "-a -t 10.9.9.9:80 -r 10.2.0.250:80 -m") }) {
          try director.ipvsadm("-d -t 10.9.9.9:80 -r 10.2.0.250:80")
        }
      }
      try director.ipvsadm("-A -t 10.9.9.9:80 -s mh")
      let few = try changes()
      _ = try restore(
        director,
        (1...5_000).flatMap { number in
          ["-A -t \(address(11, number)):80 -s rr"]
            + (1...10).map { "-a -t \(address(11, number)):80 -r 10.2.1.\($0):80 -m" }
        } + (1...1_000).map { "-a -t 10.9.9.9:80 -r \(address(10, 13_107_200 + $0)):80 -m" })
      let many = try changes()
      print("ipvsadm -a: \(Int(few * 1000)) ms, among 5,000 services and 51,000 servers \(Int(many * 1000)) ms")
      #expect(many < few * 4 + 0.015, "\(few) s, among many \(many) s")
    }
  }
}
