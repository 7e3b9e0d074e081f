import IngressModel
import NIOCore

/// Follows a message's body and takes its data out of what was read.
struct BodyDecoder {
  enum Outcome {
    case data(ByteBuffer)
    /// What there was is used up.
    case waiting
    case end
    case refused
  }

  private enum Kind {
    case none
    case length(UInt64)
    case chunked(ChunkReader)
    case untilClose
  }

  private var kind: Kind

  init(_ framing: BodyFraming) {
    switch framing {
    case .none: kind = .none
    case .length(let length): kind = .length(length)
    case .chunked: kind = .chunked(ChunkReader())
    case .untilClose: kind = .untilClose
    }
  }

  /// Whether the end of the connection is the end of the body.
  var endsWithConnection: Bool { if case .untilClose = kind { true } else { false } }

  mutating func next(_ input: inout ByteBuffer) -> Outcome {
    switch kind {
    case .none: return .end
    case .length(0): return .end
    case .length(let left):
      let count = Int(min(left, UInt64(input.readableBytes)))
      guard count > 0, let data = input.readSlice(length: count) else { return .waiting }
      kind = .length(left - UInt64(count))
      return .data(data)
    case .untilClose:
      guard input.readableBytes > 0, let data = input.readSlice(length: input.readableBytes) else { return .waiting }
      return .data(data)
    case .chunked(var reader):
      let piece = input.withUnsafeReadableBytes { raw in
        raw.withMemoryRebound(to: UInt8.self) { reader.next($0, from: 0) }
      }
      kind = .chunked(reader)
      switch piece {
      case .data(let range):
        input.moveReaderIndex(forwardBy: range.lowerBound)
        guard let data = input.readSlice(length: range.count) else { return .refused }
        return .data(data)
      case .incomplete(let count):
        input.moveReaderIndex(forwardBy: count)
        return .waiting
      case .end(let count):
        input.moveReaderIndex(forwardBy: count)
        kind = .none
        return .end
      case .refused: return .refused
      }
    }
  }
}
