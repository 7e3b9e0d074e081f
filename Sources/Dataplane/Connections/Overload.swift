import DataplaneTypes

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Whether a scheduler may give the server new connections: it has a weight, and its thresholds let it.
  @inlinable var takesConnections: Bool {
    @inline(__always) get { pointee.weight > 0 && pointee.overloaded == 0 }
  }

  /// Looks whether one connection more has brought the server to its upper threshold.
  @inlinable @inline(__always)
  func noteConnection() {
    if pointee.upper != 0, pointee.active &+ pointee.inactive >= pointee.upper { pointee.overloaded = 1 }
  }

  /// Looks whether one connection less lets the server take more: below the lower threshold, or, where none was given,
  /// below three quarters of the upper one.
  @inlinable @inline(__always)
  func noteEnd() {
    if pointee.overloaded == 0 { return }
    let count = UInt64(pointee.active &+ pointee.inactive)
    let recovered =
      pointee.lower != 0
      ? count < UInt64(pointee.lower) : pointee.upper == 0 || count &* 4 < UInt64(pointee.upper) &* 3
    if recovered { pointee.overloaded = 0 }
  }
}
