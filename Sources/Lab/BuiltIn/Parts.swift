import Netlink

/// The hosts' parts that the built-in labs share.
enum Part {
  static let servers = 1...3

  /// An interface's addresses of both families, with the networks' prefix lengths.
  static func addresses(_ interface: String, net: Int, host: Int) -> [Topology.Address] {
    [
      Topology.Address(interface, IPPrefix(address(.ipv4, net: net, host: host), length: 24)),
      Topology.Address(interface, IPPrefix(address(.ipv6, net: net, host: host), length: 64)),
    ]
  }

  /// A VIP on an interface, alone in its prefix.
  ///
  /// Deprecated, lest the director itself speak with it: a tunnel whose outer source is the VIP comes to a real server as
  /// from itself, and is dropped.
  static func vip(_ interface: String, _ vip: IPAddress) -> [Topology.Address] {
    VIP.both(vip).map { Topology.Address(interface, IPPrefix($0), isDeprecated: true) }
  }

  static func defaultRoutes(net: Int, host: Int, table: UInt32 = 254) -> [Topology.Route] {
    [IPAddress.Family.ipv4, .ipv6].map {
      Topology.Route(to: .everything($0), via: address($0, net: net, host: host), table: table)
    }
  }

  /// The networks 20 to 29 of both families, behind a gateway.
  static func remoteRoutes(net: Int, host: Int) -> [Topology.Route] {
    servers.flatMap { number in
      [IPAddress.Family.ipv4, .ipv6].map { family in
        Topology.Route(
          to: IPPrefix(address(family, net: 20 + number, host: 0), length: family == .ipv4 ? 24 : 64),
          via: address(family, net: net, host: host))
      }
    }
  }

  /// A host that is nothing but a bridge.
  static func ethernetSwitch(_ name: String, ports: Int) -> Topology.Host {
    Topology.Host(name, devices: [Topology.Device("br0", .bridge(ports: (0..<ports).map { "port\($0)" }))])
  }

  /// A real server: its web server answers on ports 80 and 8080 with the server's name.
  static func server(
    _ number: Int, addresses: [Topology.Address], routes: [Topology.Route], rules: [Rule] = [],
    roles: [Topology.RealServerRole] = []
  ) -> Topology.Host {
    let name = "rs\(number)"
    return Topology.Host(
      name, addresses: addresses, routes: routes, rules: rules, realServers: roles,
      files: [Topology.File("index.html", "\(name)\n"), Topology.File("nginx.conf", webServerSettings)],
      processes: [
        Topology.Process(
          "nginx", ["nginx", "-c", "{folder}/nginx.conf", "-e", "stderr"],
          listeners: [.init(.tcp, 80), .init(.tcp, 8080)])
      ])
  }

  /// One worker, nothing outside the host's folder.
  private static let webServerSettings = """
    daemon off;
    pid {folder}/nginx.pid;
    worker_processes 1;
    events { worker_connections 4096; }
    http {
      access_log off;
      default_type text/plain;
      client_body_temp_path {folder}/body;
      proxy_temp_path {folder}/proxy;
      fastcgi_temp_path {folder}/fastcgi;
      uwsgi_temp_path {folder}/uwsgi;
      scgi_temp_path {folder}/scgi;
      server {
        listen 80 backlog=4096;
        listen [::]:80 backlog=4096;
        listen 8080 backlog=4096;
        listen [::]:8080 backlog=4096;
        root {folder};
      }
    }

    """
}
