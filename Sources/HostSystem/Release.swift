/// The release this is, the only place where its number stands.
package enum Release {
  package static let version = "0.1.0"
}
