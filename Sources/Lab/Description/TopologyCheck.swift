extension Topology {
  /// Refuses what cannot be built: doubled names, and parts that speak of interfaces that nobody makes.
  func check() throws(LabError) {
    var interfaces: [String: Set<String>] = [:]
    for host in hosts {
      guard isLabName(host.name) else { throw .invalidName(host.name) }
      guard interfaces.updateValue(["lo"], forKey: host.name) == nil else {
        throw .topology("host \(host.name) is described twice")
      }
    }
    func add(_ interface: String, to host: String) throws(LabError) {
      guard isInterfaceName(interface) else { throw .topology("\"\(interface)\" is no interface name") }
      guard interfaces[host] != nil else { throw .topology("there is no host \(host)") }
      guard interfaces[host]?.insert(interface).inserted == true else {
        throw .topology("host \(host) has two interfaces \(interface)")
      }
    }
    for link in links {
      try add(link.first.interface, to: link.first.host)
      try add(link.second.interface, to: link.second.host)
    }
    for host in hosts {
      // In their order, so that what a device stands on comes first.
      for device in host.devices {
        for lower in device.lowerInterfaces where interfaces[host.name]?.contains(lower) != true {
          throw .topology("\(host.name): \(device.name) stands on \(lower), which is not there")
        }
        try add(device.name, to: host.name)
      }
      try host.check(interfaces: interfaces[host.name] ?? [])
    }
  }
}

extension Topology {
  /// The loopback, the host's ends of cables and its devices, what stands on others last.
  func interfaces(of host: Host) -> [String] {
    ["lo"] + links.flatMap { [$0.first, $0.second] }.filter { $0.host == host.name }.map(\.interface)
      + host.devices.map(\.name)
  }
}

extension Topology.Host {
  fileprivate func check(interfaces: Set<String>) throws(LabError) {
    let used = addresses.map(\.interface) + macs.keys + routes.compactMap(\.interface)
    for interface in used where !interfaces.contains(interface) {
      throw .topology("host \(name) has no interface \(interface)")
    }
    for key in sysctls.map(\.key) where key.isEmpty || key.contains("..") || key.hasPrefix("/") {
      throw .topology("\(name): \"\(key)\" is no sysctl")
    }
    for names in [files.map(\.name), etc.map(\.name), processes.map(\.name)] {
      for name in names where !isFileName(name) { throw .topology("\(self.name): \"\(name)\" is no file name") }
      if Set(names).count < names.count { throw .topology("\(name): two files or two processes have one name") }
    }
    for process in processes where process.arguments.isEmpty {
      throw .topology("\(name): the process \(process.name) has no program")
    }
  }
}

extension Topology.Device {
  var lowerInterfaces: [String] {
    switch kind {
    case .bridge(let ports), .bond(_, let ports): ports
    case .vlan(let parent, _): [parent]
    case .vxlan: []
    }
  }
}
