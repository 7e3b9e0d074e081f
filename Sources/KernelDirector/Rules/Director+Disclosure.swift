import DataplaneTypes

/// How servers of FULLNAT learn of their clients.
extension Director {
  /// Sets it for a service; connections that stand go on as they began.
  public func setDisclosure(_ disclosure: Disclosure, of service: ServiceIdentity) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (_, record) = try find(service, tables) else { throw .noSuchService }
      if !disclosure.suits(service) { throw .disclosureNeedsTCP }
      record.pointee.disclosure = disclosure.bits
    }
  }

  /// The services whose servers are told, or whose clients' own options are kept.
  public func disclosures() throws(DirectorError) -> [DisclosureSnapshot] {
    try locked { () throws(DirectorError) -> [DisclosureSnapshot] in
      guard let tables else { return [] }
      var snapshots: [DisclosureSnapshot] = []
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        guard record.pointee.status == SVS_LIVE, record.pointee.disclosure != 0,
          let service = record.pointee.key.identity
        else { continue }
        var others = 0
        var next = record.pointee.first
        while next != 0 {
          let server = try tables.servers.record(next - 1)
          if server.pointee.method != ForwardingMethod.fullNAT.rawValue { others += 1 }
          next = server.pointee.next
        }
        snapshots.append(
          DisclosureSnapshot(
            service: service, disclosure: Disclosure(bits: record.pointee.disclosure),
            otherServers: others))
      }
      return snapshots
    }
  }
}
