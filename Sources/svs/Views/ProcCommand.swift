import ArgumentParser
import KernelDirector
import VirtualServer

struct ProcCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "proc",
    abstract: "Show the tables that IPVS has under /proc/net, in the same formats.",
    discussion: """
      For programs that read those files: ip_vs has the services and servers, ip_vs_conn the connections, ip_vs_stats \
      the sums of all counters since they were last zeroed, and their growth during the second that it takes.

      EXAMPLES
        svs proc ip_vs
        svs proc ip_vs_conn | wc -l
      """)

  @Argument(help: ArgumentHelp("ip_vs, ip_vs_conn or ip_vs_stats.", valueName: "name"))
  var view: ProcView

  func run() throws {
    print(try reporting { () throws(DirectorError) in try view.text(of: Director()) }, terminator: "")
  }
}

extension ProcView: ExpressibleByArgument {}
