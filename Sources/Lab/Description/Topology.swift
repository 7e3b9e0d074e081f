import Netlink

/// A network to be built: hosts, and the cables between them.
///
/// A host is a network namespace with what runs in it. The text form is read by ``init(text:file:)``.
public struct Topology: Hashable, Sendable {
  public var hosts: [Host]
  public var links: [Link]

  public init(hosts: [Host] = [], links: [Link] = []) {
    self.hosts = hosts
    self.links = links
  }
}

extension Topology {
  /// A namespace of a lab.
  public struct Host: Hashable, Sendable {
    public var name: String
    /// Whether it forwards packets as a router does: IPv4 and IPv6 forwarding on, segmentation left to the kernel.
    public var forwards: Bool
    public var devices: [Device]
    public var macs: [String: MACAddress]
    public var addresses: [Address]
    public var routes: [Route]
    public var rules: [Rule]
    /// Keys with dots or slashes, as sysctl(8) takes them, set in order.
    public var sysctls: [Sysctl]
    /// VIPs for which the host is prepared as a real server.
    public var realServers: [RealServerRole]
    /// Files in the host's folder by name; `{folder}` in the text stands for that folder.
    public var files: [File]
    /// Files that stand in /etc for programs of this host, of which the machine has to have one each.
    public var etc: [File]
    public var processes: [Process]

    public init(
      _ name: String, forwards: Bool = false, devices: [Device] = [], macs: [String: MACAddress] = [:],
      addresses: [Address] = [], routes: [Route] = [], rules: [Rule] = [], sysctls: [Sysctl] = [],
      realServers: [RealServerRole] = [], files: [File] = [], etc: [File] = [], processes: [Process] = []
    ) {
      self.name = name
      self.forwards = forwards
      self.devices = devices
      self.macs = macs
      self.addresses = addresses
      self.routes = routes
      self.rules = rules
      self.sysctls = sysctls
      self.realServers = realServers
      self.files = files
      self.etc = etc
      self.processes = processes
    }
  }

  /// A veth pair between two hosts.
  public struct Link: Hashable, Sendable {
    public struct End: Hashable, Sendable {
      public var host: String
      public var interface: String

      public init(_ host: String, _ interface: String) {
        self.host = host
        self.interface = interface
      }
    }

    /// What is left to the (absent) hardware.
    public enum Offloads: Hashable, Sendable {
      /// GRO on, which veth needs for XDP; checksums computed by the sender; end points also segment for themselves.
      case asOnTheWire
      /// As the kernel makes a veth pair: packets travel with unfinished checksums and unsegmented.
      case untouched
    }

    public var first: End
    public var second: End
    /// Of both ends, in bytes; the kernel's 1500 where absent.
    public var mtu: UInt32?
    public var offloads: Offloads

    public init(_ first: End, _ second: End, mtu: UInt32? = nil, offloads: Offloads = .asOnTheWire) {
      self.first = first
      self.second = second
      self.mtu = mtu
      self.offloads = offloads
    }
  }

  /// A device of a host that is no cable.
  public struct Device: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
      case bridge(ports: [String])
      case bond(mode: UInt8, ports: [String])
      case vlan(parent: String, id: UInt16)
      case vxlan(id: UInt32, local: IPAddress, remote: IPAddress?, port: UInt16)
    }

    public var name: String
    public var kind: Kind

    public init(_ name: String, _ kind: Kind) {
      self.name = name
      self.kind = kind
    }
  }

  public struct Address: Hashable, Sendable {
    public var interface: String
    public var prefix: IPPrefix
    /// IPv6 only: nothing that starts on the host takes it as its source, as is right for a VIP (RFC 6724, rule 3).
    public var isDeprecated: Bool

    public init(_ interface: String, _ prefix: IPPrefix, isDeprecated: Bool = false) {
      self.interface = interface
      self.prefix = prefix
      self.isDeprecated = isDeprecated
    }
  }

  /// A route of a host, by interface name.
  public struct Route: Hashable, Sendable {
    public var destination: IPPrefix
    public var gateway: IPAddress?
    public var interface: String?
    public var source: IPAddress?
    public var table: UInt32
    /// Smaller wins; nil is the smallest.
    public var metric: UInt32?
    public var isLocal: Bool
    /// Packets that way are refused at once.
    public var isUnreachable: Bool

    public init(
      to destination: IPPrefix, via gateway: IPAddress? = nil, interface: String? = nil, source: IPAddress? = nil,
      table: UInt32 = 254, metric: UInt32? = nil, isLocal: Bool = false, isUnreachable: Bool = false
    ) {
      self.destination = destination
      self.gateway = gateway
      self.interface = interface
      self.source = source
      self.table = table
      self.metric = metric
      self.isLocal = isLocal
      self.isUnreachable = isUnreachable
    }
  }

  public struct Sysctl: Hashable, Sendable {
    public var key: String
    public var value: String

    public init(_ key: String, _ value: String) {
      self.key = key
      self.value = value
    }
  }

  /// What a real server needs for a VIP under direct routing or tunnelling.
  public struct RealServerRole: Hashable, Sendable {
    public var vip: IPAddress
    public var isTunnelled: Bool

    public init(_ vip: IPAddress, isTunnelled: Bool = false) {
      self.vip = vip
      self.isTunnelled = isTunnelled
    }
  }

  public struct File: Hashable, Sendable {
    public var name: String
    public var text: String

    public init(_ name: String, _ text: String) {
      self.name = name
      self.text = text
    }
  }

  /// A process to be started on a host, and how to know that it serves.
  public struct Process: Hashable, Sendable {
    /// A port that is open once the process is ready.
    public struct Listener: Hashable, Sendable {
      public enum Transport: String, Hashable, Sendable { case tcp, udp }
      public var transport: Transport
      public var port: UInt16

      public init(_ transport: Transport, _ port: UInt16) {
        self.transport = transport
        self.port = port
      }
    }

    /// Also names the log in the host's folder.
    public var name: String
    /// The program, found along PATH, and its arguments; `{folder}` stands for the host's folder.
    public var arguments: [String]
    public var listeners: [Listener]

    public init(_ name: String, _ arguments: [String], listeners: [Listener] = []) {
      self.name = name
      self.arguments = arguments
      self.listeners = listeners
    }
  }
}
