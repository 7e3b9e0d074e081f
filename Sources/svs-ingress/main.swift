import ArgumentParser
import CSystem
import Glibc
import HostSystem
import Ingress
import IngressModel
import InstrumentCommands
import UnixSignals

svs_guard_output("svs")
_ = signal(SIGPIPE, SIG_IGN)
do {
  // 'svs' hands its own words on: the command's name is the first.
  let words = CommandLine.arguments.dropFirst(CommandLine.arguments.dropFirst().first == "ingress" ? 2 : 1)
  let command = try IngressCommand.parse(Array(words))
  try await Proxy(command).run()
} catch {
  IngressCommand.exit(withError: error)
}
