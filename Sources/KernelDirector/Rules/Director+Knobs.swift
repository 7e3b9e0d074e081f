import DataplaneTypes

extension Director {
  /// The knobs as they are set in this namespace.
  public func knobs() throws(DirectorError) -> Knobs {
    try locked { () throws(DirectorError) in
      guard let tables else { return Knobs() }
      return tables.config.knobs
    }
  }

  /// Sets all knobs, and makes the director if there is none, so that they hold for later services.
  public func setKnobs(_ knobs: Knobs) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if tables == nil, knobs == Knobs() { return }
      try establish().config.write(knobs)
    }
  }
}

extension UnsafeMutablePointer where Pointee == svs_config {
  func write(_ knobs: Knobs) {
    pointee.conn_reuse_mode = knobs.connectionReuse
    pointee.expire_nodest_conn = knobs.expiresWithoutServer
    pointee.expire_quiescent_template = knobs.expiresQuiescentTemplates
    pointee.sloppy_tcp = knobs.sloppyTCP
    pointee.sloppy_sctp = UInt32(knobs.sloppySCTP)
    pointee.lblc_expiration = Ticks.of(seconds: knobs.lblcExpiration)
    pointee.lblcr_expiration = Ticks.of(seconds: knobs.lblcrExpiration)
    pointee.offers_twos = knobs.offersTwos
    pointee.udp_drain_limit = Ticks.of(seconds: knobs.udpDrainLimit)
  }

  var knobs: Knobs {
    var knobs = Knobs()
    knobs.connectionReuse = pointee.conn_reuse_mode
    knobs.expiresWithoutServer = pointee.expire_nodest_conn
    knobs.expiresQuiescentTemplates = pointee.expire_quiescent_template
    knobs.sloppyTCP = pointee.sloppy_tcp
    // Ticks were rounded down when they were set.
    func seconds(_ ticks: UInt32) -> UInt32 { ticks == 0 ? 0 : Ticks.seconds(ticks + 1) }
    knobs.sloppySCTP = UInt8(truncatingIfNeeded: pointee.sloppy_sctp)
    knobs.lblcExpiration = seconds(pointee.lblc_expiration)
    knobs.lblcrExpiration = seconds(pointee.lblcr_expiration)
    knobs.offersTwos = pointee.offers_twos
    knobs.udpDrainLimit = seconds(pointee.udp_drain_limit)
    return knobs
  }
}
