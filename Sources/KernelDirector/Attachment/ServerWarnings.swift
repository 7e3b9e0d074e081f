import DataplaneTypes
import Netlink

/// What an operator should hear of real servers before clients do.
struct ServerWarnings {
  /// More addresses are not asked for, so that `status` answers at once.
  static let limit = 4_096
  /// As many are named.
  static let named = 3

  private(set) var sentences: [String] = []

  /// - Parameters:
  ///   - services: with their servers.
  ///   - unasked: FULLNAT's servers that the director has no address to ask from.
  init(_ services: [ServiceSnapshot], unasked: [IPAddress]) {
    var methods: [IPAddress: Set<ForwardingMethod>] = [:]
    var order: [IPAddress] = []
    for server in services.flatMap(\.servers) where order.count < Self.limit {
      let address = server.endpoint.address
      if methods[address] == nil { order.append(address) }
      methods[address, default: []].insert(server.settings.method)
    }
    guard !order.isEmpty, let netlink = try? NetlinkSocket() else { return }
    var lost: [IPAddress] = []
    var here: [IPAddress] = []
    for address in order {
      do throws(NetlinkError) {
        let kind = try netlink.route(to: address).kind
        if kind == .local, methods[address]?.contains(.fullNAT) == true { here.append(address) }
      } catch {
        if error.meansNoRoute { lost.append(address) }
      }
    }
    if !lost.isEmpty {
      // Without a route direct routing leaves the packet to this host's own sockets.
      let isDirect = lost.contains { methods[$0]?.contains(.direct) == true }
      sentences.append(
        "There is no route to \(Self.list(lost)): clients of such a real server get "
          + (isDirect ? "no answer, or one of this host's own" : "\"host unreachable\"")
          + ". 'ip route get \(lost[0])' tells why.")
    }
    if !here.isEmpty {
      sentences.append(
        "FULLNAT does not reach \(Self.list(here)) on this very host; NAT ('ipvsadm -e … -m') does.")
    }
    let silent = Set(lost).union(here)
    let mute = unasked.filter { !silent.contains($0) }
    if !mute.isEmpty {
      sentences.append(
        "This host had no address of its own towards \(Self.list(mute)) when a FULLNAT server was added there, and no "
          + "pool has one: clients get \"host unreachable\". 'svs local-address add' names one.")
    }
  }

  private static func list(_ addresses: [IPAddress]) -> String {
    let names = addresses.prefix(named).map(\.description).joined(separator: ", ")
    return addresses.count > named ? "\(names) and \(addresses.count - named) more" : names
  }
}

extension Director {
  /// The addresses of FULLNAT's servers for which nothing can be leased.
  func serversWithoutLocalAddress(_ tables: Tables) throws(DirectorError) -> [IPAddress] {
    var addresses: [IPAddress] = []
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE, server.pointee.method == ForwardingMethod.fullNAT.rawValue,
        server.pointee.local == 0
      else { continue }
      let address = server.endpoint.address
      if !addresses.contains(address) { addresses.append(address) }
      if addresses.count >= ServerWarnings.limit { break }
    }
    return addresses
  }
}
