import BenchTypes
import CLibbpf
import Glibc
import HostSystem
import Netlink

/// What forwards the packets of a measurement.
enum Subject: String, CaseIterable {
  case director = "SVS, Swift"
  case twin = "C twin"
  case nftables = "nftables DNAT"
  case forwarding = "plain forwarding"
  case nothing = "no director, XDP redirect alone"
}

/// A director in its network, set up as one of the subjects.
struct DirectorUnderTest: ~Copyable {
  let subject: Subject
  let network: BenchNetwork
  /// What stands in the director's place, and must be kept loaded.
  private let standIn: StandIn?

  private enum StandIn {
    case twin(Twin)
    case bounce(Bounce)
  }

  /// - Parameters:
  ///   - rules: ipvsadm's argument lists.
  ///   - nftables: the same service in nftables' words.
  init(
    _ subject: Subject, _ setting: BenchSetting, connections: Int = 65536, rules: [String],
    nftables: String = destinationNAT
  ) throws(BenchError) {
    self.subject = subject
    let network = try BenchNetwork(programs: setting.programs)
    var standIn: StandIn?
    switch subject {
    case .director, .twin:
      try network.attach(connections: connections)
      for rule in rules { try network.ipvsadm(rule) }
      if subject == .twin {
        standIn = try network.inside("director") { () throws(BenchError) in
          try attempt { () throws(SystemError) in
            let twin = try Twin(objects: setting.objects)
            try twin.takeOver()
            return .twin(twin)
          }
        }
      }
    case .nftables: try network.command(["nft", "-f", "-"], input: Array(nftables.utf8))
    case .forwarding: break
    case .nothing:
      standIn = try network.inside("director") { () throws(BenchError) in
        try attempt { () throws(SystemError) in .bounce(try Bounce(objects: setting.objects)) }
      }
    }
    self.network = network
    self.standIn = standIn
  }

  /// What the IPVS rules of ``PacketRate`` say, in nftables' words.
  static let destinationNAT = """
    table ip bench {
      chain prerouting {
        type nat hook prerouting priority dstnat;
        ip daddr 10.9.0.1 udp dport 80 dnat to numgen inc mod 3 map { 0 : 10.0.0.11, 1 : 10.0.0.12, 2 : 10.0.0.13 }
      }
    }

    """
}

/// The hot path by hand in C, on the maps of the director that runs in the calling thread's namespace.
final class Twin {
  private let object: BPFObject
  private let director: AttachedProgram
  private let maps: [String: MapHandle]

  init(objects: String) throws(SystemError) {
    let director = try AttachedProgram(on: BenchNetwork.devices[0])
    maps = try director.maps()
    object = try BPFObject("\(objects)/twin.o", shared: maps.mapValues(\.number))
    // Whatever the twin leaves alone goes on in the director itself.
    try object.set("director", 0, director.descriptor.number)
    self.director = director
  }

  func program() throws(SystemError) -> CInt { try object.program("twin") }

  /// How many packets it has left to the director so far.
  func left() throws(SystemError) -> UInt64 {
    var values = [UInt64](repeating: 0, count: Int(libbpf_num_possible_cpus()))
    var zero: UInt32 = 0
    guard bpf_map_lookup_elem(try object.map("left"), &zero, &values) == 0 else { throw .last("read the twin's count") }
    return values.reduce(0, +)
  }

  func takeOver() throws(SystemError) { try director.replace(by: try program(), on: BenchNetwork.devices) }
}

/// A program that sends every packet from d0 to d1 unchanged.
final class Bounce {
  private let object: BPFObject

  init(objects: String) throws(SystemError) {
    object = try BPFObject("\(objects)/traffic.o")
    var plan = svs_bench_plan()
    plan.ifindex = if_nametoindex("d1")
    try object.set("plan", 0, plan)
    let program = try object.program("bounce")
    guard bpf_xdp_attach(CInt(if_nametoindex("d0")), program, UInt32(XDP_FLAGS_DRV_MODE), nil) == 0 else {
      throw .last("attach to d0")
    }
  }
}

/// Where the bench finds what it needs.
public struct BenchSetting: Sendable {
  /// The folder of `svs` and `ipvsadm`.
  public var programs: String
  /// The folder of the bench's BPF objects.
  public var objects: String
  public var repetitions: Int

  public init(programs: String, objects: String, repetitions: Int) {
    self.programs = programs
    self.objects = objects
    self.repetitions = repetitions
  }
}
