@testable import IngressModel

/// What came of reading a head.
enum Read: Equatable {
  case incomplete
  case complete
  case refused(HeadFault)
}

extension String {
  func request(_ limits: HeadLimits = HeadLimits()) -> (Read, MessageHead) {
    var reader = HeadReader(limits: limits)
    var head = MessageHead()
    let outcome = Array(utf8).withUnsafeBufferPointer { reader.request($0, into: &head) }
    return (outcome.read, head)
  }

  func response(toHEAD isHead: Bool = false) -> (Read, MessageHead) {
    var reader = HeadReader()
    var head = MessageHead()
    let outcome = Array(utf8).withUnsafeBufferPointer { reader.response($0, toHEAD: isHead, into: &head) }
    return (outcome.read, head)
  }

  func part(_ range: Range<Int>) -> String { String(decoding: Array(utf8)[range], as: UTF8.self) }
}

extension HeadReader.Outcome {
  var read: Read {
    switch self {
    case .incomplete: .incomplete
    case .complete: .complete
    case .refused(let fault): .refused(fault)
    }
  }
}
