import Netlink

/// There is no such deployment.
public struct UnknownDeployment: Error, Hashable, CustomStringConvertible {
  public var name: String
  public var known: [String]

  public var description: String {
    "there is no Deployment '\(name)'; there \(known.isEmpty ? "are none" : "are \(known.joined(separator: ", "))")"
  }
}

/// A deployment cannot be scaled.
public enum ScalingError: Error, Hashable, CustomStringConvertible {
  case unknown(UnknownDeployment)
  case refused(ClusterDescriptionError)

  public var description: String {
    switch self {
    case .unknown(let error): error.description
    case .refused(let error): error.description
    }
  }
}

extension ClusterDescription {
  /// Changes how many pods a deployment has, and nothing else: all other pods stay where they are.
  ///
  /// The pods that go are those with the highest numbers. A description whose layout would be refused stays unchanged.
  ///
  /// - Parameters:
  ///   - deployment: Its name, or `NAMESPACE/NAME`.
  ///   - namespace: Where it is; nil: the first that has one of this name.
  public mutating func scale(
    _ deployment: String, namespace: String? = nil, to replicas: Int
  ) throws(ScalingError) {
    let parts = deployment.split(separator: "/", maxSplits: 1).map(String.init)
    let wanted = parts.count == 2 ? parts[0] : namespace
    let name = parts.last ?? deployment
    let index = workloads.firstIndex {
      $0.kind == .deployment && $0.name == name && (wanted == nil || $0.namespace == wanted)
    }
    guard let index else {
      let known = workloads.filter { $0.kind == .deployment }.map { "\($0.namespace)/\($0.name)" }
      throw .unknown(UnknownDeployment(name: deployment, known: known))
    }
    var changed = self
    do throws(ClusterDescriptionError) {
      changed.keep(try layout())
      changed.workloads[index].replicas = replicas
      _ = try changed.layout()
    } catch {
      throw .refused(error)
    }
    self = changed
  }

  /// Lets the pods of a layout stay where they are, as far as they are still wanted.
  public mutating func keep(_ layout: ClusterLayout) {
    let subnets = Dictionary(layout.nodes.map { ($0.name, $0.podSubnet) }) { first, _ in first }
    placements = [:]
    for pod in layout.pods {
      placements[pod.name] = Placement(node: pod.node, address: pod.address)
      // Without wrapping around, the highest number given is the last one given.
      guard let subnet = subnets[pod.node] else { continue }
      let number = UInt32(truncatingIfNeeded: pod.address.number &- subnet.network.address.number)
      lastHosts[pod.node] = max(lastHosts[pod.node] ?? 0, number)
    }
  }
}
