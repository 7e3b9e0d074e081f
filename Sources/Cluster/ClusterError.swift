import ClusterModel
import HostSystem
import Lab
import Netlink

/// Why a cluster could not be built, changed or asked, in words for whoever wanted it.
public enum ClusterError: Error, Sendable {
  case notRoot
  /// A program that the cluster needs is not there; with where it was looked for or what to install.
  case missingProgram(String, hint: String)
  /// A layout that cannot be realised on this machine.
  case layout(String)
  /// Somebody else's cluster, or lab, has the name.
  case nameTaken(String)
  case noSuchCluster(String)
  /// There are several and none was named.
  case whichCluster([String])
  case noSuchHost(String, cluster: String, hosts: [String])
  case lab(LabError)
  /// A part of the cluster could not be set up; the sentence says which.
  case part(String)
  /// Whoever wanted the cluster no longer does.
  case abandoned
  /// The cluster is being taken down.
  case isEnding(String)
  /// It has no socket yet by which it could be asked.
  case isBuilding(String)
  /// The program that holds the cluster is there and says nothing; with its process where that is known.
  case noAnswer(String, holder: Int32?)
  /// Whoever asked for a change did not wait for its end.
  case goesOn(String)
  /// The program that holds the cluster cannot be talked to.
  case control(String)
}

extension ClusterError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notRoot: "a cluster is made of network namespaces and BPF programs, and so has to be run as root"
    case .missingProgram(let name, let hint): "the program \(name) is missing: \(hint)"
    case .layout(let message): message
    case .nameTaken(let name):
      "a cluster or lab \(name) is up; take it down first (svs cluster down \(name)), or use another name (--name)"
    case .noSuchCluster(let name): "there is no cluster \(name); 'svs cluster status' shows those that are up"
    case .whichCluster(let names): "several clusters are up, say which: \(names.joined(separator: ", "))"
    case .noSuchHost(let host, let cluster, let hosts):
      "the cluster \(cluster) has no node or pod \(host); it has \(hosts.joined(separator: ", "))"
    case .lab(let error): "\(error)"
    case .part(let message), .control(let message): message
    case .abandoned: "the cluster was given up before it was complete; nothing of it is left"
    case .isBuilding(let name):
      "the cluster \(name) is being built, or a program ('svs bench report') has it for itself; it cannot be asked"
    case .noAnswer(let name, let holder?):
      "the program that holds \(name) (pid \(holder)) does not answer; is it stopped? 'kill -CONT \(holder)' has it go on, "
        + "and do what it was asked; or end it: 'kill -KILL \(holder)', then 'svs cluster down \(name)'"
    case .noAnswer(let name, nil): "the program that holds \(name) does not answer; is it stopped?"
    case .goesOn(let name):
      "what was asked of \(name) goes on in the background; 'svs cluster status \(name)' shows how it stands"
    case .isEnding(let name): "the cluster \(name) is being taken down"
    }
  }

  /// A lab's error, in a cluster's words where it has some.
  init(_ error: LabError) {
    switch error {
    case .nameTaken(let name): self = .nameTaken(name)
    case .abandoned: self = .abandoned
    default: self = .lab(error)
    }
  }
}

/// Runs a step of the lab.
func onLab<R: ~Copyable>(_ body: () throws(LabError) -> R) throws(ClusterError) -> R {
  do { return try body() } catch { throw ClusterError(error) }
}
