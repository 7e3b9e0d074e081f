import ArgumentParser
import CSystem
import Glibc
import HostSystem
import InstrumentCommands
import LeaseStores
import Netlink
import OverlayNode
import Synchronization

/// `svs overlay`: from words to a node that runs, and its signals.
func runOverlay(_ command: OverlayCommand) throws {
  let settings = try nodeSettings(command)
  let endpoints = try command.etcd.split(separator: ",", omittingEmptySubsequences: false).map {
    text in
    guard let endpoint = EtcdEndpoint(text) else {
      throw ValidationError("'\(text)' is no address of etcd; write it as http://192.0.2.1:2379.")
    }
    return endpoint
  }
  var etcd = EtcdSettings(endpoints: endpoints, prefix: command.prefix)
  if command.authorities != nil || command.certificate != nil {
    guard endpoints.allSatisfy(\.isSecure) else {
      throw ValidationError("--ca, --cert and --key are for addresses that begin with https://.")
    }
    etcd.tls = EtcdSettings.TLS(
      authorities: command.authorities, certificate: command.certificate, key: command.key)
  }
  if let name = command.user, let file = command.passwordFile {
    let text = try reporting { () throws(SystemError) in try Files.text(file, limit: 65_536) }
    etcd.user = EtcdSettings.User(
      name: name, password: String(text.prefix { !$0.isNewline }))
  }
  // Before any thread is made, so that none of them takes the signals.
  let signals = svs_watch_interrupts()
  let store = try reporting { () throws(LeaseStoreError) in try EtcdLeaseStore(etcd) }
  let writesJSON = command.json
  let node = OverlayNode(settings, store: store) { event in
    if writesJSON { writeLine(event.json) } else { complain(event.description) }
  }
  guard run(node, until: signals) else { throw ExitCode.failure }
}

private func nodeSettings(_ command: OverlayCommand) throws -> OverlayNodeSettings {
  func address(_ text: String?, _ option: String, _ family: IPAddress.Family) throws -> IPAddress? {
    guard let text else { return nil }
    guard let address = IPAddress(text), address.family == family else {
      throw ValidationError(
        "\(option) '\(text)' is no \(family == .ipv4 ? "IPv4" : "IPv6") address.")
    }
    return address
  }
  var name = [CChar](repeating: 0, count: 256)
  gethostname(&name, name.count - 1)
  let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  var settings = OverlayNodeSettings(name: host.isEmpty ? "this node" : host)
  settings.interface = command.interface
  settings.publicIP = try address(command.publicIP, "--public-ip", .ipv4)
  settings.publicIPv6 = try address(command.publicIPv6, "--public-ipv6", .ipv6)
  settings.subnetFile = command.subnetFile
  settings.stateFile = command.state
  settings.masquerades = command.masquerades
  settings.removesOnExit = command.removeOnExit
  settings.endsWhenUp = command.once
  return settings
}

private final class Outcome: Sendable { let hasFailed = Atomic<Bool>(false) }

/// Whether it ended in order.
private func run(_ node: OverlayNode, until signals: CInt) -> Bool {
  let done = svs_event()
  let result = Outcome()
  let task = Task.detached {
    do throws(OverlayNodeError) { try await node.run() } catch {
      complain("\(error)")
      result.hasFailed.store(true, ordering: .releasing)
    }
    var one: UInt64 = 1
    _ = write(done, &one, MemoryLayout<UInt64>.size)
  }
  var watched = [
    pollfd(fd: done, events: Int16(POLLIN), revents: 0),
    pollfd(fd: signals, events: Int16(POLLIN), revents: 0),
  ]
  while watched[0].revents == 0 {
    guard poll(&watched, nfds_t(watched.count), -1) > 0, watched[1].revents != 0 else { continue }
    // struct signalfd_siginfo: 128 bytes, and the signal's number is the first four.
    var signal = [UInt32](repeating: 0, count: 32)
    // A terminal that went away is no reason to end, and there is no file to be read again.
    while read(signals, &signal, 128) == 128 {
      if signal[0] != UInt32(SIGHUP) { task.cancel() }
    }
  }
  return !result.hasFailed.load(ordering: .acquiring)
}

private func writeLine(_ text: String) {
  var rest = Array((text + "\n").utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
