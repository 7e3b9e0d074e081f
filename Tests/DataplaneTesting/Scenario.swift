import Dataplane
import DataplaneSimulation
import DataplaneTypes

/// The rules that both the kernel's director and the one in memory are given.
public struct Scenario: Sendable {
  public struct Server: Sendable {
    public var address: TestAddress
    public var port: UInt16
    public var method: UInt8
    public var weight: Int32
    public var upperThreshold: UInt32
    /// Kind, port and flags of a tunnel.
    public var tunnel = Tunnel()

    /// NAT and FULLNAT.
    public var mapsPorts: Bool { method == 0 || method == 4 }

    init(_ address: String, _ port: UInt16, _ method: UInt8, _ weight: Int32 = 1, upTo upperThreshold: UInt32 = 0) {
      self.upperThreshold = upperThreshold
      self.address = TestAddress(address)
      self.port = port
      self.method = method
      self.weight = weight
    }
  }

  public struct Tunnel: Sendable {
    public var kind: UInt8 = 0
    public var port: UInt16 = 0
    public var flags: UInt8 = 0
  }

  public struct Service: Sendable {
    public var vip: TestAddress
    public var port: UInt16
    public var proto: UInt8
    public var scheduler: String
    public var schedulerFlags: UInt8
    public var servers: [Server]
    /// In seconds.
    public var persistence: UInt32 = 0
    public var netmask: UInt32 = ~0
    public var engine = ""
    public var onePacket = false
    /// Of a service by firewall mark, whose VIP tells no more than the family.
    public var mark: UInt32 = 0

    init(
      _ vip: String, _ port: UInt16, _ proto: UInt8, _ scheduler: String, _ servers: [Server],
      flags: UInt8 = 0
    ) {
      schedulerFlags = flags
      self.vip = TestAddress(vip)
      self.port = port
      self.proto = proto
      self.scheduler = scheduler
      self.servers = servers
    }
  }

  public let services: [Service]
  /// Networks of FULLNAT's default pool; those of the kernel's director have the tables' say for the one in memory.
  public var pools: [String] = []

  /// Whether servers see addresses of the director's: FULLNAT.
  public var leases: Bool { services.contains { $0.servers.contains { $0.method == 4 } } }

