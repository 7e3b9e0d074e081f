import IngressModel
import NIOCore

/// The connection or stream by which a request came and its answer goes.
protocol ClientSide: AnyObject {
  /// As logs have it: "HTTP/1.1".
  var version: String { get }

  /// Whether more can be written without piling up.
  var isWritable: Bool { get }

  /// A response's head from a server, below 200 as well.
  func answer(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, setCookies: [String])
  /// Data of its body.
  func answer(data: ByteBuffer)
  /// The end of the answer.
  ///
  /// - Parameter isClean: whether the request was read to its end, so that another one may follow.
  func answerEnded(isClean: Bool)
  /// Writes out what has been answered so far.
  func flushAnswer()
  /// An answer of the proxy's own.
  func refuse(_ status: Int, closes: Bool)
  /// Gives up, where the answer has begun and cannot be brought to its end.
  func abandon()
  /// The server is there, and takes what the client sends.
  func serverIsReady()
  /// Whether the client is read from.
  func setReading(_ isReading: Bool)
  /// From here on bytes go to the server and back as they are.
  func becomeTunnel()
}
