/// This product, as its programs and their results name it.
package enum Product {
  package static let name = "svs"
  /// Semantic Versioning's number of the release.
  package static let version = "0.1.0"
}
