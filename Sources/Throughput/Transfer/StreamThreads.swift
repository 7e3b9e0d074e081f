import CSystem
import Glibc
import HostSystem
import Synchronization

extension DataStream {
  /// Sends or receives until the test stops; runs on a thread of its own.
  func run(_ control: TransferControl) {
    // Blocking calls return after this long, so that who stops the test need not interrupt them, and so that what has
    // gone of a block over a slow path is counted in time.
    _ = svs_set_socket_timeouts(descriptor.number, 100)
    switch (control.parameters.transport, role) {
    case (.tcp, .sender): sendBytes(control)
    case (.tcp, .receiver): receiveBytes(control)
    case (.udp, .sender): sendDatagrams(control)
    case (.udp, .receiver): receiveDatagrams(control)
    }
    var user: UInt64 = 0
    var system: UInt64 = 0
    svs_thread_usage(&user, &system)
    userTime.store(user, ordering: .relaxed)
    systemTime.store(system, ordering: .relaxed)
    if role == .sender { control.senderIsDone() }
  }

  private func fail(_ code: CInt, _ control: TransferControl) {
    guard !control.isStopping else { return }
    failure.store(code, ordering: .releasing)
    control.bell.ring()
  }

  /// errno after a call that moved nothing: whether it may be tried again.
  private static func isPassing(_ code: CInt) -> Bool { code == EAGAIN || code == EINTR || code == ENOBUFS }

  private func withBlock(_ control: TransferControl, _ body: (UnsafeMutableRawBufferPointer) -> Void) {
    let size = max(control.parameters.blockSize, 16)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 4096)
    defer { block.deallocate() }
    // What compresses well would make a path look better than it is.
    var generator = SystemRandomNumberGenerator()
    for offset in stride(from: 0, to: size - 7, by: 8) {
      let value = control.parameters.repeatingPayload ? 0x3736_3534_3332_3130 : generator.next() as UInt64
      block.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
    }
    body(UnsafeMutableRawBufferPointer(rebasing: block[..<control.parameters.blockSize]))
  }

  private func sendBytes(_ control: TransferControl) {
    let number = descriptor.number
    var pacer = Pacer(bitsPerSecond: control.parameters.rate, burst: control.parameters.burst)
    var sent: UInt64 = 0
    withBlock(control) { block in
      let file = control.parameters.zeroCopy ? Self.file(of: block) : nil
      defer { if let file { close(file) } }
      while control.mayBegin() {
        var offset = 0
        while offset < block.count {
          let count =
            file.map { Int(svs_send_file(number, $0, UInt64(offset), UInt64(block.count - offset))) }
            ?? send(number, block.baseAddress.map { $0 + offset }, block.count - offset, CInt(MSG_NOSIGNAL))
          if count > 0 {
            offset += count
            add(count)
          } else {
            let code = file == nil ? errno : CInt(-count)
            guard Self.isPassing(code) else { return fail(count == 0 ? EPIPE : code, control) }
            if control.isStopping { return }
          }
        }
        sent &+= UInt64(block.count)
        pacer.wait(sent: sent, control)
      }
    }
  }

  /// The block as a file in memory, for sendfile(2).
  private static func file(of block: UnsafeMutableRawBufferPointer) -> CInt? {
    let number = svs_memory_file("block")
    guard number >= 0, write(number, block.baseAddress, block.count) == block.count else { return nil }
    return number
  }

  private func receiveBytes(_ control: TransferControl) {
    let number = descriptor.number
    withBlock(control) { block in
      while true {
        let count = recv(number, block.baseAddress, block.count, 0)
        if count > 0 {
          add(count)
          control.received(count)
        } else if count == 0 {
          // The other side has sent all: no error, unless the control connection says so.
          return
        } else {
          guard Self.isPassing(errno) else { return fail(errno, control) }
        }
        if control.receiversAreStopping { return drain(block) }
      }
    }
  }

  /// Takes what has already arrived; the sender has stopped, so that is not much.
  private func drain(_ block: UnsafeMutableRawBufferPointer) {
    let deadline = Deadline(in: .milliseconds(200))
    while !deadline.hasPassed {
      let count = recv(descriptor.number, block.baseAddress, block.count, CInt(MSG_DONTWAIT))
      guard count > 0 else { return }
      add(count)
    }
  }

  private func sendDatagrams(_ control: TransferControl) {
    let number = descriptor.number
    let isWide = control.parameters.wideCounters
    var pacer = Pacer(bitsPerSecond: control.parameters.rate, burst: control.parameters.burst)
    var sent: UInt64 = 0
    var packet: UInt64 = 0
    withBlock(control) { block in
      while control.mayBegin() {
        packet &+= 1
        let time = Clock.wall
        DatagramHead(seconds: time.seconds, microseconds: time.microseconds, number: packet)
          .write(to: block, isWide: isWide)
        while true {
          let count = send(number, block.baseAddress, block.count, CInt(MSG_NOSIGNAL))
          if count >= 0 { break }
          let code = errno
          guard Self.isPassing(code) else { return fail(code, control) }
          if control.isStopping { return }
        }
        add(block.count)
        packets.store(packet, ordering: .relaxed)
        sent &+= UInt64(block.count)
        pacer.wait(sent: sent, control)
      }
    }
  }

  private func receiveDatagrams(_ control: TransferControl) {
    let number = descriptor.number
    let isWide = control.parameters.wideCounters
    var account = DatagramAccount()
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 4096)
    defer { room.deallocate() }
    while !control.receiversAreStopping {
      let count = recv(number, room.baseAddress, room.count, 0)
      guard count >= 0 else {
        guard Self.isPassing(errno) else { return fail(errno, control) }
        continue
      }
      // A greeting that was sent again is no datagram of the test.
      guard let head = DatagramHead(UnsafeRawBufferPointer(rebasing: room[..<count]), isWide: isWide) else { continue }
      let time = Clock.wall
      account.take(head, arrivedSeconds: time.seconds, microseconds: time.microseconds)
      add(count)
      control.received(count)
      packets.store(account.packets, ordering: .relaxed)
      lost.store(account.lost, ordering: .relaxed)
      outOfOrder.store(account.outOfOrder, ordering: .relaxed)
      jitter.store(account.jitter.bitPattern, ordering: .relaxed)
    }
  }
}
