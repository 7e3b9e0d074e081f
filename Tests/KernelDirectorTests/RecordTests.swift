import DataplaneTypes
import Testing

@testable import KernelDirector

/// Records that get another owner.
struct RecordTests {
  /// A packet may have chosen the server that the record was, and count its connection only now.
  @Test func aServersRecordKeepsWhatPacketsCount() {
    let record = UnsafeMutablePointer<svs_server>.allocate(capacity: 1)
    defer { record.deallocate() }
    let size = MemoryLayout<svs_server>.size
    record.withMemoryRebound(to: UInt8.self, capacity: size) { $0.update(repeating: 0xa5, count: size) }
    (record.pointee.active, record.pointee.inactive, record.pointee.persistent) = (3, 5, 7)
    record.clear()
    #expect([record.pointee.active, record.pointee.inactive, record.pointee.persistent] == [3, 5, 7])
    (record.pointee.active, record.pointee.inactive, record.pointee.persistent) = (0, 0, 0)
    let bytes = record.withMemoryRebound(to: UInt8.self, capacity: size) { memory in
      (0..<size).filter { memory[$0] != 0 }
    }
    #expect(bytes == [])
  }
}
