import Glibc
import HostSystem
import Netlink

extension RealServerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .network(let error): "\(error)"
    case .system(let error): "\(error)"
    case .unusable(let vip): "\(vip) cannot be a virtual address"
    case .occupied(let interface):
      "\(interface) has an XDP program of another owner, and this kernel has no tunnel device; "
        + "load the kernel's ipip module, or detach the program"
    case .decapsulator(let code, let action): "cannot \(action): \(String(cString: strerror(code)))"
    case .noTunnelEnd: "no interface that is up has an address at which a tunnel could end"
    case .arptables(let message): message
    case .record(let path): "\(path) is not a record of svs real-server; look at it, then remove it"
    }
  }
}

/// Runs netlink requests where a ``RealServerError`` is to be thrown.
func network<R: ~Copyable>(_ body: () throws(NetlinkError) -> R) throws(RealServerError) -> R {
  do { return try body() } catch { throw .network(error) }
}

/// Runs system calls where a ``RealServerError`` is to be thrown.
func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(RealServerError) -> R {
  do { return try body() } catch { throw .system(error) }
}
