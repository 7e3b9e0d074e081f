import CLibbpf
import DataplaneObject
import Glibc
import HostSystem
import Testing

/// The decapsulator's program, packet in and packet out, by the kernel's own test run.
@Suite struct DecapsulatorTests {
  private let machine: Machine

  init() throws { machine = try Machine() }

  private static let rip4: [UInt8] = [10, 0, 0, 2]
  private static let vip4: [UInt8] = [192, 0, 2, 9]
  private static let rip6: [UInt8] = [0xFD] + Array(repeating: 0, count: 14) + [2]
  private static let vip6: [UInt8] = [0x20, 0x01, 0x0D, 0xB8] + Array(repeating: 0, count: 11) + [9]
  private static let payload = Array("the inner packet's payload".utf8)

  private static func inner4(_ destination: [UInt8] = vip4, service: UInt8 = 0) -> [UInt8] {
    ipv4(6, from: [10, 9, 9, 9], to: destination, service: service, payload)
  }
  private static func inner6(_ destination: [UInt8] = vip6, service: UInt8 = 0) -> [UInt8] {
    ipv6(6, from: vip6, to: destination, service: service, payload)
  }

  /// UDP's header to GUE's port, and GUE's.
  private static func gue(_ next: UInt8, port: UInt16 = 6080) -> [UInt8] {
    [0xC0, 1, UInt8(port >> 8), UInt8(port & 255), 0, 0, 0, 0, 0, next, 0, 0]
  }

  static let tunnels: [(String, outer: [UInt8], inner: [UInt8], type: [UInt8])] = [
    ("4 in 4", ipv4(4, to: rip4, inner4()), inner4(), [8, 0]),
    ("6 in 6", ipv6(41, to: rip6, inner6()), inner6(), [0x86, 0xDD]),
    ("4 in 6", ipv6(4, to: rip6, inner4()), inner4(), [8, 0]),
    ("6 in 4", ipv4(41, to: rip4, inner6()), inner6(), [0x86, 0xDD]),
    ("GUE", ipv4(17, to: rip4, gue(4) + inner4()), inner4(), [8, 0]),
    ("GUE, 6 in 6", ipv6(17, to: rip6, gue(41) + inner6()), inner6(), [0x86, 0xDD]),
    ("GRE", ipv4(47, to: rip4, [0, 0, 8, 0] + inner4()), inner4(), [8, 0]),
    ("GRE with a checksum", ipv4(47, to: rip4, [0x80, 0, 8, 0, 1, 2, 0, 0] + inner4()), inner4(), [8, 0]),
    ("GRE, 6 in 4", ipv4(47, to: rip4, [0, 0, 0x86, 0xDD] + inner6()), inner6(), [0x86, 0xDD]),
    ("options", ipv4(4, to: rip4, options: 40, inner4()), inner4(), [8, 0]),
  ]

  @Test(arguments: tunnels)
  func outerHeadersGo(_ name: String, _ outer: [UInt8], _ inner: [UInt8], _ type: [UInt8]) throws {
    let outerType: [UInt8] = outer[0] >> 4 == 4 ? [8, 0] : [0x86, 0xDD]
    let plain = try machine.run(macs + outerType + outer)
    #expect(plain.verdict == 2 && plain.frame == macs + type + inner, "\(name)")
    let tagged = try machine.run(macs + [0x81, 0, 0, 42] + outerType + outer)
    #expect(tagged.verdict == 2 && tagged.frame == macs + [0x81, 0, 0, 42] + type + inner, "\(name) in a VLAN")
    #expect(try machine.counts() == [2, 0, 0, 0, 0, 0])
  }

