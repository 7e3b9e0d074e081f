import HTTPWire
import HostSystem
import Yams

/// Tasks as people write them, in YAML:
///
///     host: http://127.0.0.1:8000
///     users:
///       MetricsUser:
///         wait: [0.5, 2]
///         tasks:
///           - POST: /login
///             body: deviceid=${user}
///             headers: {Content-Type: application/x-www-form-urlencoded}
///           - GET: /
///             weight: 5
///
/// `tasks` may stand at the top, for one class that takes any name. A member that is not known is an error: a weight
/// that is misspelt would change the load without a word.
public enum TaskFile {
  /// The word that stands for the sample web application's tasks, in place of a file.
  public static let sampleName = "sample"

  /// Reads a file; errors name it, and the line.
  public static func read(at path: String) throws(LoadError) -> Workload {
    let text: String
    do throws(SystemError) { text = try Files.text(path) } catch {
      throw .unreadable(file: path, code: error.code)
    }
    return try read(text, name: path)
  }

  /// Reads the text of a file; errors name it and the line.
  public static func read(_ text: String, name: String) throws(LoadError) -> Workload {
    let node: Node?
    do {
      node = try Yams.compose(yaml: text)
    } catch {
      throw .badTasks(file: name, why: "this is no YAML: \(firstLine(of: error))")
    }
    guard let node else { throw .badTasks(file: name, why: "it is empty") }
    do throws(Mistake) {
      return try Reader().workload(node)
    } catch {
      throw .badTasks(file: error.line.map { "\(name), line \($0)" } ?? name, why: error.why)
    }
  }

  private static func firstLine(of error: any Error) -> String {
    let lines = "\(error)".split(separator: "\n").map(String.init)
    return lines.first { !$0.isEmpty } ?? "unknown"
  }
}

private struct Mistake: Error {
  var line: Int?
  var why: String

  init(_ node: Node, _ why: String) {
    line = node.mark?.line
    self.why = why
  }
}

private struct Reader {
  private static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

  func workload(_ node: Node) throws(Mistake) -> Workload {
    let members = try mapping(node, "the file")
    var host: String?
    var classes: [UserClass] = []
    var tasks: [RequestTask]?
    var wait: ClosedRange<Double> = 0...0
    for (key, value) in members {
      switch try text(key) {
      case "host":
        let url = try text(value)
        do throws(LoadError) { _ = try Target.parse(url) } catch { throw Mistake(value, error.description) }
        host = url
      case "users":
        for (name, users) in try mapping(value, "'users'") { classes.append(try userClass(name, users)) }
        guard !classes.isEmpty else { throw Mistake(value, "'users' names no class") }
      case "tasks": tasks = try self.tasks(value)
      case "wait": wait = try range(value)
      case let other: throw Mistake(key, "'\(other)' is not known here; known are host, users, tasks and wait")
      }
    }
    if let tasks {
      guard classes.isEmpty else {
        throw Mistake(node, "it has both 'users' and 'tasks'; tasks belong to a class then")
      }
      return Workload(host: host, classes: [UserClass(name: "User", tasks: tasks, wait: wait)], namesClasses: false)
    }
    guard !classes.isEmpty else { throw Mistake(node, "it has neither 'users' nor 'tasks'") }
    return Workload(host: host, classes: classes, namesClasses: true)
  }

  private func userClass(_ name: Node, _ node: Node) throws(Mistake) -> UserClass {
    var made = UserClass(name: try text(name), tasks: [])
    for (key, value) in try mapping(node, "a class of users") {
      switch try text(key) {
      case "tasks": made.tasks = try tasks(value)
      case "wait": made.wait = try range(value)
      case "weight": made.weight = try weight(value)
      case let other: throw Mistake(key, "'\(other)' is not known here; known are tasks, wait and weight")
      }
    }
    guard !made.tasks.isEmpty else { throw Mistake(node, "the class has no tasks") }
    return made
  }

