import ArgumentParser
import Demo
import Glibc

/// `svs demo`: see it all in half a minute.
struct DemoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Balance real requests over three real servers, on this machine.",
    discussion: """
      Builds a lab of network namespaces, balances HTTP requests under NAT, DR, TUN and FULLNAT with the ipvsadm beside this \
      program, shows who answered, and compares with nftables. Nothing of it stays, also after Ctrl-C.
      """)

  @Option(help: ArgumentHelp("The folder of svs and ipvsadm; else this program's own.", valueName: "folder"))
  var programs: String?

  @Option(help: ArgumentHelp("HTTP requests for each method.", valueName: "number"))
  var requests: Int = 12

  @Flag(inversion: .prefixedNo, help: "Compare with nftables.")
  var speed = true

  func validate() throws {
    guard 1...1000 ~= requests else { throw ValidationError("--requests must be 1 to 1000") }
  }

  func run() throws {
    let demo = Demo(programs: programs, requests: requests, measures: speed)
    let isWell: Bool
    do throws(DemoError) { isWell = try demo.run() } catch {
      if case .outputLost(EPIPE) = error { endByBrokenPipe() }
      // What else is lost is told at the end, as of every command.
      if case .outputLost = error { throw ExitCode.failure }
      complain(error.description)
      throw ExitCode.failure
    }
    guard isWell else { throw ExitCode.failure }
  }

  /// What happens to every program whose reader has gone, and was put off until the lab was down.
  private func endByBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    _exit(EXIT_FAILURE)
  }
}
