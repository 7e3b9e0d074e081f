import Glibc
import NIOCore

/// Lets the kernel ask whether the other end is still there (RFC 1122, section 4.2.3.6).
///
/// For tunnels, which may be silent for as long as they like: everything else has its limits of time.
enum KeepAlive {
  static func turnOn(_ channel: any Channel) {
    let options: [(level: Int32, name: Int32, value: Int)] = [
      (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60), (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 20),
      (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3),
    ]
    for option in options {
      let key = ChannelOptions.Types.SocketOption(
        level: .init(rawValue: option.level), name: .init(rawValue: option.name))
      // Not to have it is no reason to end the tunnel.
      channel.setOption(key, value: option.value).whenFailure { _ in }
    }
  }
}
