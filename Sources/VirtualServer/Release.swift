/// The release this is, the only place where its number stands.
public enum Release {
  public static let version = "0.1.0"
}