  static let strangers: [(String, [UInt8], Int?)] = [
    ("bare", inner4(), nil),
    ("another tunnel", ipv4(4, to: [10, 0, 0, 3], inner4()), 1),
    ("another tunnel, 6", ipv6(41, to: vip6, inner6()), 1),
    ("another destination", ipv4(4, to: rip4, inner4([192, 0, 2, 10])), 2),
    ("the RIP as destination", ipv4(4, to: rip4, inner4(rip4)), 2),
    ("another destination, 6", ipv6(41, to: rip6, inner6(rip6)), 2),
    ("first fragment", ipv4(4, to: rip4, fragment: 0x2000, inner4()), 3),
    ("later fragment", ipv4(4, to: rip4, fragment: 0x0010, inner4()), 3),
    ("wrong version inside", ipv4(4, to: rip4, inner6()), 4),
    ("wrong version inside, 6", ipv4(41, to: rip4, inner4() + payload), 4),
    ("cut short inside", ipv4(4, to: rip4, Array(inner4()[..<19])), 4),
    ("nothing inside", ipv6(4, to: rip6, []), 4),
    ("UDP", ipv4(17, to: rip4, payload), nil),
    ("UDP to another port", ipv4(17, to: rip4, gue(4, port: 6081) + inner4()), nil),
    ("GUE with a control message", ipv4(17, to: rip4, Array(gue(4)[..<8]) + [0x20, 4, 0, 0] + inner4()), 1),
    ("GRE with a key", ipv4(47, to: rip4, [0x20, 0, 8, 0, 0, 0, 0, 1] + inner4()), 1),
    ("GRE to another destination", ipv4(47, to: rip4, [0, 0, 8, 0] + inner4([192, 0, 2, 10])), 2),
    ("do not fragment is no fragment", ipv4(4, to: rip4, fragment: 0x4000, inner4([192, 0, 2, 10])), 2),
  ]

  @Test(arguments: strangers)
  func othersPassUntouched(_ name: String, _ packet: [UInt8], _ reason: Int?) throws {
    let frame = macs + (packet[0] >> 4 == 4 ? [8, 0] : [0x86, 0xDD]) + packet
    let result = try machine.run(frame)
    #expect(result.verdict == 2 && result.frame == frame, "\(name)")
    var expected = [UInt64](repeating: 0, count: 6)
    if let reason { expected[reason] = 1 }
    #expect(try machine.counts() == expected, "\(name)")
  }

  @Test func badHeaderLengthsPass() throws {
    for length in 0..<5 {
      var packet = ipv4(4, to: Self.rip4, Self.inner4())
      packet[0] = 0x40 | UInt8(length)
      let result = try machine.run(macs + [8, 0] + packet)
      #expect(result.verdict == 2 && result.frame == macs + [8, 0] + packet)
    }
  }

  /// Every length of every kind of packet, with random bytes flipped: nothing faults, and what passes changed is sound.
  @Test func hostilePacketsDoNoHarm() throws {
    var random = SystemRandomNumberGenerator()
    for (_, outer, _, _) in Self.tunnels {
      let frame = macs + (outer[0] >> 4 == 4 ? [8, 0] : [0x86, 0xDD]) + outer
      for length in 14...frame.count {
        var mutated = Array(frame[..<length])
        if length > 14, Bool.random(using: &random) {
          mutated[Int.random(in: 12..<length, using: &random)] = UInt8.random(in: 0...255, using: &random)
        }
        let result = try machine.run(mutated)
        #expect(result.verdict == 2 || result.verdict == 1)
        #expect(result.frame.count <= mutated.count)
      }
    }
  }

  /// RFC 6040, 4.2: by the outer and inner codepoints (0 not capable, 1, 2 capable, 3 congested).
  @Test(arguments: [0, 1, 2, 3] as [UInt8])
  func congestionIsHandedOn(_ codepoint: UInt8) throws {
    let calm = try machine.run(macs + [8, 0] + ipv4(4, to: Self.rip4, Self.inner4(service: 0xB8 | codepoint)))
    #expect(calm.frame == macs + [8, 0] + Self.inner4(service: 0xB8 | codepoint))
    let four = try machine.run(
      macs + [8, 0] + ipv4(4, to: Self.rip4, service: 3, Self.inner4(service: 0xB8 | codepoint)))
    let six = try machine.run(
      macs + [0x86, 0xDD] + ipv6(41, to: Self.rip6, service: 3, Self.inner6(service: 0xB8 | codepoint)))
    if codepoint == 0 {
      #expect(four.verdict == 1 && six.verdict == 1)
    } else {
      // The header's checksum is computed anew here and incrementally there.
      #expect(four.verdict == 2 && four.frame == macs + [8, 0] + Self.inner4(service: 0xBB))
      #expect(six.verdict == 2 && six.frame == macs + [0x86, 0xDD] + Self.inner6(service: 0xBB))
    }
  }

