import KernelDirector
import Testing

@testable import VirtualServer

@Suite("Which fault is told first, and what passes")
struct JudgingTests {
  private func run(_ line: String, _ store: MemoryRuleStore, input: String = "") -> (Int32, MemoryConsole) {
    var interpreter = CommandInterpreter(
      program: "ipvsadm", names: TableOfNames(), console: MemoryConsole(input: Array(input.utf8))
    ) { () throws(DirectorError) in store }
    let status = interpreter.run(line.split(separator: " ").map(String.init))
    return (status, interpreter.console)
  }

  @Test("A line that is wrong in itself is told so first")
  func parseErrorsComeFirst() {
    let store = MemoryRuleStore()
    let (status, console) = run("-A -t 10.9.9.1:80 -p abc", store)
    #expect(status == 2)
    #expect(console.errors == "invalid timeout value `abc' specified\n")
    #expect(run("-A -f 1 -w 3", store).1.errors == "Illegal 'weight' option with the 'add-service' command\n")
  }

  @Test("What is carried passes")
  func carriedFeaturesPass() {
    let store = MemoryRuleStore()
    for line in [
      "-A -t 10.9.9.1:80 -s rr", "-A -u 10.9.9.1:53 -s wrr", "-A -t [fd00::1]:80 -s lc", "-A -t 10.9.9.2:80",
      "-A -t 10.9.9.3:80 -s sh", "-a -t 10.9.9.1:80 -r 10.0.0.1 -g -w 0", "-a -t 10.9.9.1:80 -r 10.0.0.2:81 -m -x 0",
      "-a -t 10.9.9.1:80 -r 10.0.0.3 -i --tun-type ipip", "-Ln", "-Lcn", "-Ln --stats --exact", "-Ln --thresholds",
      "-L --timeout", "-L --daemon", "-Ln --rate", "--start-daemon master --mcast-interface lo", "--stop-daemon master",
      "-Z", "-A -t 10.9.9.4:0 -p -M 255.255.255.0", "-A -u 10.9.9.4:5060 -p --pe sip", "-A --sctp-service 10.9.9.4:80",
      "-A -f 7 -6", "-A -u 10.9.9.4:53 -o -s none", "-S", "-E -t 10.9.9.1:80 -s wlc",
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
