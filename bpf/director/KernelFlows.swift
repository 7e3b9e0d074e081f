import DataplaneTypes
import Kernel

/// The flows: a table for each IP version, since the shorter key is found in half the time.
struct KernelFlows: HashTable {
  private var four: KernelHash<svs_flow4_key, svs_flow_ref> { KernelHash(map: &svs_flows4) }
  private var six: KernelHash<svs_flow_key, svs_flow_ref> { KernelHash(map: &svs_flows6) }

  @inline(__always) func find(_ key: svs_flow_key) -> UnsafeMutablePointer<svs_flow_ref>? {
    key.family == Family.ipv4 ? four.find(svs_flow4_key(key)) : six.find(key)
  }

  @inline(__always) func find(at key: UnsafePointer<svs_flow_key>) -> UnsafeMutablePointer<svs_flow_ref>? {
    key.pointee.family == Family.ipv4 ? four.find(svs_flow4_key(key.pointee)) : six.find(at: key)
  }

  @inline(__always) func insert(_ key: svs_flow_key, _ value: svs_flow_ref) -> InsertOutcome {
    key.family == Family.ipv4 ? four.insert(svs_flow4_key(key), value) : six.insert(key, value)
  }

  @inline(__always) func insert(at key: UnsafePointer<svs_flow_key>, _ value: svs_flow_ref) -> InsertOutcome {
    key.pointee.family == Family.ipv4 ? four.insert(svs_flow4_key(key.pointee), value) : six.insert(at: key, value)
  }

  @inline(__always) func replace(_ key: svs_flow_key, _ value: svs_flow_ref) -> InsertOutcome {
    key.family == Family.ipv4 ? four.replace(svs_flow4_key(key), value) : six.replace(key, value)
  }

  @inline(__always) func remove(_ key: svs_flow_key) {
    if key.family == Family.ipv4 { four.remove(svs_flow4_key(key)) } else { six.remove(key) }
  }
}

extension svs_flow4_key {
  @inline(__always) init(_ key: svs_flow_key) {
    self.init(src: key.src.w0, dst: key.dst.w0, ports: key.ports, kind: key.kind)
  }
}
