import ClusterModel
import Lab

extension RunningCluster {
  /// The program that does `svs bench` and `svs webapp`, for what is to run on nodes and in pods.
  public var instruments: String { places.instruments }

  /// The host names that the rules of the cluster's ingresses ask for.
  public var ingressHosts: [String] { NameFiles.ingressHosts(layout) }

  /// Has further services served beside the layout's own, in place of those of the call before.
  ///
  /// They are for measurements: no pod, name or rule of the ingress knows them.
  public func serve(beside more: [ServicePort]) throws(ClusterError) {
    try change { () throws(ClusterError) in
      var all = layout
      all.services += more
      if services.isServing {
        try services.set(all)
      } else {
        do throws(ClusterError) {
          try services.start(all, in: lab)
          try services.startDirectors(all)
        } catch {
          // Half of it would be taken for all by the next call.
          services.end()
          throw error
        }
      }
    }
  }

  /// Detaches all programs of ours from nodes and pods; no service is served until ``serve(beside:)``.
  public func stopServing() throws(ClusterError) {
    try change { () throws(ClusterError) in if let failure = services.end() { throw failure } }
  }

  /// The folder whose files a node's, a pod's or the outside host's programs see in /etc; nil where there is none.
  public func etcFolder(of host: String) throws(ClusterError) -> String? {
    Lab.etcFolder(lab: name, host: try find(host))
  }
}
