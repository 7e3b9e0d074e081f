import HostSystem
import Testing

@testable import Lab

/// `ipvsadm -R` and `-S -n`: one file with every option that rules can have comes back as it was.
@Suite struct RoundTripTests {
  static let schedulers = [
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
  ]

  /// Rules as `-S -n` writes them, which leaves thresholds out as ipvsadm does: services in the order of the listing, servers the newest first.
  static func rules() -> [String] {
    var lines: [String] = []
    func service(_ identity: String, _ options: String, _ servers: [String] = []) {
      lines.append("-A \(identity) \(options)")
      lines += servers.map { "-a \(identity) \($0)" }
    }
    for (number, scheduler) in schedulers.enumerated() {
      service(
        "-t 10.9.9.1:\(1000 + number)", "-s \(scheduler)",
        ["-r 10.0.0.12:80 -m -w 0", "-r 10.0.0.11:80 -m -w \(number + 1)"])
      service("-t [fd00:9::1]:\(1000 + number)", "-s \(scheduler)", ["-r [fd00:a::11]:\(1000 + number) -g -w 65535"])
    }
    for flags in ["sh-fallback", "sh-port", "sh-fallback,sh-port"] {
      service("-t 10.9.9.2:\(lines.count)", "-s sh -b \(flags)", ["-r 10.0.0.11:\(lines.count) -g -w 1"])
    }
    for flags in ["mh-fallback", "mh-port", "mh-fallback,mh-port"] {
      service("-u 10.9.9.2:\(lines.count)", "-s mh -b \(flags)", ["-r 10.0.0.11:80 -m -w 2147483647"])
    }
    for (number, scheduler) in ["rr", "wlc", "lblcr", "twos"].enumerated() {
      for (place, flags) in ["flag-1", "flag-2", "flag-3", "flag-1,flag-3", "flag-1,flag-2,flag-3"].enumerated() {
        service("-t 10.9.9.5:\(number * 10 + place + 1)", "-s \(scheduler) -b \(flags)")
      }
    }
    service("-t 10.9.9.5:1000", "-s none", ["-r 10.0.0.11:1000 -g -w 1"])
    service("-u 10.9.9.3:5060", "-s rr -p 60 --pe sip", ["-r 10.0.0.11:5060 -m -w 1"])
    service("-u [fd00:9::3]:5060", "-s mh -p 60 -M 64 --pe sip -o -b mh-port", ["-r [fd00:a::11]:5060 -m -w 1"])
    service("-f 60 -6", "-s sh -p 60 --pe sip -o -b sh-fallback", ["-r [fd00:a::11]:0 -g -w 1"])
    service("--sctp-service 10.9.9.3:9", "-s nq -p 9", ["-r 10.0.0.11:9 -m -w 1"])
    service("--sctp-service [fd00:9::3]:9", "-s sed", ["-r [fd00:a::11]:9 -m -w 1"])
    service("-u 10.9.9.3:53", "-s rr -o", ["-r 10.0.0.11:53 -m -w 1"])
    service("-t 10.9.9.3:0", "-s rr -p 360", ["-r 10.0.0.11:0 -g -w 1"])
    service("-t 10.9.9.3:443", "-s wlc -p 86400 -M 255.255.255.0", ["-r 10.0.0.11:443 -m -w 1"])
    service("-t [fd00:9::3]:443", "-s wlc -p 30 -M 64", ["-r [fd00:a::11]:443 -m -w 1"])
    service("-f 1", "-s rr", ["-r 10.0.0.11:0 -g -w 1"])
    service("-f 2147483647", "-s wrr -p 50", ["-r 10.0.0.11:0 -g -w 3"])
    service("-f 1 -6", "-s rr", ["-r [fd00:a::11]:0 -g -w 1"])
    service(
      "-f 2 -6", "-s wrr -p 50 -M 48",
      [
        "-r [fd00:a::11]:0 -i -w 1 --tun-type gue --tun-port 65535 --tun-remcsum",
        "-r [fd00:a::12]:0 -i -w 0 --tun-type gre --tun-csum", "-r 10.0.0.11:0 -i -w 9 --tun-type ipip",
        "-r [fd00:a::13]:0 -m -w 9",
      ])
    service(
      "-t 10.9.9.4:80", "-s wlc",
      [
        "-r 10.0.0.11:80 -i -w 1 --tun-type ipip",
        "-r 10.0.0.12:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
        "-r 10.0.0.13:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
        "-r 10.0.0.14:80 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
        "-r 10.0.0.15:80 -i -w 1 --tun-type gre --tun-nocsum",
        "-r 10.0.0.16:80 -i -w 1 --tun-type gre --tun-csum",
        "-r [fd00:a::11]:80 -i -w 1 --tun-type ipip",
      ])
    return lines
  }

  @Test func everyOptionComesBack() async throws {
    try await withDirector(Stage.plain) { director in
      let rules = Self.rules()
      try director.svs("sysctl -w svs.twos=1")
      try director.ipvsadm("-R", input: rules.joined(separator: "\n") + "\n")
      let saved = try director.ipvsadm("-S -n")
      // In the order of the file or not, every line is there as it was written.
      let lines = saved.split(separator: "\n").map(String.init)
      let lost = Set(rules).subtracting(lines)
      let strange = Set(lines).subtracting(rules)
      #expect(lost.isEmpty && strange.isEmpty, "lost: \(lost.sorted())\nstrange: \(strange.sorted())")
      #expect(lines.count == rules.count)

      // What was saved is restored to the same bytes.
      try director.ipvsadm("-C")
      #expect(try director.ipvsadm("-S -n") == "")
      try director.ipvsadm("-R", input: saved)
      #expect(try director.ipvsadm("-S -n") == saved)
    }
  }
}
