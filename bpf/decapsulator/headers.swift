import Kernel

/// Numbers of linux/bpf.h's enum xdp_action.
enum Verdict {
  static var aborted: Int32 { 0 }
  static var drop: Int32 { 1 }
  static var pass: Int32 { 2 }
}

/// EtherTypes as they stand in memory, in network order.
enum EtherType {
  static var ipv4: UInt16 { UInt16(0x0800).bigEndian }
  static var ipv6: UInt16 { UInt16(0x86DD).bigEndian }
  static var vlan: UInt16 { UInt16(0x8100).bigEndian }
  static var serviceVLAN: UInt16 { UInt16(0x88A8).bigEndian }
}

/// A frame as two pointers; every access is checked against its end.
struct Frame {
  let start: UnsafeMutableRawPointer
  let end: UnsafeMutableRawPointer

  @inline(__always) init(_ context: UnsafeMutablePointer<xdp_md>) {
    start = UnsafeMutableRawPointer(bitPattern: UInt(context.pointee.data)).unsafelyUnwrapped
    end = UnsafeMutableRawPointer(bitPattern: UInt(context.pointee.data_end)).unsafelyUnwrapped
  }

  @inline(__always) func at<T>(_ offset: Int, _: T.Type) -> UnsafeMutablePointer<T>? {
    let place = start + offset
    return place + MemoryLayout<T>.size > end ? nil : place.assumingMemoryBound(to: T.self)
  }

  /// As `at`, for an offset found at run time, at most 127.
  @inline(__always) func at<T>(dynamic offset: Int, _: T.Type) -> UnsafeMutablePointer<T>? {
    let place = svs_decap_opaque(start + (offset & 127))
    return place + MemoryLayout<T>.size > end ? nil : place.assumingMemoryBound(to: T.self)
  }
}

struct Ethernet {
  /// Both addresses, which are only moved.
  var addresses: (UInt32, UInt32, UInt32)
  var type: UInt16
}

struct Tag {
  var control: UInt16
  var type: UInt16
}

/// RFC 791; in network order.
struct IPv4 {
  var versionAndLength: UInt8
  var serviceType: UInt8
  var totalLength: UInt16
  var identification: UInt16
  var fragment: UInt16
  var timeToLive: UInt8
  var protocolNumber: UInt8
  var checksum: UInt16
  var source: UInt32
  var destination: UInt32

  /// Marks congestion and keeps the checksum right (RFC 1624): the word grows by at most 2, in its second byte.
  @inline(__always) mutating func setCongested() {
    let added = UInt32(3 &- (serviceType & 3))
    serviceType |= 3
    var sum = UInt32(~UInt16(bigEndian: checksum)) &+ added
    sum = (sum & 0xFFFF) &+ (sum >> 16)
    checksum = (~UInt16(truncatingIfNeeded: sum)).bigEndian
  }
}

/// RFC 8200; in network order.
struct IPv6 {
  /// Version, traffic class and flow label: the class straddles the first two bytes.
  var first: (UInt8, UInt8, UInt8, UInt8)
  var payloadLength: UInt16
  var nextHeader: UInt8
  var hopLimit: UInt8
  var source: svs_decap_address
  var destination: svs_decap_address

  @inline(__always) var version: UInt8 { first.0 >> 4 }
  /// The two bits of RFC 3168, in the upper half of the second byte.
  @inline(__always) var congestionBits: UInt8 { (first.1 >> 4) & 3 }
  @inline(__always) var isCongested: Bool { congestionBits == 3 }
  @inline(__always) mutating func setCongested() { first.1 |= 0x30 }
}
