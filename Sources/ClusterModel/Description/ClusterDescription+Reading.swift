import IngressModel

extension ClusterDescription {
  /// The cluster that a command is given: without files the standard one.
  ///
  /// Files of which one describes the cluster are all of it. Manifests alone are added to the standard cluster, in
  /// place of its objects of the same names.
  public static func described(by files: [String]) throws(ClusterDescriptionError) -> ClusterDescription {
    try described(texts: contents(of: files))
  }

  /// The same of texts in place of files: what `svs cluster up` checks, and what it has built, is read by this.
  public static func described(
    texts: [ConfigurationText]
  ) throws(ClusterDescriptionError) -> ClusterDescription {
    let standard = try standard()
    guard !texts.isEmpty else { return standard }
    let ignored = Findings()
    let isWhole = texts.contains { text in
      YAMLReader.documents(text.text, file: text.name, ignored).contains {
        !$0.isNull && $0["kind"] == nil && $0["apiVersion"] == nil
      }
    }
    return try read(texts: texts, onto: isWhole || ignored.isIncomplete ? nil : standard)
  }

  /// Reads files: cluster files, Kubernetes manifests, and files with both, in one or more documents.
  ///
  /// What a file says of the cluster itself goes before what `base` has, and an object takes the place of the one of
  /// the same kind and name there. Without a cluster file and without a base the nodes and networks are those of
  /// ``standardText``.
  ///
  /// - Throws: All that is wrong, not just the first.
  public static func read(
    files: [String], onto base: ClusterDescription? = nil
  ) throws(ClusterDescriptionError) -> ClusterDescription {
    try read(texts: contents(of: files), onto: base)
  }

  private static func contents(of files: [String]) throws(ClusterDescriptionError) -> [ConfigurationText] {
    var texts: [ConfigurationText] = []
    var unreadable: [ConfigurationFinding] = []
    for file in files {
      do throws(ConfigurationFinding) {
        texts.append(ConfigurationText(name: file, text: try IngressConfiguration.contents(of: file)))
      } catch {
        unreadable.append(error)
      }
    }
    // What the others lack may stand in the one that could not be read.
    guard unreadable.isEmpty else { throw ClusterDescriptionError(unreadable) }
    return texts
  }

  /// Reads texts in place of files; does nothing but compute.
  public static func read(
    texts: [ConfigurationText], onto base: ClusterDescription? = nil
  ) throws(ClusterDescriptionError) -> ClusterDescription {
    var reader = ClusterReader(base: base)
    for text in texts {
      let documents = YAMLReader.documents(text.text, file: text.name, reader.findings)
      if documents.allSatisfy(\.isNull), !reader.findings.isIncomplete {
        reader.findings.add(
          SourcePlace(file: text.name, line: 1),
          "nothing in it describes a cluster; write 'nodes:', 'networks:' and so on, or manifests of Kubernetes")
      }
      for document in documents { reader.read(document) }
    }
    return try reader.finish(files: texts.map(\.name))
  }
}
