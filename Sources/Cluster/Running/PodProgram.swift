import ClusterModel
import Lab

/// A pod's program as a process of the lab, with the files that it reads.
struct PodProgram {
  var process: Topology.Process
  var files: [Topology.File] = []
  /// The program that has to be there.
  var needed: String { process.arguments[0] }

  init(_ program: ClusterLayout.Program, of pod: ClusterLayout.Pod, _ layout: ClusterLayout, _ places: ProgramPlaces) {
    let listeners = program.ports.map { port in
      Topology.Process.Listener(port.transport == .tcp ? .tcp : .udp, port.port)
    }
    let arguments: [String]
    switch program.kind {
    case .webApp(let port):
      arguments = [places.instruments, "webapp", "--port", "\(port)"]
    case .resolver:
      files = [Topology.File(Self.namesFile, NameFiles.records(layout))]
      // Names of the cluster's domain that are not in the file do not exist, and there is nobody to ask for others.
      arguments = [
        "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file", "--user=root", "--no-resolv",
        "--no-hosts", "--addn-hosts={folder}/\(Self.namesFile)", "--address=/#/", "--cache-size=0", "--no-negcache",
        "--log-facility=-",
      ]
    case .ingress(let rules, let entryPort, let statusPort):
      files = [Topology.File(Self.rulesFile(program), rules)]
      arguments = [
        places.ingress, "ingress", "--config", "{folder}/\(Self.rulesFile(program))", "--entrypoint",
        "web=:\(entryPort)", "--status", ":\(statusPort)", "--grace", "1",
      ]
    case .command(let words):
      arguments = words.isEmpty ? ["true"] : words
      if words.contains("{folder}/\(Self.locustFile)") { files = [Topology.File(Self.locustFile, Self.locustText)] }
    }
    process = Topology.Process(program.name, arguments, listeners: listeners)
  }

  static let namesFile = "names"
  static let locustFile = "locustfile.py"
  /// A master has to know a class of users; what they do is in the same file for its workers.
  private static let locustText = """
    from locust import HttpUser, constant, task


    class Visitor(HttpUser):
        host = "http://sample-webapp:8000"
        wait_time = constant(0)

        @task
        def page(self):
            self.client.get("/")

    """
  static func rulesFile(_ program: ClusterLayout.Program) -> String { "\(program.name).yaml" }
}

extension ClusterLayout.Program {
  /// Whether a change of names or rules reaches the program by SIGHUP, once its file is written anew.
  var readsFilesAgain: Bool {
    switch kind {
    case .resolver, .ingress: true
    case .webApp, .command: false
    }
  }
}
