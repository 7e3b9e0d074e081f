import Kernel

// A tunnel's far end for kernels without one: IP of either version inside either (RFC 2003, RFC 2473, RFC 4213), by GRE
// (RFC 2784), and by GUE (variant 0 without options) at its own UDP port. Checksums of the tunnel are not looked at:
// what is inside has its own.
//
// What arrives for a RIP and holds a packet for a VIP loses its outer header and goes up the stack as if it had come
// bare. Everything else passes as it is, to whatever tunnels the host has otherwise.

@c(svs_swift_decapsulator)
public func decapsulate(_ context: UnsafeMutablePointer<xdp_md>) -> Int32 {
  let frame = Frame(context)
  guard let ethernet = frame.at(0, Ethernet.self) else { return Verdict.pass }
  let type = ethernet.pointee.type
  if type == EtherType.vlan || type == EtherType.serviceVLAN {
    guard let tag = frame.at(14, Tag.self) else { return Verdict.pass }
    return Decapsulator(context: context, frame: frame, networkOffset: 18).unpack(tag.pointee.type)
  }
  return Decapsulator(context: context, frame: frame, networkOffset: 14).unpack(type)
}

struct Decapsulator {
  let context: UnsafeMutablePointer<xdp_md>
  let frame: Frame
  /// 14, or 18 with a VLAN tag: known to the compiler wherever this is inlined.
  let networkOffset: Int

  @inline(__always) func unpack(_ type: UInt16) -> Int32 {
    switch type {
    case EtherType.ipv4: unpackIPv4()
    case EtherType.ipv6: unpackIPv6()
    default: Verdict.pass
    }
  }

  @inline(__always) private func unpackIPv4() -> Int32 {
    guard let outer = frame.at(networkOffset, IPv4.self) else { return Verdict.pass }
    // Options are rare and harmless: the length only has to be right.
    let length = Int(outer.pointee.versionAndLength & 0x0F) &* 4
    guard isTunnel(outer.pointee.protocolNumber, at: networkOffset &+ length) else { return Verdict.pass }
    guard length >= 20 else { return count(SVS_DECAP_MALFORMED) }
    guard role(of: mapped(outer.pointee.destination)) & UInt32(SVS_DECAP_TUNNEL_END) != 0 else {
      return count(SVS_DECAP_OTHER_TUNNEL)
    }
    // More fragments, or an offset: only the stack can put them together.
    guard outer.pointee.fragment & UInt16(0x3FFF).bigEndian == 0 else { return count(SVS_DECAP_FRAGMENT) }
    return unpack(
      outer.pointee.protocolNumber, outerLength: length, isCongested: outer.pointee.serviceType & 3 == 3)
  }

  @inline(__always) private func unpackIPv6() -> Int32 {
    guard let outer = frame.at(networkOffset, IPv6.self) else { return Verdict.pass }
    guard isTunnel(outer.pointee.nextHeader, at: networkOffset &+ 40) else { return Verdict.pass }
    guard role(of: outer.pointee.destination) & UInt32(SVS_DECAP_TUNNEL_END) != 0 else {
      return count(SVS_DECAP_OTHER_TUNNEL)
    }
    return unpack(outer.pointee.nextHeader, outerLength: 40, isCongested: outer.pointee.isCongested)
  }

  /// 4 is IPv4 inside, 41 IPv6, 47 GRE, 17 UDP (IANA's protocol numbers), of which only GUE's port counts.
  @inline(__always) private func isTunnel(_ number: UInt8, at offset: Int) -> Bool {
    if number == 17 {
      guard let ports = frame.at(dynamic: offset, Tag.self) else { return false }
      return ports.pointee.type == UInt16(6080).bigEndian
    }
    return number == 4 || number == 41 || number == 47
  }

