/// What users do, before it is known which of them there will be and where they go.
public struct Workload: Sendable {
  /// Where requests go unless somebody says otherwise.
  public var host: String?
  public var classes: [UserClass]
  /// Whether the classes are the only ones; otherwise the first stands for any name.
  public var namesClasses: Bool

  public init(host: String? = nil, classes: [UserClass], namesClasses: Bool) {
    self.host = host
    self.classes = classes
    self.namesClasses = namesClasses
  }

  /// A plan for users of some classes at a host, with all else taken from an example.
  ///
  /// A path in the host's URL stands in front of the tasks' paths; results keep the tasks' names.
  public func plan(
    host override: String?, classes names: [String], threads: Int, like settings: (inout LoadPlan) -> Void
  ) throws(LoadError) -> LoadPlan {
    guard let host = override ?? host else {
      throw .noHost
    }
    let (target, path) = try Target.parse(host)
    var classes: [UserClass] = []
    for name in names {
      guard var found = self.classes.first(where: { $0.name == name }) ?? (namesClasses ? nil : self.classes.first)
      else {
        let known = self.classes.map(\.name).joined(separator: ", ")
        throw .badTasks(file: "user class '\(name)'", why: "this generator has no tasks for it; it has: \(known)")
      }
      found.name = name
      let prefix = path.hasSuffix("/") ? String(path.dropLast()) : path
      if !prefix.isEmpty {
        for index in found.tasks.indices { found.tasks[index].path = prefix + found.tasks[index].path }
      }
      classes.append(found)
    }
    var plan = LoadPlan(target: target, classes: classes, threads: threads)
    settings(&plan)
    return plan
  }
}
