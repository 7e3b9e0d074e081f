import IngressModel
import Testing

@testable import ClusterModel

/// Files that somebody spoiled are read or refused, in little time.
@Suite struct DescriptionFuzzTests {
  private static let fragments = [
    "[", "]", "{", "}", ": ", "- ", "\n", "\n  ", "---\n", "&a ", "*a", "<<: *a", "null", "~", "\"", "'", "|", ">", "#",
    "-1", "0", "70000", "99999999999999999999", "10.0.0.0/8", "0.0.0.0/0", "::/0", "255.255.255.255", "10.244.0.0/31",
    "\u{0}", "\u{2028}", "é", "\t", "replicas: 25000", "kind: List", "items:", "clusterIP: None", "None",
    "protocol: SCTP",
    "hostPort: 80", "SubnetLen: 31", "SubnetLen", "namespace: x", "nodes: [a, a]", "program: [", "{folder}",
  ]

  private func mutated(_ text: String, _ generator: inout MutationGenerator) -> String {
    var scalars = Array(text.unicodeScalars)
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let place = Int.random(in: 0...scalars.count, using: &generator)
      let end = min(scalars.count, place + Int.random(in: 0...20, using: &generator))
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: scalars.removeSubrange(place..<end)
      case 1: scalars.insert(contentsOf: scalars[place..<end], at: place)
      case 2:
        let fragment = Self.fragments.randomElement(using: &generator) ?? ""
        scalars.insert(contentsOf: fragment.unicodeScalars, at: place)
      default:
        let fragment = Self.fragments.randomElement(using: &generator) ?? ""
        scalars.replaceSubrange(place..<end, with: fragment.unicodeScalars)
      }
    }
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  @Test func spoiledFilesAreReadOrRefused() throws {
    var texts = [ClusterDescription.standardText]
    for name in ["ingressroute.yaml", "kube-flannel-cfg.yaml", "perf-deploy.yaml"] {
      texts.append(try IngressConfiguration.contents(of: sample(name)))
    }
    // The cluster file alone, so that much is changed in it.
    texts.append(String(ClusterDescription.standardText.prefix(1_700)))
    let standard = try ClusterDescription.standard()
    var generator = MutationGenerator(seed: 7)
    let deadline = ContinuousClock.now + .seconds(20)
    var (taken, refused) = (0, 0)
    for round in 0..<600 where ContinuousClock.now < deadline {
      let text = mutated(texts[round % texts.count], &generator)
      do throws(ClusterDescriptionError) {
        let made = try describe(text, onto: round.isMultiple(of: 2) ? standard : nil)
        let layout = try made.layout()
        taken += 1
        #expect(Set(layout.pods.map(\.name)).count == layout.pods.count)
        #expect(Set(layout.pods.map(\.address)).count == layout.pods.count)
        for pod in layout.pods {
          for case .ingress(let rules, _, _) in pod.programs.map(\.kind) {
            // What was taken here is taken by the ingress.
            #expect(throws: Never.self) {
              try IngressConfiguration.read(texts: [.init(name: "rules", text: rules)])
            }
          }
        }
      } catch {
        refused += 1
        #expect(!error.findings.isEmpty)
        #expect(error.findings.count <= 100)
      }
    }
    #expect(taken > 20 && refused > 20, "\(taken) taken, \(refused) refused")
  }

  @Test func whatIsWrittenReadsTheSame() {
    var generator = MutationGenerator(seed: 3)
    for _ in 0..<200 {
      let text = mutated(ClusterDescription.standardText, &generator)
      let findings = Findings()
      for node in YAMLReader.documents(text, file: "a.yaml", findings) {
        guard case .mapping(let entries) = node.content, !entries.isEmpty else { continue }
        var writer = YAMLWriter()
        writer.add(document: node)
        let again = YAMLReader.documents(writer.text, file: "b.yaml", findings)
        #expect(again.count == 1)
        #expect(again.first?.json == node.json)
      }
    }
  }

  @Test func aliasesOfAliasesAreBounded() {
    var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in 1...8 {
      text += "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
    }
    #expect(refusal(text).contains { $0.contains("too many values") })
  }

  @Test func manyMistakesAreTold() {
    let text = "nodes: [a]\n" + (0..<500).map { "key\($0): x\n" }.joined()
    #expect(refusal(text).count == 100)
  }
}
