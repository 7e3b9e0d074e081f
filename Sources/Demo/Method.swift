import Lab
import Netlink

/// A forwarding method as the demo shows it.
struct Method {
  let name: String
  let explanation: String
  /// ipvsadm's option.
  let option: String
  let vip: IPAddress
  let servers: [IPAddress]
  /// The port on the real servers; only NAT and FULLNAT can map it.
  let serverPort: UInt16

  /// The methods in the lab that has them all.
  static var all: [Method] {
    let lab = BuiltInLab.all
    let vips = lab.virtualAddresses
    return [
      vips.nat.map {
        Method(
          name: "NAT", explanation: "the director rewrites addresses both ways, and maps port 80 to 8080",
          option: "-m", vip: $0, servers: lab.realServers(.nat), serverPort: 8080)
      },
      vips.direct.map {
        Method(
          name: "DR", explanation: "only the frame changes; the server answers the client itself",
          option: "-g", vip: $0, servers: lab.realServers(.direct), serverPort: 80)
      },
      vips.tunnel.map {
        Method(
          name: "TUN", explanation: "the packet travels inside another; the server answers the client itself",
          option: "-i", vip: $0, servers: lab.realServers(.tunnel), serverPort: 80)
      },
      vips.fullNAT.map {
        Method(
          name: "FULLNAT", explanation: "the server sees the director as its client, and needs no route through it",
          option: "--fullnat", vip: $0, servers: lab.realServers(.fullNAT), serverPort: 8080)
      },
    ].compactMap(\.self)
  }

  /// The words of the ipvsadm commands that make the service.
  var commands: [[String]] {
    let service = "\(vip):80"
    return [["ipvsadm", "-A", "-t", service, "-s", "rr"]]
      + servers.map { ["ipvsadm", "-a", "-t", service, "-r", "\($0):\(serverPort)", option] }
  }
}