  /// The program loaded anew, with a RIP and a VIP of each family in its table.
  private final class Machine {
    private let object: OpaquePointer
    private let program: CInt
    private let countsMap: CInt

    init() throws {
      libbpf_set_print(nil)
      let opened = DataplaneObject.decapsulator.withUnsafeBytes { bpf_object__open_mem($0.baseAddress, $0.count, nil) }
      object = try #require(opened)
      try SystemError.check(bpf_object__load(object), "load the decapsulator")
      program = bpf_program__fd(bpf_object__find_program_by_name(object, "svs_decapsulator"))
      countsMap = bpf_map__fd(bpf_object__find_map_by_name(object, "svs_decap_counts"))
      let table = bpf_map__fd(bpf_object__find_map_by_name(object, "svs_decap_addresses"))
      let prefix = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF]
      for (key, role) in [(prefix + rip4, 1), (prefix + vip4, 2), (rip6, 1), (vip6, 2)] as [([UInt8], UInt32)] {
        var role = role
        try SystemError.check(bpf_map_update_elem(table, key, &role, 0), "fill the table")
      }
    }

    deinit { bpf_object__close(object) }

    func run(_ frame: [UInt8]) throws -> (verdict: UInt32, frame: [UInt8]) {
      var output = [UInt8](repeating: 0, count: 2048)
      var options = bpf_test_run_opts()
      options.sz = MemoryLayout<bpf_test_run_opts>.size
      options.repeat = 1
      let result = frame.withUnsafeBytes { input in
        output.withUnsafeMutableBytes { output in
          options.data_in = input.baseAddress
          options.data_size_in = UInt32(input.count)
          options.data_out = output.baseAddress
          options.data_size_out = UInt32(output.count)
          return bpf_prog_test_run_opts(program, &options)
        }
      }
      try SystemError.check(result, "run the program")
      return (options.retval, Array(output[..<Int(options.data_size_out)]))
    }

    func counts() throws -> [UInt64] {
      let processors = Int(libbpf_num_possible_cpus())
      return try (0..<6).map { (reason: UInt32) in
        var reason = reason
        var values = [UInt64](repeating: 0, count: processors)
        try SystemError.check(bpf_map_lookup_elem(countsMap, &reason, &values), "read the counts")
        return values.reduce(0, +)
      }
    }
  }
}

private let macs: [UInt8] = [2, 0, 0x5E, 0, 0x53, 1, 2, 0, 0x5E, 0, 0x53, 2]

/// An IPv4 packet, its header's checksum in place.
private func ipv4(
  _ number: UInt8, from source: [UInt8] = [10, 0, 0, 1], to destination: [UInt8], service: UInt8 = 0,
  fragment: UInt16 = 0, options: Int = 0, _ payload: [UInt8]
) -> [UInt8] {
  let length = 20 + options + payload.count
  var header: [UInt8] =
    [
      0x40 | UInt8((20 + options) / 4), service, UInt8(length >> 8), UInt8(length & 255), 0, 1, UInt8(fragment >> 8),
      UInt8(fragment & 255), 64, number, 0, 0,
    ] + source + destination + Array(repeating: 1, count: options)
  var sum = stride(from: 0, to: header.count, by: 2).reduce(UInt32(0)) {
    $0 + UInt32(header[$1]) << 8 + UInt32(header[$1 + 1])
  }
  while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
  header[10] = UInt8(~sum >> 8 & 255)
  header[11] = UInt8(~sum & 255)
  return header + payload
}

private func ipv6(
  _ next: UInt8, from source: [UInt8] = [0xFD] + Array(repeating: 0, count: 14) + [1], to destination: [UInt8],
  service: UInt8 = 0, _ payload: [UInt8]
) -> [UInt8] {
  [0x60 | service >> 4, service << 4, 0, 0, UInt8(payload.count >> 8), UInt8(payload.count & 255), next, 64] + source
    + destination + payload
}