  /// Every forwarding method and scheduler, both families, and the ways that lead nowhere.
  public static let everything: Scenario = {
    let (nat, direct, tunnel) = (UInt8(0), UInt8(1), UInt8(2))
    func three(_ prefix: String, _ port: UInt16, _ method: UInt8) -> [Server] {
      (11...13).map { Server("\(prefix)\($0)", port, method, Int32($0 - 10)) }
    }
    func many(_ count: Int, _ method: UInt8) -> [Server] {
      (0..<count).map { Server("10.0.0.\(11 + $0 % 3)", UInt16(8000 + $0), method, Int32($0 % 5)) }
    }
    return Scenario(services: [
      Service("10.9.9.1", 80, 6, "rr", three("10.0.0.", 8080, nat)),
      Service("10.9.9.1", 81, 6, "wlc", three("10.0.0.", 80, nat)),
      Service("10.9.9.1", 53, 17, "wrr", three("10.0.0.", 5353, nat)),
      Service("10.9.9.2", 80, 6, "lc", three("10.0.0.", 80, direct)),
      Service("10.9.9.2", 53, 17, "rr", three("10.0.0.", 53, direct)),
      Service("10.9.9.3", 80, 6, "sh", three("10.0.0.", 80, tunnel)),
      Service("10.9.9.3", 53, 17, "sed", three("fd00:a::", 53, tunnel)),
      Service("fd00:9::1", 80, 6, "wrr", three("fd00:a::", 8080, nat)),
      Service("fd00:9::1", 53, 17, "rr", three("fd00:a::", 53, nat)),
      Service("fd00:9::2", 80, 6, "wlc", three("fd00:a::", 80, direct)),
      Service("fd00:9::3", 80, 6, "sh", three("fd00:a::", 80, tunnel)),
      Service("fd00:9::3", 53, 17, "lc", three("10.0.0.", 53, tunnel)),
      Service("10.9.9.7", 80, 6, "nq", three("10.0.0.", 8080, nat)),
      Service(
        "10.9.9.7", 81, 6, "fo", [Server("10.0.0.11", 81, direct, 3, upTo: 20), Server("10.0.0.12", 81, direct)]),
      Service("10.9.9.7", 82, 6, "ovf", three("10.0.0.", 82, nat)),
      Service("10.9.9.7", 53, 17, "mh", three("10.0.0.", 53, nat) + [Server("10.0.0.14", 53, nat, 0)], flags: 3),
      Service("10.9.9.8", 80, 6, "sh", three("10.0.0.", 80, nat) + [Server("10.0.0.14", 80, nat, 0)], flags: 3),
      Service("10.9.9.8", 53, 17, "dh", three("10.0.0.", 53, direct)),
      Service("10.9.9.8", 81, 6, "lblc", three("10.0.0.", 81, nat)),
      Service("10.9.9.8", 82, 6, "lblcr", three("10.0.0.", 82, direct)),
      Service("fd00:9::7", 81, 6, "lblcr", three("fd00:a::", 80, nat)),
      Service("10.9.9.9", 80, 6, "wlc", many(30, nat)),
      Service("10.9.9.9", 81, 6, "lc", many(13, nat)),
      Service("10.9.9.9", 82, 6, "nq", many(9, nat)),
      Service("10.9.9.9", 53, 17, "sed", many(12, nat)),
      Service("10.9.9.9", 83, 6, "lblc", many(10, nat)),
      Service("10.9.9.8", 83, 6, "twos", three("10.0.0.", 83, nat) + [Server("10.0.0.14", 83, nat, 0)]),
      Service("fd00:9::7", 80, 6, "mh", three("fd00:a::", 80, nat)),
      Service("10.9.9.4", 80, 6, "rr", []),
      Service("fd00:9::4", 80, 6, "rr", []),
      Service("10.9.9.5", 80, 6, "rr", [Server("10.0.0.99", 80, nat), Server("10.0.0.98", 80, nat, 0)]),
      Service("10.9.9.5", 81, 6, "rr", [Server("10.0.0.99", 81, direct)]),
      Service("10.9.9.6", 80, 6, "rr", [Server("10.77.0.1", 80, nat)]),
      Service("10.9.9.6", 81, 6, "wlc", [Server("192.168.1.1", 81, direct)]),
      Service("10.9.9.6", 82, 17, "wlc", [Server("192.168.1.1", 82, nat)]),
    ])
  }()

  /// Enters the rules into memory.
  public func install(in state: MemoryPlatform.State) {
    for service in services {
      let family = service.vip.family
      let key =
        service.mark == 0
        ? svs_service_key(vip: service.vip.value, port: service.port.bigEndian, proto: service.proto, family: family)
        : svs_service_key(vip: svs_addr(ipv4: service.mark), port: 0, proto: 0, family: family)
      let index = state.addService(key, scheduler: schedulerNumber(service.scheduler), flags: service.schedulerFlags)
      if let entry = state.serviceRecords.find(index) {
        entry.pointee.persistence = service.persistence
        entry.pointee.netmask = service.netmask
        entry.pointee.engine = service.engine == "sip" ? 1 : 0
        entry.pointee.one_packet = service.onePacket ? 1 : 0
      }
      if service.mark != 0, let config = state.configuration.find(0) {
        if family == 2 { config.pointee.marks4 += 1 } else { config.pointee.marks6 += 1 }
      }
      for server in service.servers {
        var record = svs_server()
        record.addr = server.address.value
        record.port = (server.mapsPorts ? server.port : service.port).bigEndian
        record.tunnel = server.tunnel.kind
        record.tunnel_port = server.tunnel.port.bigEndian
        record.tunnel_flags = server.tunnel.flags
        record.family = server.address.family
        record.method = server.method
        record.weight = server.weight
        record.upper = server.upperThreshold
        state.addServer(record, to: index)
      }
    }
  }
}

/// A scheduler's number by its name; 0 where there is none.
public func schedulerNumber(_ name: String) -> UInt8 {
  struct Naming: SchedulerVisitor {
    mutating func visit<S: Scheduler>(_: S.Type) -> String { S.name.description }
  }
  return (1...63).first { number in
    var naming = Naming()
    return Schedulers.visit(number, &naming) == name
  } ?? 0
}
