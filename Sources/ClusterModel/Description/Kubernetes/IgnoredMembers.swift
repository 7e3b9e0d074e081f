import IngressModel

/// Members of one object that are accepted and have no effect, until they are told together.
final class IgnoredMembers {
  struct Member {
    var key: String
    var what: String
    var place: SourcePlace
    var reason: String
  }

  private var members: [Member] = []

  func add(_ key: String, of what: String, at place: SourcePlace, reason: String) {
    members.append(Member(key: key, what: what, place: place, reason: reason))
  }

  /// In the order of their lines; after this there are none.
  func take() -> [Member] {
    defer { members = [] }
    return members.enumerated().sorted { one, other in
      (one.element.place.line, one.offset) < (other.element.place.line, other.offset)
    }.map(\.element)
  }
}

extension ClusterReader {
  /// Tells in one line what of an object has no effect: of a real Deployment that is much, and none of it is wrong.
  func noteIgnored(in object: String) {
    let members = ignored.take()
    guard let first = members.first else { return }
    guard members.count > 1 else {
      remarks.add(first.place, "'\(first.key)' in \(first.what) has no effect here: \(first.reason)")
      return
    }
    var keys: [String] = []
    var lines: [String: [Int]] = [:]
    for member in members {
      if lines[member.key] == nil { keys.append(member.key) }
      if lines[member.key]?.last != member.place.line { lines[member.key, default: []].append(member.place.line) }
    }
    let list = keys.map { key in
      let places = (lines[key] ?? []).map(String.init)
      return "'\(key)' (line\(places.count == 1 ? "" : "s") \(places.joined(separator: ", ")))"
    }
    remarks.add(first.place, "of \(object) these have no effect here: \(list.joined(separator: ", "))")
  }
}
