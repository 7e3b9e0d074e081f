import Measurement
import Testing

@testable import LoadGenerator

@Suite struct TaskFileTests {
  static let example = """
    host: http://127.0.0.1:8000
    users:
      MetricsUser:
        weight: 3
        wait: [0.5, 2]
        tasks:
          - POST: /login
            name: log in
            body: deviceid=${user}
            headers: {Content-Type: application/x-www-form-urlencoded}
            expect: [200, 302]
          - get: /
            weight: 5
      Other:
        tasks:
          - HEAD: /
    """

  @Test func readsTheExample() throws {
    let workload = try TaskFile.read(Self.example, name: "x.yaml")
    #expect(workload.host == "http://127.0.0.1:8000" && workload.namesClasses)
    #expect(
      workload.classes == [
        UserClass(
          name: "MetricsUser",
          tasks: [
            RequestTask(
              method: "POST", path: "/login", name: "log in",
              headers: [.init(name: "Content-Type", value: "application/x-www-form-urlencoded")],
              body: "deviceid=${user}", expected: [200, 302]),
            RequestTask(path: "/", weight: 5),
          ], wait: 0.5...2, weight: 3),
        UserClass(name: "Other", tasks: [RequestTask(method: "HEAD", path: "/")]),
      ])
  }

  @Test func tasksAlone() throws {
    let workload = try TaskFile.read("tasks: [{GET: /a}]\nwait: 1", name: "x")
    #expect(!workload.namesClasses && workload.classes[0].wait == 1...1)
  }

  @Test(arguments: [
    ("", "x: it is empty"), ("- a", "x, line 1: the file must have members"),
    ("users: {A: {tasks: [{GET: /, wieght: 2}]}}", "'wieght' is neither a method nor"),
    ("users: {A: {tasks: []}}", "x, line 1: 'tasks' is empty"), ("tasks: []", "'tasks' is empty"),
    ("tasks: {GET: /}", "must be a list"), ("users: {A: {weight: 1}}", "the class has no tasks"),
    ("users: {}", "names no class"), ("host: http://a", "neither 'users' nor 'tasks'"),
    ("tasks:\n  - GE T: /", "line 2: 'GE T' is neither a method nor one of weight, name, headers, body and expect; "),
    ("tasks: [{Get: /}]", "methods are GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    ("tasks:\n  - GET: /${nosuch}", "line 2: '${nosuch}' is no variable; known are ${user}"),
    ("tasks:\n  - POST: /\n    body: a=${user", "line 3: '${user' is not closed"),
    ("tasks:\n  - GET: /\n    headers: {X: '${uuid}'}", "line 3: '${uuid}' would be sent as it is"),
    ("tasks:\n  - GET: /\n    POST: /", "line 3: a task is one request"), ("tasks: [{weight: 1}]", "no request"),
    ("tasks: [{GET: a}]", "must begin with /"), ("tasks: [{GET: '/a b'}]", "percent-encoded"),
    ("tasks: [{GET: /, weight: 0}]", "from 1"), ("tasks: [{GET: /, expect: ok}]", "statuses"),
    ("tasks: [{GET: /, headers: {'a b': c}}]", "are no header"),
    ("tasks: [{GET: /, headers: {a: \"c\\r\\nd: e\"}}]", "are no header"),
    ("host: ftp://a\ntasks: [{GET: /}]", "line 1: 'ftp://a' is no URL"),
    ("wait: [3, 1]\ntasks: [{GET: /}]", "longer"), ("a: [", "no YAML"),
  ])
  func saysWhatIsWrong(_ text: String, _ words: String) {
    #expect {
      try TaskFile.read(text, name: "x")
    } throws: {
      "\($0)".contains(words)
    }
  }

  @Test func aFileThatIsNotThereIsNamedOnce() {
    let error = #expect(throws: LoadError.self) { try TaskFile.read(at: "/nowhere/x.yaml") }
    #expect(error?.description == "cannot read /nowhere/x.yaml: No such file or directory")
  }

  @Test func plansTakeTheMastersWords() throws {
    let workload = try TaskFile.read(Self.example, name: "x")
    let plan = try workload.plan(host: "http://h/base/", classes: ["Other"], threads: 1) { $0.timeout = 5 }
    #expect(plan.classes[0].tasks[0].path == "/base/" && plan.classes[0].tasks[0].name == "/")
    #expect(plan.timeout == 5 && plan.target.host == "h")
    #expect(throws: LoadError.self) { try workload.plan(host: nil, classes: ["No"], threads: 1) { _ in } }
    let any = try TaskFile.read("tasks: [{GET: /}]", name: "x")
    #expect(throws: LoadError.self) { try any.plan(host: nil, classes: ["A"], threads: 1) { _ in } }
    #expect(
      try any.plan(host: "http://h", classes: ["A", "B"], threads: 1) { _ in }.classes.map(\.name) == ["A", "B"])
  }

  /// Broken files are refused with a reason; nothing else happens.
  @Test func fuzz() {
    var random = SeededGenerator(seed: 11)
    let source = Array(Self.example.utf8)
    var refused = 0
    for _ in 0..<3_000 {
      var bytes = source
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        if Bool.random(using: &random) {
          bytes[at] = UInt8.random(in: 9...126, using: &random)
        } else {
          bytes.remove(at: at)
        }
      }
      do throws(LoadError) {
        let workload = try TaskFile.read(String(decoding: bytes, as: UTF8.self), name: "x")
        #expect(workload.classes.allSatisfy { !$0.tasks.isEmpty && $0.weight > 0 && $0.wait.lowerBound >= 0 })
      } catch {
        refused += 1
        #expect(!error.description.isEmpty)
      }
    }
    #expect(refused > 500)
  }
}
