import IngressModel
import Testing

@testable import ClusterModel

/// A sample file of these tests.
func sample(_ name: String) throws -> String {
  let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
  return "/\(folder)/Samples/\(name)"
}

/// Reads texts that are called a.yaml, b.yaml and so on.
func describe(_ texts: String..., onto base: ClusterDescription? = nil) throws(ClusterDescriptionError)
  -> ClusterDescription
{
  let names = ["a.yaml", "b.yaml", "c.yaml"]
  return try ClusterDescription.read(
    texts: zip(names, texts).map { ConfigurationText(name: $0, text: $1) }, onto: base)
}

/// What a text is refused with, a line for each finding; empty where it is not.
func refusal(_ texts: String...) -> [String] {
  let names = ["a.yaml", "b.yaml", "c.yaml"]
  do throws(ClusterDescriptionError) {
    let description = try ClusterDescription.read(
      texts: zip(names, texts).map { ConfigurationText(name: $0, text: $1) })
    _ = try description.layout()
    return []
  } catch {
    return error.findings.map(\.description)
  }
}

/// A Deployment with one container.
func deployment(
  _ name: String = "web", namespace: String = "default", replicas: String = "1", labels: String = "{app: web}",
  spec: String = "", container: String = "image: sample-webapp"
) -> String {
  """
  ---
  apiVersion: apps/v1
  kind: Deployment
  metadata: {name: \(name), namespace: \(namespace)}
  spec:
    replicas: \(replicas)
    selector: {matchLabels: \(labels)}
    template:
      metadata: {labels: \(labels)}
      spec:
        containers:
        - name: main
          \(container)
        \(spec)

  """
}

/// A Service; its specification in flow style.
func service(_ name: String = "web", namespace: String = "default", _ spec: String) -> String {
  """
  ---
  apiVersion: v1
  kind: Service
  metadata: {name: \(name), namespace: \(namespace)}
  spec: {\(spec)}

  """
}

/// A generator of numbers that are the same for the same seed (SplitMix64).
struct MutationGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
