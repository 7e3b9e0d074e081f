import KernelDirector
import Testing

@testable import VirtualServer

@Suite("Features that the dataplane lacks")
struct GateTests {
  private func run(_ line: String, _ store: MemoryRuleStore, input: String = "") -> (Int32, MemoryConsole) {
    var interpreter = CommandInterpreter(
      program: "ipvsadm", names: TableOfNames(), console: MemoryConsole(input: Array(input.utf8))
    ) { () throws(DirectorError) in store }
    let status = interpreter.run(line.split(separator: " ").map(String.init))
    return (status, interpreter.console)
  }

  @Test(
    "Each is refused by name and changes nothing",
    arguments: [
      ("-A -u 10.9.9.1:5060 --pe sip", "persistence engines (--pe)")
    ])
  func refusesByName(line: String, feature: String) {
    let store = MemoryRuleStore()
    #expect(run("-A -t 10.9.9.1:80 -s rr", store).0 == 0)
    let changes = store.changes
    let (status, console) = run(line, store)
    #expect(status == 255)
    #expect(console.errors == "ipvsadm: \(feature) is not implemented yet\n")
    #expect(console.output.isEmpty)
    #expect(store.changes == changes)
  }

  @Test("A line that is wrong in itself is told so first")
  func parseErrorsComeFirst() {
    let store = MemoryRuleStore()
    let (status, console) = run("-A -t 10.9.9.1:80 -p abc", store)
    #expect(status == 2)
    #expect(console.errors == "invalid timeout value `abc' specified\n")
    #expect(run("-A -f 1 -w 3", store).1.errors == "Illegal 'weight' option with the 'add-service' command\n")
  }

  @Test("A restore goes on after a feature it lacks, and says at its end that something was left out")
  func restoreGoesOn() throws {
    let store = MemoryRuleStore()
    let rules = "-A -u 10.9.9.1:80 -s rr -p --pe sip\n-A -t 10.9.9.1:81 -s rr\n"
    let (status, console) = run("-R", store, input: rules)
    #expect(status == 255)
    #expect(console.errors == "ipvsadm: persistence engines (--pe) is not implemented yet\n")
    #expect(try store.services().count == 1)
  }

  @Test("What is carried passes")
  func carriedFeaturesPass() {
    let store = MemoryRuleStore()
    for line in [
      "-A -t 10.9.9.1:80 -s rr", "-A -u 10.9.9.1:53 -s wrr", "-A -t [fd00::1]:80 -s lc", "-A -t 10.9.9.2:80",
      "-A -t 10.9.9.3:80 -s sh", "-a -t 10.9.9.1:80 -r 10.0.0.1 -g -w 0", "-a -t 10.9.9.1:80 -r 10.0.0.2:81 -m -x 0",
      "-a -t 10.9.9.1:80 -r 10.0.0.3 -i --tun-type ipip", "-Ln", "-Lcn", "-Ln --stats --exact", "-Ln --thresholds",
      "-L --timeout", "-L --daemon", "-Ln --rate", "--start-daemon master --mcast-interface lo", "--stop-daemon master",
      "-Z", "-A -t 10.9.9.4:0 -p -M 255.255.255.0", "-A -u 10.9.9.4:53 -o -s none", "-S", "-E -t 10.9.9.1:80 -s wlc",
      "-C",
    ] {
      let (status, console) = run(line, store)
      #expect(status == 0, "\(line): \(console.errors)")
    }
  }

  @Test("The words are judged before the director is opened")
  func opensLate() {
    var interpreter = CommandInterpreter(program: "ipvsadm", names: TableOfNames(), console: MemoryConsole()) {
      () throws(DirectorError) -> MemoryRuleStore in throw .notPermitted
    }
    #expect(interpreter.run(["-h"]) == 0)
    #expect(interpreter.run(["-A"]) == 2)
    #expect(interpreter.console.errors.hasPrefix("You need to supply the 'service-address' option"))
    #expect(interpreter.run(["-Ln"]) == 2)
    #expect(interpreter.console.errors.hasSuffix("Can't initialize ipvs: Permission denied (you must be root)\n"))
  }
}
