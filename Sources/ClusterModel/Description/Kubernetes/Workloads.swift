import IngressModel
import Netlink

extension ClusterReader {
  mutating func readDeployment(_ node: ConfigurationNode, _ name: QualifiedName, at place: SourcePlace) {
    let what = "the Deployment \(name)"
    let top = fields(
      node, what, known: ["spec"], silent: ["apiVersion", "kind", "metadata", "status"])
    guard let spec = top.required("spec", "write its selector and template") else { return }
    let fields = fields(
      spec, "'spec' of \(what)", known: ["replicas", "selector", "template"],
      noted: ["paused": "its pods are made all the same"],
      silent: ["strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"])
    let replicas = fields["replicas"].map { number($0, "'replicas'", Self.replicas) ?? 0 } ?? 1
    let selector = fields.required("selector", "write matchLabels with the labels of the template")
    guard let template = fields.required("template", "write metadata.labels and spec.containers of its pods") else {
      return
    }
    let annotation = node["metadata"]?["annotations"]?["svs.program"]
    let made = workload(template, name, what: "the template of \(what)", annotation: annotation, at: place)
    if let selector { check(selector, of: what, against: made?.labels) }
    guard var made else { return }
    made.kind = .deployment
    made.replicas = replicas
    keep(made)
  }

  /// Looks whether a Deployment's selector is one, and whether its template's labels fulfil it.
  ///
  /// - Parameter own: The template's; nil where they could not be read.
  private func check(_ selector: ConfigurationNode, of what: String, against own: [String: String]?) {
    let keys = Fields(selector, "'selector' of \(what)", known: ["matchLabels", "matchExpressions"], findings)
    let wanted = labels(keys["matchLabels"], "'matchLabels'", isStrict: true)
    if let own,
      let (key, value) = wanted.sorted(by: { $0.key < $1.key }).first(where: { own[$0.key] != $0.value })
    {
      findings.add(
        keys.place(of: "matchLabels"),
        "the selector of \(what) wants \(key)=\(value), which its template's labels do not say; make them the same")
    }
    for item in keys["matchExpressions"]?.list("'matchExpressions'", findings) ?? [] {
      check(expression: item, of: what, against: own)
    }
  }

  private func check(expression node: ConfigurationNode, of what: String, against own: [String: String]?) {
    let fields = Fields(node, "an item of 'matchExpressions'", known: ["key", "operator", "values"], findings)
    let key = fields.required("key", "write a label's name")?.text("'key'", findings)
    let word = fields.required("operator", "write In, NotIn, Exists or DoesNotExist")?
      .text("'operator'", findings)
    let values = fields["values"]?.texts("'values'", findings) ?? []
    guard let key, let word else { return }
    let isFulfilled: Bool
    switch word {
    case "In", "NotIn":
      guard !values.isEmpty else {
        findings.add(fields.place(of: "values"), "'\(word)' needs 'values' with at least one; write them as a list")
        return
      }
      let isIn = own?[key].map(values.contains) ?? false
      isFulfilled = isIn == (word == "In")
    case "Exists", "DoesNotExist":
      guard values.isEmpty else {
        findings.add(fields.place(of: "values"), "'\(word)' has no values; leave 'values' out, or write In")
        return
      }
      isFulfilled = (own?[key] != nil) == (word == "Exists")
    default:
      findings.add(
        fields.place(of: "operator"),
        "there is no operator '\(ConfigurationNode.excerpt(word))'; there are In, NotIn, Exists, DoesNotExist")
      return
    }
    guard own != nil, !isFulfilled else { return }
    let list = values.isEmpty ? "" : " \(values.joined(separator: ", "))"
    findings.add(
      node.place,
      "the selector of \(what) wants \(ConfigurationNode.excerpt("\(key) \(word)\(list)")), which its template's labels "
        + "do not fulfil; make them the same")
  }

