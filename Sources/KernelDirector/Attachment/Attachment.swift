import CLibbpf
import DataplaneTypes
import Glibc
import Netlink

/// How a program hangs on an interface.
public enum AttachmentMode: String, Sendable {
  /// In the driver: fast.
  case native
  /// In the network core, for drivers without XDP: correct, and slow.
  case generic
}

/// What became of one interface when the director was attached.
public struct Attachment: Sendable {
  public enum Outcome: Sendable, Hashable {
    case attached(AttachmentMode)
    case already(AttachmentMode)
    case refused(DirectorError)
  }

  public var interface: String
  public var driver: String
  public var outcome: Outcome

  public var wasRefused: Bool {
    if case .refused = outcome { return true }
    return false
  }
}

extension Director {
  /// Attaches to the interfaces named, or to all that are up, and makes the director if there is none.
  ///
  /// A director that is sent its packets is attached to none: without names what sends them is put right.
  ///
  /// - Parameter capacity: connections the table holds; nil leaves it as it is, or at its default.
  /// - Throws: `noSuchInterface` before anything is changed; `connectionsFixed` if the director stands with another size.
  public func attach(_ names: [String], capacity: UInt32? = nil) throws(DirectorError) -> [Attachment] {
    try locked { () throws(DirectorError) in
      let interfaces = try select(names)
      try checkCapacity(capacity)
      if let standing = self.tables, isDiverted(standing) {
        guard names.isEmpty else { throw .isDiverted }
        try restoreDiverted(standing)
        return []
      }
      let isNew = self.tables == nil
      let tables = try establish(capacity: capacity ?? DirectorObject.defaultCapacity)
      if !isNew { try HandoverPair.restoreFilters(tables.config.pointee, from: folder.path) }
      let results = interfaces.map { attach($0, tables) }
      if isNew, !names.isEmpty, results.allSatisfy(\.wasRefused) {
        // Nothing came of what was asked for: no director is left that nobody asked for.
        destroy()
        return results
      }
      // Last: a command that was killed before has attached nothing that the first service would rely on.
      tables.config.pointee.attach_mode = names.isEmpty ? AttachMode.everywhere : AttachMode.byName
      try refreshDevices(tables)
      // Marked packets come in by these too; and what a killed command left is set right.
      try steerAnew(tables)
      return results
    }
  }

  func checkCapacity(_ capacity: UInt32?) throws(DirectorError) {
    guard let capacity else { return }
    guard DirectorObject.capacities.contains(capacity) else { throw .capacityOutOfRange(DirectorObject.capacities) }
    if let tables, tables.config.pointee.connection_capacity != capacity {
      throw .capacityFixed(tables.config.pointee.connection_capacity)
    }
  }

  enum AttachMode {
    static let none: UInt32 = 0
    static let byName: UInt32 = 1
    static let everywhere: UInt32 = 2
    /// To none: what is for services is diverted to it.
    static let diverted: UInt32 = 3
  }

  /// What the first service of a namespace does: what cannot be attached is told by `svs status`.
  ///
  /// Only where all is in vain is it remarked on at once. Without any interface that is up nothing is: that may be meant.
  func attachEverywhere(_ tables: Tables) {
    guard let interfaces = try? select([]) else { return }
    let refusals = interfaces.compactMap { interface -> String? in
      guard case .refused(let error) = attach(interface, tables).outcome else { return nil }
      return "\(interface.name): \(error.sentence)"
    }
    if let first = refusals.first, refusals.count == interfaces.count {
      remarks.append("no interface could be attached, so no packet will be balanced (\(first)); see 'svs status'")
    }
    tables.config.pointee.attach_mode = AttachMode.everywhere
    try? refreshDevices(tables)
  }

