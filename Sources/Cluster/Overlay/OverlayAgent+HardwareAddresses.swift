import ClusterModel
import HostSystem
import Netlink

extension OverlayAgent {
  /// The hardware addresses that a node's tunnel devices have, or will have.
  ///
  /// A lease tells them to peers, and without a lease there is no subnet to make an agent for. They are written to the
  /// state file, where the agent finds them; nothing changes in the kernel.
  public static func hardwareAddresses(
    node: String, namespace: consuming NetworkNamespace, configuration: FlannelConfiguration, stateFile: String
  ) throws(OverlayError) -> (ipv4: MACAddress, ipv6: MACAddress) {
    let kernel = try OverlayKernel(namespace, node: node)
    let network: NodeNetwork
    do { network = try kernel.read() } catch { throw .network(error, node: node) }
    var record = try OverlayRecord.remembered(stateFile, node: node, network, configuration)
    let addresses = (ipv4: record.mac ?? .random(), ipv6: record.ipv6MAC ?? .random())
    guard record.mac != addresses.ipv4 || record.ipv6MAC != addresses.ipv6 else { return addresses }
    (record.mac, record.ipv6MAC) = addresses
    do { try Files.replace(stateFile, with: record.text) } catch { throw .system(error, node: node) }
    return addresses
  }
}