  mutating func readPod(_ node: ConfigurationNode, _ name: QualifiedName, at place: SourcePlace) {
    guard var made = workload(node, name, what: "the Pod \(name)", annotation: nil, at: place) else { return }
    made.kind = .pod
    keep(made)
  }

  /// Takes the place of an earlier one of the same name.
  private mutating func keep(_ workload: ClusterDescription.Workload) {
    let index = description.workloads[..<baseWorkloads].firstIndex {
      ($0.kind, $0.namespace, $0.name) == (workload.kind, workload.namespace, workload.name)
    }
    if let index {
      description.workloads[index] = workload
    } else {
      description.workloads.append(workload)
    }
  }

  /// Reads what is between `metadata` and `spec.containers`, of a Pod or of a template.
  private mutating func workload(
    _ node: ConfigurationNode, _ name: QualifiedName, what: String, annotation: ConfigurationNode?,
    at place: SourcePlace
  ) -> ClusterDescription.Workload? {
    let top = fields(node, what, known: ["metadata", "spec"], silent: ["apiVersion", "kind", "status"])
    let metadata = top["metadata"]
    var made = ClusterDescription.Workload(namespace: name.namespace, name: name.name, source: place)
    made.labels = labels(metadata?["labels"], "'labels'", isStrict: true)
    guard let spec = top.required("spec", "write its containers") else { return nil }
    let noStorage = "there are no volumes in the lab"
    let fields = fields(
      spec, "'spec' of \(what)", known: ["containers", "nodeName", "nodeSelector"],
      noted: [
        "volumes": noStorage, "initContainers": "only 'containers' are looked at",
        "hostNetwork": "the pod has a network of its own",
        "affinity": "write nodeSelector, or 'nodes' in the cluster file",
        "topologySpreadConstraints": "pods go to the nodes in turn", "dnsConfig": "names are those of the cluster",
        "hostAliases": "names are those of the cluster", "securityContext": "programs run as the lab's owner",
        "imagePullSecrets": "there are no images in the lab", "runtimeClassName": "there are no containers in the lab",
      ],
      silent: [
        "tolerations", "restartPolicy", "terminationGracePeriodSeconds", "dnsPolicy", "serviceAccountName",
        "serviceAccount", "automountServiceAccountToken", "schedulerName", "priorityClassName", "priority",
        "enableServiceLinks", "hostname", "subdomain", "hostPID", "hostIPC", "shareProcessNamespace",
        "preemptionPolicy", "activeDeadlineSeconds", "readinessGates", "overhead", "os", "ephemeralContainers",
        "setHostnameAsFQDN",
      ])
    made.nodeName = fields["nodeName"]?.text("'nodeName'", findings)
    made.nodeSelector = labels(fields["nodeSelector"], "'nodeSelector'", isStrict: true)
    guard let list = fields.required("containers", "write for example containers: [{name: web, image: sample-webapp}]")
    else { return nil }
    let items = list.list("'containers'", findings)
    if case .list = list.content, items.isEmpty { findings.add(list.place, "'containers' is empty; name at least one") }
    let annotation = metadata?["annotations"]?["svs.program"] ?? annotation
    var programs: [ClusterDescription.Program] = []
    var unknown: [ConfigurationNode] = []
    for (index, item) in items.enumerated() {
      // The annotation is for a pod; its first container has the ports.
      guard let program = container(item, of: what, annotation: index == 0 ? annotation : nil) else { continue }
      programs.append(program)
      if program.kind == .none, index > 0 || annotation == nil, let image = item["image"] { unknown.append(image) }
    }
    made.programs = programs
    let hasOther = programs.contains { $0.kind != .none }
    // Where nothing runs because the annotation says so, that is no news.
    if hasOther || annotation == nil {
      idle[name, default: []] += unknown.map { (image: $0, what: what, isBesideAnother: hasOther) }
    }
    var names: Set<String> = []
    for program in programs where !names.insert(program.name).inserted {
      findings.add(list.place, "two containers of \(what) are called '\(program.name)'; give one another name")
    }
    return made
  }