  /// Looks behind the header of GUE or GRE, if there is one.
  @inline(__always) private func unpack(_ number: UInt8, outerLength: Int, isCongested: Bool) -> Int32 {
    let offset = networkOffset &+ outerLength
    if number == 17 {
      guard let header = frame.at(dynamic: offset &+ 8, Tag.self) else { return count(SVS_DECAP_MALFORMED) }
      let first = UInt16(bigEndian: header.pointee.control)
      // Variant, control message, options' length: all zero. Then the protocol inside, and no flags.
      guard first == 4 || first == 41, header.pointee.type == 0 else { return count(SVS_DECAP_OTHER_TUNNEL) }
      return unpackInner(
        UInt8(truncatingIfNeeded: first), outerLength: outerLength &+ 12, isCongested: isCongested)
    }
    if number == 47 {
      guard let header = frame.at(dynamic: offset, Tag.self) else { return count(SVS_DECAP_MALFORMED) }
      let flags = UInt16(bigEndian: header.pointee.control)
      let isIPv4 = header.pointee.type == EtherType.ipv4
      guard flags & 0x7FFF == 0, isIPv4 || header.pointee.type == EtherType.ipv6 else {
        return count(SVS_DECAP_OTHER_TUNNEL)
      }
      return unpackInner(
        isIPv4 ? 4 : 41, outerLength: outerLength &+ (flags == 0 ? 4 : 8), isCongested: isCongested)
    }
    return unpackInner(number, outerLength: outerLength, isCongested: isCongested)
  }

  @inline(__always) private func unpackInner(_ number: UInt8, outerLength: Int, isCongested: Bool) -> Int32 {
    let offset = networkOffset &+ outerLength
    if number == 4 {
      guard let inner = frame.at(dynamic: offset, IPv4.self), inner.pointee.versionAndLength & 0xF0 == 0x40 else {
        return count(SVS_DECAP_MALFORMED)
      }
      guard role(of: mapped(inner.pointee.destination)) & UInt32(SVS_DECAP_VIP) != 0 else {
        return count(SVS_DECAP_OTHER_DESTINATION)
      }
      if isCongested {
        guard inner.pointee.serviceType & 3 != 0 else { return drop(SVS_DECAP_CONGESTED) }
        inner.pointee.setCongested()
      }
    } else {
      guard let inner = frame.at(dynamic: offset, IPv6.self), inner.pointee.version == 6 else {
        return count(SVS_DECAP_MALFORMED)
      }
      guard role(of: inner.pointee.destination) & UInt32(SVS_DECAP_VIP) != 0 else {
        return count(SVS_DECAP_OTHER_DESTINATION)
      }
      if isCongested {
        guard inner.pointee.congestionBits != 0 else { return drop(SVS_DECAP_CONGESTED) }
        inner.pointee.setCongested()
      }
    }
    return removeOuter(outerLength, innerType: number == 4 ? EtherType.ipv4 : EtherType.ipv6)
  }

  /// Moves the link header up to the inner packet, with the inner packet's type in it.
  @inline(__always) private func removeOuter(_ length: Int, innerType: UInt16) -> Int32 {
    guard let old = frame.at(0, Ethernet.self) else { return Verdict.pass }
    var header = old.pointee
    var tag = Tag(control: 0, type: 0)
    if networkOffset == 18, let oldTag = frame.at(14, Tag.self) {
      tag = Tag(control: oldTag.pointee.control, type: innerType)
    } else {
      header.type = innerType
    }
    guard bpf_xdp_adjust_head(context, Int32(truncatingIfNeeded: length)) == 0 else {
      return count(SVS_DECAP_MALFORMED)
    }
    let moved = Frame(context)
    // The frame cannot be used after this fails, and it cannot fail: the inner header was there.
    guard let new = moved.at(0, Ethernet.self) else { return Verdict.aborted }
    new.pointee = header
    if networkOffset == 18 {
      guard let newTag = moved.at(14, Tag.self) else { return Verdict.aborted }
      newTag.pointee = tag
    }
    return count(SVS_DECAP_UNPACKED)
  }

  @inline(__always) private func role(of address: svs_decap_address) -> UInt32 {
    withUnsafePointer(to: address) { key in
      guard let value = bpf_map_lookup_elem(&svs_decap_addresses, key) else { return 0 }
      return value.assumingMemoryBound(to: UInt32.self).pointee
    }
  }

  @inline(__always) private func mapped(_ address: UInt32) -> svs_decap_address {
    svs_decap_address(words: (0, 0, UInt32(0xFFFF).bigEndian, address))
  }

  @inline(__always) private func count(_ reason: Int) -> Int32 {
    tally(reason)
    return Verdict.pass
  }

  @inline(__always) private func drop(_ reason: Int) -> Int32 {
    tally(reason)
    return Verdict.drop
  }

  @inline(__always) private func tally(_ reason: Int) {
    withUnsafePointer(to: UInt32(truncatingIfNeeded: reason)) { key in
      guard let value = bpf_map_lookup_elem(&svs_decap_counts, key) else { return }
      // A CPU's own counter: nothing else writes it.
      value.assumingMemoryBound(to: UInt64.self).pointee &+= 1
    }
  }
}
