import CNGHTTP2
import Glibc

/// One HTTP/2 connection (RFC 9113), of which framing and header compression are nghttp2's.
///
/// One request is under way at a time, so there is one stream at a time.
package final class HTTP2Session {
  private var session: OpaquePointer?
  private var stream: Int32 = 0
  private var body: [UInt8] = []
  private var sent = 0
  package private(set) var status = 0
  package private(set) var contentLength: UInt64 = 0
  /// Set when the stream has ended: nil is success, a number is HTTP/2's error code.
  package private(set) var ending: UInt32?
  /// Something of the response has come.
  package private(set) var hasBegun = false
  /// The server takes no more streams on this connection.
  package private(set) var isGoingAway = false

  package init?() {
    var callbacks: OpaquePointer?
    guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
    defer { nghttp2_session_callbacks_del(callbacks) }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, frame, name, nameLength, value, length, _, owner in
      HTTP2Session.of(owner)?.header(frame, name, nameLength, value, length)
      return 0
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, stream, _, length, owner in
      HTTP2Session.of(owner)?.content(stream, length)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, stream, code, owner in
      HTTP2Session.of(owner)?.closed(stream, code)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, owner in
      if let frame, UInt32(frame.pointee.hd.type) == NGHTTP2_GOAWAY.rawValue {
        HTTP2Session.of(owner)?.isGoingAway = true
      }
      return 0
    }
    guard nghttp2_session_client_new(&session, callbacks, Unmanaged.passUnretained(self).toOpaque()) == 0 else {
      return nil
    }
    // Large windows: a response is not to wait for its reader.
    var settings = [
      nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
      nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: 1 << 24),
    ]
    nghttp2_submit_settings(session, 0, &settings, settings.count)
    nghttp2_session_set_local_window_size(session, 0, 0, 1 << 24)
  }

  deinit { nghttp2_session_del(session) }

  /// The version of nghttp2 that is running.
  package static var version: String {
    nghttp2_version(0).map { String(cString: $0.pointee.version_str) } ?? ""
  }

  private static func of(_ owner: UnsafeMutableRawPointer?) -> HTTP2Session? {
    owner.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Begins a request; false where the connection takes no more.
  package func submit(_ fields: [(name: [UInt8], value: [UInt8])], body: [UInt8]?) -> Bool {
    status = 0
    contentLength = 0
    ending = nil
    hasBegun = false
    self.body = body ?? []
    sent = 0
    var arena: [UInt8] = []
    for field in fields { arena += field.name + field.value }
    stream = arena.withUnsafeMutableBufferPointer { arena in
      guard let base = arena.baseAddress else { return -1 }
      var at = base
      let values = fields.map { field in
        defer { at += field.name.count + field.value.count }
        return nghttp2_nv(
          name: at, value: at + field.name.count, namelen: field.name.count, valuelen: field.value.count, flags: 0)
      }
      guard body != nil else { return nghttp2_submit_request(session, nil, values, values.count, nil, nil) }
      var provider = nghttp2_data_provider()
      provider.read_callback = { _, _, room, length, flags, _, owner in
        HTTP2Session.of(owner)?.copyBody(to: room, length, flags) ?? 0
      }
      return nghttp2_submit_request(session, nil, values, values.count, &provider, nil)
    }
    return stream > 0
  }

  private func copyBody(
    to room: UnsafeMutablePointer<UInt8>?, _ length: Int, _ flags: UnsafeMutablePointer<UInt32>?
  ) -> Int {
    let count = min(length, body.count - sent)
    if let room, count > 0 {
      body.withUnsafeBufferPointer { if let base = $0.baseAddress { room.update(from: base + sent, count: count) } }
    }
    sent += count
    if sent == body.count { flags?.pointee |= UInt32(NGHTTP2_DATA_FLAG_EOF.rawValue) }
    return count
  }

  /// Gives what came from the server; what is wrong with it, where it is no HTTP/2.
  package func receive(_ bytes: UnsafeRawBufferPointer) -> String? {
    let taken = nghttp2_session_mem_recv(session, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
    guard taken < 0 else { return nil }
    return String(cString: nghttp2_strerror(CInt(taken)))
  }

  /// Nothing more will be read or written: the peer broke the protocol, or said goodbye.
  package var isOver: Bool {
    nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
  }

  /// Appends what is to be sent.
  package func drain(to output: inout [UInt8]) {
    while true {
      var data: UnsafePointer<UInt8>?
      let count = nghttp2_session_mem_send(session, &data)
      guard count > 0 else { return }
      output.append(contentsOf: UnsafeBufferPointer(start: data, count: count))
    }
  }

  private func header(
    _ frame: UnsafePointer<nghttp2_frame>?, _ name: UnsafePointer<UInt8>?, _ nameLength: Int,
    _ value: UnsafePointer<UInt8>?, _ length: Int
  ) {
    guard let frame, frame.pointee.hd.stream_id == stream else { return }
    hasBegun = true
    guard nameLength == 7, length == 3 else { return }
    guard UnsafeBufferPointer(start: name, count: 7).elementsEqual(":status".utf8) else { return }
    let number = UnsafeBufferPointer(start: value, count: 3).reduce(0) { $0 * 10 + Int($1) - 0x30 }
    status = number
  }

  private func content(_ stream: Int32, _ length: Int) {
    if stream == self.stream { contentLength &+= UInt64(length) }
  }

  private func closed(_ stream: Int32, _ code: UInt32) {
    if stream == self.stream { ending = code }
  }
}
