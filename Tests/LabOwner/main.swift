// Builds a lab and waits to be killed: LabOwner NAME kept|ephemeral. Prints "ready" once the lab is.
import Glibc
import Lab

let arguments = CommandLine.arguments
guard arguments.count == 3, let lifetime = Lab.Lifetime(rawValue: arguments[2]) else { exit(2) }

var topology = Topology(hosts: [.init("a"), .init("b")], links: [.init(.init("a", "eth0"), .init("b", "eth0"))])
for index in topology.hosts.indices {
  topology.hosts[index].processes = [.init("sleeper", ["sleep", "1000"])]
}
let lab = try Lab(topology, name: arguments[1], lifetime: lifetime)
print("ready")
fflush(nil)
if lifetime == .ephemeral { pause() }