  private func container(
    _ node: ConfigurationNode, of what: String, annotation: ConfigurationNode?
  ) -> ClusterDescription.Program? {
    let noLimits = "programs use what the machine has"
    let noChecks = "a pod is ready when its program listens"
    let noVolumes = "there are no volumes in the lab"
    let fields = fields(
      node, "a container of \(what)", known: ["name", "image", "ports", "command", "args"],
      noted: [
        "resources": noLimits, "livenessProbe": noChecks, "readinessProbe": noChecks, "startupProbe": noChecks,
        "volumeMounts": noVolumes, "volumeDevices": noVolumes, "lifecycle": "programs are started and ended, no more",
        "env": "programs get no environment", "envFrom": "programs get no environment",
        "securityContext": "programs run as the lab's owner",
      ],
      silent: [
        "imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy", "tty", "stdin", "stdinOnce",
        "workingDir", "resizePolicy", "restartPolicy",
      ])
    let name = fields.required("name", "name the container").flatMap { self.name($0, "a container's name") }
    let image = fields["image"]?.text("'image'", findings)
    let ports = (fields["ports"]?.list("'ports'", findings) ?? []).compactMap { containerPort($0, of: what) }
    if annotation == nil, fields["image"] == nil {
      findings.add(fields.place, "'image' is missing in a container of \(what)")
    }
    guard let name else { return nil }
    if let annotation {
      guard let text = annotation.text("'svs.program'", findings) else { return nil }
      return ProgramChoice.named(text, name: name, ports: ports, at: annotation.place, findings)
    }
    guard let image else { return nil }
    if let known = ProgramChoice.ofImage(image, name: name, ports: ports) {
      if let first = fields.entry("args") ?? fields.entry("command"), !first.value.isEmpty {
        remarks.add(
          first.place, "'\(first.key)' in a container of \(what) has no effect here: svs runs its own program")
      }
      return known
    }
    return .init(name: name, kind: .none, ports: ports)
  }

  private func containerPort(_ node: ConfigurationNode, of what: String) -> ClusterDescription.ContainerPort? {
    let fields = fields(
      node, "a container's port", known: ["containerPort", "name", "protocol", "hostPort"],
      noted: ["hostIP": "the port is at every address of the nodes"])
    let number = fields.required("containerPort", "write its number").flatMap {
      self.number($0, "'containerPort'", 1...65_535)
    }
    let name = fields["name"]?.text("'name'", findings)
    let transport = self.transport(fields, of: what)
    let hostPort = fields["hostPort"].flatMap { self.number($0, "'hostPort'", 1...65_535) }
    guard let number, let transport else { return nil }
    return .init(UInt16(number), name: name, transport: transport, hostPort: hostPort.map { UInt16($0) })
  }

  /// Notes images that nothing here stands for, unless the cluster file has a word on their deployment.
  func noteIdle() {
    for (name, images) in idle {
      let isSettled = description.settings.contains {
        ($0.namespace, $0.name) == (name.namespace, name.name) && $0.programs != nil
      }
      guard !isSettled else { continue }
      for (image, what, isBesideAnother) in images {
        guard case .scalar(let text, _) = image.content else { continue }
        let end =
          isBesideAnother
          ? "the container's ports are no endpoints"
          : "its pods are there for commands; the annotation svs.program, or 'program' in the cluster file, names a "
            + "program"
        remarks.add(
          image.place, "nothing runs here for the image '\(ConfigurationNode.excerpt(text))' of \(what): \(end)")
      }
    }
  }

  /// TCP where nothing is said; nil for what is no protocol here, which is noted or found.
  func transport(_ fields: Fields, of what: String) -> ServicePort.TransportProtocol? {
    guard let node = fields["protocol"] else { return .tcp }
    if case .scalar("SCTP", _) = node.content {
      remarks.add(node.place, "a port of \(what) is left out: SCTP is not served here")
      return nil
    }
    return node.word("'protocol'", ["TCP": .tcp, "UDP": .udp], findings)
  }
}
