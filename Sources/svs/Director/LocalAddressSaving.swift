import ArgumentParser
import KernelDirector
import Simulation
import VirtualServer

extension LocalAddressCommand {
  struct Save: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "save",
      abstract: "Print the pools as 'svs local-address restore' takes them.",
      discussion: """
        'ipvsadm-save' prints rules alone: these lines are what it cannot tell, 'svs client-address' among it. 'svs simulate' takes them among the \
        rules.
        """)

    func run() throws {
      let director = try reporting { () throws(DirectorError) in try Director() }
      let pools = try reporting { () throws(DirectorError) in try director.localAddresses() }
      let disclosures = try reporting { () throws(DirectorError) in try director.disclosures() }
      print(SavedLocalAddresses.text(pools, disclosures), terminator: "")
    }
  }

  struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "restore",
      abstract: "Make the pools what 'svs local-address save' printed.",
      discussion: """
        Reads from standard input. What is missing is added, what is not named leaves the pools; connections go on. \
        Lines of 'client-address set' are taken as well; services without one tell their servers nothing. \
        Services that have pools of their own must be there already. Nothing is changed if a line is wrong.

        EXAMPLES
          svs local-address restore </etc/svs.local-addresses
        """)

    func run() throws {
      let text = try reporting { () throws(SimulationError) in try InputFile.text("-") }
      let saved = try reporting { () throws(LocalAddressError) in try SavedLocalAddresses(text) }
      let director = try reporting { () throws(DirectorError) in try Director() }
      try reporting { () throws(LocalAddressError) in try saved.restore(to: director) }
      for remark in director.takeRemarks() { warn(remark) }
    }
  }
}