  /// The interfaces of these names; without names, all that are up and not loopback.
  private func select(_ names: [String]) throws(DirectorError) -> [Interface] {
    let all: [Interface]
    do {
      all = try NetlinkSocket().interfaces()
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
    if names.isEmpty {
      return all.filter {
        $0.flags.contains(.up) && !$0.flags.contains(.loopback) && $0.name != HandoverPair.outer
          && $0.name != HandoverPair.inner
      }
    }
    var chosen: [Interface] = []
    for name in names {
      guard let interface = all.first(where: { $0.name == name }) else { throw .noSuchInterface(name) }
      chosen.append(interface)
    }
    return chosen
  }

  private func attach(_ interface: Interface, _ tables: Tables) -> Attachment {
    let driver = (try? DeviceControl().driver(of: interface.name)) ?? interface.kind ?? "unknown"
    let path = folder.pin("links/\(interface.index)")
    func done(_ outcome: Attachment.Outcome) -> Attachment {
      Attachment(interface: interface.name, driver: driver, outcome: outcome)
    }
    if let link = try? PinnedLink(path: path) {
      if link.interface == interface.index { return done(.already(mode(of: interface))) }
      unlink(path)
    }
    let program = bpf_obj_get(folder.pin("svs_director"))
    guard program >= 0 else { return done(.refused(.system(doing: "open the director's program", errno: errno))) }
    defer { close(program) }
    // XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE of linux/if_link.h.
    let modes: [(AttachmentMode, UInt32)] = [(.native, 1 << 2), (.generic, 1 << 1)]
    var error: Int32 = 0
    for (mode, flags) in modes {
      var link = PinnedLink(program: program, interface: interface.index, flags: flags, error: &error)
      // A command that was killed just now may not have let go of the interface yet: some kernels do that later.
      for _ in 0..<10 where link == nil && error == EBUSY {
        usleep(10_000)
        link = PinnedLink(program: program, interface: interface.index, flags: flags, error: &error)
      }
      guard let link else {
        // Another program stands there already: the other mode would not help.
        if error == EBUSY || error == EEXIST { break }
        continue
      }
      do throws(DirectorError) {
        try link.pin(at: path)
        return done(.attached(mode))
      } catch {
        return done(.refused(error))
      }
    }
    return done(.refused(.system(doing: "attach to \(interface.name)", errno: error)))
  }

  private func mode(of interface: Interface) -> AttachmentMode {
    interface.xdp?.mode == .generic ? .generic : .native
  }

  /// Unhooks the interfaces named; without names, everything, and frees all that this namespace's director holds.
  ///
  /// - Throws: `noSuchInterface`, `notAttached` before anything is changed.
  public func detach(_ names: [String]) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard exists else {
        if names.isEmpty { Self.takeDown(folder) } else { _ = try select(names) }
        return
      }
      if names.isEmpty {
        destroy()
        return
      }
      // All are looked at before the first is unhooked.
      let paths = try select(names).map { interface throws(DirectorError) in
        let path = folder.pin("links/\(interface.index)")
        guard (try? PinnedLink(path: path)) != nil else { throw .notAttached(interface.name) }
        return path
      }
      for path in paths {
        // One that is named twice is gone by now.
        (try? PinnedLink(path: path))?.detach()
        unlink(path)
      }
    }
  }

  func destroy() {
    tables = nil
    Self.takeDown(folder)
  }

  /// As `detach()` without names, for a director whose layout this version cannot read.
  public static func forceDetach() throws(DirectorError) {
    guard geteuid() == 0 else { throw .notPermitted }
    let folder = try PinFolder.current()
    let lock = try folder.lock()
    defer { _ = lock }
    takeDown(folder)
  }

  private static func takeDown(_ folder: PinFolder) {
    finishTakingDown(folder)
    // First its name: whoever is killed later leaves no half of a director that others would take for a whole one.
    _ = rename(folder.path, folder.retiredPath)
    finishTakingDown(folder)
    Diverter.remove()
    Steering.remove()
    HandoverPair.remove()
    unlink(folder.lockPath)
  }

  /// Unhooks and frees a director that lost its name already, by this command or by one that was killed.
  static func finishTakingDown(_ folder: PinFolder) {
    let links = folder.retiredPath + "/links/"
    for name in PinFolder.entries(of: links) {
      if let link = try? PinnedLink(path: links + name) { link.detach() }
    }
    PinFolder.remove(folder.retiredPath)
  }
}
