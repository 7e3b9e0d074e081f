import ClusterModel
import IngressModel
import Netlink

/// The keys and values below flannel's prefix, as etcd gave them.
struct EtcdContent {
  struct Value: Hashable {
    var text: String
    /// The store's revision when it was written.
    var revision: Int64
    /// The lease that ends it; 0: none.
    var lease: Int64

    init(_ pair: JSONValue) {
      // An empty value, like a zero, is left out. What is no text still takes its subnet.
      text = EtcdMessage.text(of: pair["value"]?.text ?? "") ?? ""
      revision = pair["mod_revision"]?.integer ?? 0
      lease = pair["lease"]?.integer ?? 0
    }
  }

  let prefix: String
  let place: String
  var values: [String: Value] = [:]
  var revision: Int64

  /// - Parameter answer: of a range request.
  init(prefix: String, place: String, answer: JSONValue) throws(LeaseStoreError) {
    guard let revision = answer["header"]?["revision"]?.integer else {
      throw .malformed(place: place, reason: "an answer without a revision")
    }
    self.prefix = prefix
    self.place = place
    self.revision = revision
    for pair in answer["kvs"]?.elements ?? [] { put(pair) }
  }

  private mutating func put(_ pair: JSONValue) {
    guard let key = pair["key"]?.text.flatMap(EtcdMessage.text(of:)) else { return }
    values[key] = Value(pair)
  }

  /// - Parameter event: of a watch.
  mutating func apply(_ event: JSONValue) {
    guard let pair = event["kv"] else { return }
    if event["type"]?.text == "DELETE" {
      if let key = pair["key"]?.text.flatMap(EtcdMessage.text(of:)) { values[key] = nil }
    } else {
      put(pair)
    }
  }

  static func configurationKey(_ prefix: String) -> String { prefix + "/config" }
  static func subnetsKey(_ prefix: String) -> String { prefix + "/subnets/" }

  var state: LeaseStoreState {
    var faults: [LeaseStoreError] = []
    var configuration: FlannelConfiguration?
    if let value = values[Self.configurationKey(prefix)] {
      do throws(FlannelConfigurationError) { configuration = try FlannelConfiguration(json: value.text) } catch {
        faults.append(.badConfiguration(place: place, error))
      }
    }
    var leases: [SubnetLease] = []
    var taken: [IPPrefix] = []
    let subnets = Self.subnetsKey(prefix)
    for (key, value) in values.sorted(by: { $0.key < $1.key }) where key.hasPrefix(subnets) {
      if let named = SubnetLease.subnets(key: key) { taken += [named.subnet] + (named.ipv6Subnet.map { [$0] } ?? []) }
      do throws(SubnetLeaseFault) { leases.append(try SubnetLease(key: key, value: value.text)) } catch {
        faults.append(.badLease(error))
      }
    }
    return LeaseStoreState(
      configuration: configuration, leases: leases, revision: revision, faults: faults, taken: taken)
  }
}

/// Messages of etcd's API (etcdserver/etcdserverpb/rpc.proto), whose integers of 64 bits stand in quotes.
enum EtcdMessage {
  static func object(_ members: (String, JSONValue)...) -> JSONValue { .object(members.map { .init($0, $1) }) }
  static func bytes(_ text: String) -> JSONValue { .string(Base64.text(Array(text.utf8))) }
  /// What ``bytes(_:)`` made; nil for what is no Base64, or no text in UTF-8.
  static func text(of code: String) -> String? {
    Base64.decode(code).flatMap { String(validating: $0, as: UTF8.self) }
  }
  static func integer(_ number: Int64) -> JSONValue { .string("\(number)") }

  /// The first key behind all that begin with this one, which ends with a slash: `0` comes after it.
  static func end(of folder: String) -> JSONValue { bytes(folder.dropLast() + "0") }

  static func range(_ folder: String) -> JSONValue { object(("key", bytes(folder)), ("range_end", end(of: folder))) }

  static func watch(_ folder: String, from revision: Int64) -> JSONValue {
    object(
      (
        "create_request",
        object(
          ("key", bytes(folder)), ("range_end", end(of: folder)), ("start_revision", integer(revision)))
      ))
  }

  static func put(_ key: String, _ value: String, lease: Int64 = 0) -> JSONValue {
    object(("key", bytes(key)), ("value", bytes(value)), ("lease", integer(lease)))
  }

  /// Nobody may have this key.
  static func isMissing(_ key: String) -> JSONValue {
    object(("key", bytes(key)), ("target", .string("VERSION")), ("result", .string("EQUAL")), ("version", integer(0)))
  }

  /// The key is what it was.
  static func isUnchanged(_ key: String, since revision: Int64) -> JSONValue {
    object(
      ("key", bytes(key)), ("target", .string("MOD")), ("result", .string("EQUAL")),
      ("mod_revision", integer(revision)))
  }

  /// Nothing was written below a folder after a revision.
  static func isUnchanged(folder: String, since revision: Int64) -> JSONValue {
    object(
      ("key", bytes(folder)), ("range_end", end(of: folder)), ("target", .string("MOD")), ("result", .string("LESS")),
      ("mod_revision", integer(revision + 1)))
  }

  static func transaction(if conditions: [JSONValue], puts: [JSONValue], deletes: [String]) -> JSONValue {
    let operations =
      deletes.map { object(("request_delete_range", object(("key", bytes($0))))) }
      + puts.map { object(("request_put", $0)) }
    return object(("compare", .array(conditions)), ("success", .array(operations)))
  }
}