  private func tasks(_ node: Node) throws(Mistake) -> [RequestTask] {
    guard case .sequence(let sequence) = node else { throw Mistake(node, "'tasks' must be a list") }
    guard !sequence.isEmpty else { throw Mistake(node, "'tasks' is empty; a task is a request, such as '- GET: /'") }
    var tasks: [RequestTask] = []
    for task in sequence { tasks.append(try self.task(task)) }
    return tasks
  }

  private func task(_ node: Node) throws(Mistake) -> RequestTask {
    var task = RequestTask(method: "", path: "")
    var name: String?
    for (key, value) in try mapping(node, "a task") {
      let word = try text(key)
      switch word {
      case "weight": task.weight = try weight(value)
      case "body": task.body = try template(value)
      case "name": name = try text(value)
      case "headers":
        for (header, content) in try mapping(value, "'headers'") {
          task.headers.append(try self.header(header, content))
        }
      case "expect": task.expected = try statuses(value)
      default:
        let method = word.lowercasedASCII == word ? word.uppercased() : word
        guard Reader.methods.contains(method) else {
          throw Mistake(
            key,
            "'\(word)' is neither a method nor one of weight, name, headers, body and expect; methods are "
              + Reader.methods.joined(separator: ", "))
        }
        guard task.method.isEmpty else { throw Mistake(key, "a task is one request; this is its second") }
        task.method = method
        task.path = try path(value)
      }
    }
    guard !task.method.isEmpty else { throw Mistake(node, "the task has no request, such as 'GET: /'") }
    task.name = name ?? task.path
    return task
  }

  private func path(_ node: Node) throws(Mistake) -> String {
    let path = try template(node)
    guard path.hasPrefix("/") else { throw Mistake(node, "the path '\(path)' must begin with /") }
    guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw Mistake(node, "spaces and characters beyond ASCII must be percent-encoded in a path")
    }
    return path
  }

  private func header(_ name: Node, _ value: Node) throws(Mistake) -> RequestTask.Header {
    let header = RequestTask.Header(name: try text(name), value: try text(value))
    if let mistake = header.mistake { throw Mistake(name, mistake) }
    return header
  }

  private func statuses(_ node: Node) throws(Mistake) -> [Int] {
    let nodes = if case .sequence(let sequence) = node { Array(sequence) } else { [node] }
    var statuses: [Int] = []
    for node in nodes {
      guard let status = Int(try text(node)), (100...999).contains(status) else {
        throw Mistake(node, "'expect' takes statuses such as 200")
      }
      statuses.append(status)
    }
    return statuses
  }

  private func weight(_ node: Node) throws(Mistake) -> Int {
    guard let weight = Int(try text(node)), (1...1_000_000_000).contains(weight) else {
      throw Mistake(node, "a weight is a whole number from 1")
    }
    return weight
  }

  private func range(_ node: Node) throws(Mistake) -> ClosedRange<Double> {
    if case .sequence(let bounds) = node {
      guard bounds.count == 2 else { throw Mistake(node, "'wait' takes seconds, or the least and the most: [1, 3]") }
      let (low, high) = (try seconds(bounds[0]), try seconds(bounds[1]))
      guard low <= high else { throw Mistake(node, "the least wait is longer than the most") }
      return low...high
    }
    let both = try seconds(node)
    return both...both
  }

  private func seconds(_ node: Node) throws(Mistake) -> Double {
    guard let seconds = Double(try text(node)), seconds >= 0, seconds <= 86_400 else {
      throw Mistake(node, "'wait' takes seconds, from 0 to 86400")
    }
    return seconds
  }

  private func text(_ node: Node) throws(Mistake) -> String {
    guard case .scalar(let scalar) = node else { throw Mistake(node, "a single value is expected here") }
    return scalar.string
  }

  /// Text whose variables are known.
  private func template(_ node: Node) throws(Mistake) -> String {
    let text = try text(node)
    if let mistake = Template.mistake(in: text) { throw Mistake(node, mistake) }
    return text
  }

  private func mapping(_ node: Node, _ what: String) throws(Mistake) -> [(key: Node, value: Node)] {
    guard case .mapping(let mapping) = node else {
      throw Mistake(node, "\(what) must have members, as in 'name: value'")
    }
    return mapping.map { ($0.key, $0.value) }
  }
}
