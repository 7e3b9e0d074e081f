import Kernel
import SocketDataplaneTypes

/// The translation's platform in the kernel: maps, helpers, and what the kernel keeps with a socket.
struct HookPlatform: SocketPlatform {
  let context: UnsafeMutablePointer<bpf_sock_addr>

  @inline(__always) var networkCookie: UInt64 { bpf_get_netns_cookie(context) }
  @inline(__always) var socketCookie: UInt64 { bpf_get_socket_cookie(context) }
  @inline(__always) func now() -> UInt64 { bpf_ktime_get_ns() }

  @inline(__always) func isPlace(_ cookie: UInt64) -> Bool {
    withUnsafePointer(to: cookie) { bpf_map_lookup_elem(&svs_sock_places, $0) != nil }
  }

  @inline(__always) func entry(_ address: UnsafePointer<svs_sock_address>) -> UnsafeMutablePointer<UInt64>? {
    bpf_map_lookup_elem(&svs_sock_addresses, address)?.assumingMemoryBound(to: UInt64.self)
  }

  @inline(__always) func service(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_service>? {
    withUnsafePointer(to: number) {
      bpf_map_lookup_elem(&svs_sock_services, $0)?.assumingMemoryBound(to: svs_sock_service.self)
    }
  }

  @inline(__always) func slot(_ number: UInt32) -> UnsafeMutablePointer<UInt64>? {
    withUnsafePointer(to: number) { bpf_map_lookup_elem(&svs_sock_slots, $0)?.assumingMemoryBound(to: UInt64.self) }
  }

  @inline(__always) func endpoint(_ number: UInt32) -> UnsafeMutablePointer<svs_sock_endpoint>? {
    withUnsafePointer(to: number) {
      bpf_map_lookup_elem(&svs_sock_endpoints, $0)?.assumingMemoryBound(to: svs_sock_endpoint.self)
    }
  }

  @inline(__always) func affinity(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>? {
    bpf_map_lookup_elem(&svs_sock_affinity, owner)?.assumingMemoryBound(to: svs_sock_memory.self)
  }

  @inline(__always) func setAffinity(
    _ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>, replace: Bool
  ) -> Bool {
    // BPF_ANY or BPF_NOEXIST. 6.1 does not sign-extend the helper's error, of which only "none" counts.
    Int32(truncatingIfNeeded: bpf_map_update_elem(&svs_sock_affinity, owner, memory, replace ? 0 : 1)) == 0
  }

  @inline(__always) func sender(_ owner: UnsafePointer<svs_sock_owner>) -> UnsafeMutablePointer<svs_sock_memory>? {
    bpf_map_lookup_elem(&svs_sock_senders, owner)?.assumingMemoryBound(to: svs_sock_memory.self)
  }

  @inline(__always) func setSender(
    _ owner: UnsafePointer<svs_sock_owner>, _ memory: UnsafePointer<svs_sock_memory>
  ) {
    _ = bpf_map_update_elem(&svs_sock_senders, owner, memory, 0)
  }

  @inline(__always) func source(_ source: UnsafePointer<svs_sock_source>) -> UnsafeMutablePointer<svs_sock_address>? {
    bpf_map_lookup_elem(&svs_sock_sources, source)?.assumingMemoryBound(to: svs_sock_address.self)
  }

  @inline(__always) func setSource(
    _ source: UnsafePointer<svs_sock_source>, _ address: UnsafePointer<svs_sock_address>
  ) {
    _ = bpf_map_update_elem(&svs_sock_sources, source, address, 0)
  }

  @inline(__always) var peer: UnsafeMutablePointer<svs_sock_peer>? { svs_hook_peer(context, 0) }
  // BPF_SK_STORAGE_GET_F_CREATE
  @inline(__always) func makePeer() -> UnsafeMutablePointer<svs_sock_peer>? { svs_hook_peer(context, 1) }
  @inline(__always) func forgetPeer() { svs_hook_forget_peer(context) }

  @inline(__always) func readOnce(_ word: UnsafePointer<UInt64>) -> UInt64 { svs_read_once(word) }
}
