import CLibbpf
import DataplaneObject
import Glibc
import HostSystem
import Netlink
import RealServerSetup
import Testing

@testable import Lab

/// Packets in tunnels, sent by a client that plays the director, to a real server that answers as the VIP.
@Suite struct TunnelTests {
  static let server = """
    import socket, sys
    s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], 7777))
    while True:
      data, peer = s.recvfrom(2048)
      s.sendto(b"echo " + data, peer)
    """

  /// Sends a UDP datagram inside an IP packet inside an IP packet, and prints what the VIP answers.
  static let client = """
    import ipaddress, socket, struct, sys
    rip, vip, own, text = sys.argv[1:5]
    six, outer6 = ":" in vip, ":" in rip
    listener = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((own, 6666)); listener.settimeout(float(sys.argv[5]))
    source, target = ipaddress.ip_address(own).packed, ipaddress.ip_address(vip).packed
    def fold(b):
      if len(b) % 2: b += b"\\0"
      t = sum(struct.unpack("!%dH" % (len(b) // 2), b))
      while t >> 16: t = (t & 0xffff) + (t >> 16)
      return ~t & 0xffff
    body = text.encode()
    length = 8 + len(body)
    pseudo = source + target + struct.pack("!HH", 17, length)
    total = fold(pseudo + struct.pack("!HHHH", 6666, 7777, length, 0) + body) or 0xffff
    udp = struct.pack("!HHHH", 6666, 7777, length, total) + body
    if six:
      inner = struct.pack("!IHBB", 6 << 28, length, 17, 64) + source + target + udp
    else:
      head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 1, 0, 64, 17, 0) + source + target
      inner = head[:10] + struct.pack("!H", fold(head)) + head[12:] + udp
    s = socket.socket(socket.AF_INET6 if outer6 else socket.AF_INET, socket.SOCK_RAW, 41 if six else 4)
    s.sendto(inner, (rip, 0))
    answer, peer = listener.recvfrom(2048)
    print(answer.decode(), "from", peer[0])
    """

  /// RIP and VIP in every combination of versions.
  @Test(arguments: [
    ("10.7.0.2", "192.0.2.9", "10.7.0.1"), ("fd07::2", "2001:db8::9", "fd07::1"),
    ("fd07::2", "192.0.2.9", "10.7.0.1"), ("10.7.0.2", "2001:db8::9", "fd07::1"),
  ])
  func requestsArriveAndTheVIPAnswers(_ rip: String, _ vip: String, _ own: String) throws {
    var topology = try pairOfHosts("x")
    topology.hosts[1].processes = []
    topology.hosts[1].realServers = [.init(try #require(IPAddress(vip)), isTunnelled: true)]
    topology.hosts[0].routes = [
      .init(to: try #require(IPPrefix("192.0.2.0/24")), via: IPAddress("10.7.0.2")),
      .init(to: try #require(IPPrefix("2001:db8::/64")), via: IPAddress("fd07::2")),
    ]
    try withLab(topology) { lab in
      // The kernel's own devices are set up for tunnels of the VIP's version; ours unpacks either in either.
      if rip.contains(":") != vip.contains(":"), try lab.inside("server", kernelHasTunnels) {
        print("NOT TRIED: this kernel has tunnels of its own, for the same version inside and outside")
        return
      }
      try lab.spawn("server", ["python3", "-c", Self.server, vip], name: "echo", listeners: [.init(.udp, 7777)])
      let answer = try lab.exec("client", ["python3", "-c", Self.client, rip, vip, own, "hello", "5"])
      #expect(answer.output == "echo hello from \(vip)\n", "\(answer.output)\(answer.errors)")
      // Another VIP's packet is not for us, and leaves with the others.
      let address = try #require(IPAddress(vip))
      _ = try lab.inside("server") { try RealServer.down(address) }
      let attached = try lab.inside("server") { try NetlinkSocket().interface(named: "eth0").xdp }
      #expect(attached == nil)
      try lab.inside("server") { try NetlinkSocket().addAddress(IPPrefix(address), interfaceIndex: 1) }
      let silence = try lab.exec("client", ["python3", "-c", Self.client, rip, vip, own, "hello", "0.3"])
      #expect(!silence.succeeded && silence.errors.contains("timed out"), "\(silence.output)\(silence.errors)")
    }
  }

  @Test func upIsIdempotentAndTheLastVIPDetaches() throws {
    try withLab(try pairOfHosts("x")) { lab in
      let one = RealServerPlan(try #require(IPAddress("192.0.2.9")), isTunnelled: true)
      let two = RealServerPlan(try #require(IPAddress("2001:db8::9")), isTunnelled: true)
      try lab.inside("server") {
        _ = try RealServer.up(one)
        let program = try NetlinkSocket().interface(named: "eth0").xdp?.programID
        #expect(try RealServer.up(one) == [])
        _ = try RealServer.up(two)
        #expect(try NetlinkSocket().interface(named: "eth0").xdp?.programID == program)
        _ = try RealServer.down(one.vip)
        #expect(try NetlinkSocket().interface(named: "eth0").xdp?.programID == program)
        _ = try RealServer.down(two.vip)
        #expect(try NetlinkSocket().interface(named: "eth0").xdp == nil)
        #expect(try RealServer.plans().isEmpty)
      }
    }
  }
}

/// An XDP program that passes everything: two instructions, r0 = XDP_PASS and exit.
struct ForeignProgram: ~Copyable {
  private let program: Descriptor
  let id: UInt32

  init() throws {
    let instructions = [
      bpf_insn(code: 0xB7, dst_reg: 0, src_reg: 0, off: 0, imm: 2),
      bpf_insn(code: 0x95, dst_reg: 0, src_reg: 0, off: 0, imm: 0),
    ]
    let number = bpf_prog_load(BPF_PROG_TYPE_XDP, "foreign", "GPL", instructions, instructions.count, nil)
    let program = try Descriptor(checking: number, "load a program")
    var info = bpf_prog_info()
    var size = UInt32(MemoryLayout<bpf_prog_info>.size)
    try SystemError.check(bpf_obj_get_info_by_fd(number, &info, &size), "ask for a program's id")
    id = info.id
    self.program = program
  }

  func attach(_ index: UInt32) throws {
    try SystemError.check(bpf_xdp_attach(Int32(bitPattern: index), program.number, 0, nil), "attach a program")
  }
}
