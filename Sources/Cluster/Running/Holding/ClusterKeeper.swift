import ClusterModel
import CSystem
import Glibc
import HostSystem
import IngressModel
import Synchronization

/// A running cluster with its description, which commands change: what a holder does, without its socket.
final class ClusterKeeper: Sendable {
  let cluster: RunningCluster
  private let description: Mutex<ClusterDescription>
  private let listener: Listener
  /// Held by a command: the next one begins with what it left.
  private let commands = Mutex(())

  /// Whoever wants to know what is being done, for as long as a command is.
  private final class Listener: Sendable {
    let tell = Mutex<(@Sendable (String) -> Void)?>(nil)
  }

  init(
    _ description: ClusterDescription, name: String?, options: RunningCluster.Options,
    progress: @escaping @Sendable (String) -> Void
  ) throws(ClusterError) {
    let layout = try described { () throws(ClusterDescriptionError) in try description.layout() }
    var description = description
    description.keep(layout)
    let listener = Listener()
    listener.tell.withLock { $0 = progress }
    var options = options
    options.progress = { text in listener.tell.withLock { $0 }?(text) }
    cluster = try RunningCluster(layout, name: name, options: options)
    listener.tell.withLock { $0 = nil }
    self.listener = listener
    self.description = Mutex(description)
  }

  /// Does what a request asks for; the reply to it.
  func answer(_ request: ControlRequest, progress: @escaping @Sendable (String) -> Void) -> ControlReply {
    do throws(ClusterError) {
      switch request.verb {
      case .status: break
      case .down: try cluster.down()
      case .backend: try changing(progress) { () throws(ClusterError) in try changeBackend(request.backend ?? "") }
      case .apply: try changing(progress) { () throws(ClusterError) in try apply(request.files ?? []) }
      case .scale:
        try changing(progress) { () throws(ClusterError) in
          try scale(request.deployment ?? "", to: request.replicas ?? -1)
        }
      }
      return ControlReply(status: request.verb == .status ? cluster.status() : nil, isLast: true)
    } catch {
      return ControlReply(error: "\(error)", isLast: true)
    }
  }

  private func changing(
    _ progress: @escaping @Sendable (String) -> Void, _ body: () throws(ClusterError) -> Void
  ) throws(ClusterError) {
    try commands.withLock { _ throws(ClusterError) in
      listener.tell.withLock { $0 = progress }
      defer { listener.tell.withLock { $0 = nil } }
      try body()
    }
  }

  private func changeBackend(_ word: String) throws(ClusterError) {
    let current = description.withLock { $0 }
    let backend: FlannelConfiguration.Backend
    switch word {
    case "host-gw": backend = .hostGateway
    case "vxlan": backend = current.podNetwork.backend.tunnel
    default: throw .layout("there is no backend \"\(word)\"; there are vxlan and host-gw")
    }
    try cluster.switchBackend(to: backend)
    description.withLock { $0.podNetwork.backend = backend }
  }

  private func apply(_ files: [ClusterText]) throws(ClusterError) {
    var changed = description.withLock { $0 }
    changed.keep(cluster.layout)
    let base = changed
    changed = try described { () throws(ClusterDescriptionError) in
      try ClusterDescription.read(texts: files.map { .init(name: $0.name, text: $0.text) }, onto: base)
    }
    try bring(changed)
  }

  private func scale(_ deployment: String, to replicas: Int) throws(ClusterError) {
    guard replicas >= 0 else { throw .layout("a deployment has 0 pods or more") }
    var changed = description.withLock { $0 }
    changed.keep(cluster.layout)
    do { try changed.scale(deployment, to: replicas) } catch { throw .layout("\(error)") }
    try bring(changed)
  }

  /// Has the cluster be as a description says, and remembers that.
  private func bring(_ changed: ClusterDescription) throws(ClusterError) {
    var changed = changed
    let layout = try described { () throws(ClusterDescriptionError) in try changed.layout() }
    let now = cluster.layout.podNetwork
    if layout.podNetwork.backend != now.backend, layout.podNetwork.withBackend(now.backend) == now {
      try cluster.switchBackend(to: layout.podNetwork.backend)
      description.withLock { $0.podNetwork.backend = layout.podNetwork.backend }
    }
    try cluster.apply(layout)
    changed.keep(layout)
    let kept = changed
    description.withLock { $0 = kept }
  }
}

private func described<R>(_ body: () throws(ClusterDescriptionError) -> R) throws(ClusterError) -> R {
  do { return try body() } catch { throw .layout(error.description) }
}

extension FlannelConfiguration {
  fileprivate func withBackend(_ backend: Backend) -> FlannelConfiguration {
    var copy = self
    copy.backend = backend
    return copy
  }
}

extension FlannelConfiguration.Backend {
  /// vxlan as it was described, or as flannel has it where nothing was.
  fileprivate var tunnel: FlannelConfiguration.Backend {
    if case .vxlan = self { return self }
    return .vxlan(.init())
  }
}
