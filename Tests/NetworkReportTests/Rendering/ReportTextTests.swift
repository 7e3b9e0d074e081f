import NetworkReport
import Testing

@Suite("The report as text")
struct ReportTextTests {
  @Test("A small report, letter by letter")
  func golden() {
    #expect(ReportText().text(SampleReport.small) == Self.small)
  }

  @Test("No line is longer than the terminal", arguments: [60, 80, 100, 140])
  func width(_ width: Int) {
    for page in ReportPageTests.pages where width >= 100 || !page.name.hasPrefix("hostile") {
      let lines = ReportText(showsRows: true, width: width).text(page.report).split(separator: "\n")
      let longest = lines.max { $0.count < $1.count } ?? ""
      // Columns of numbers are never cut: a narrow terminal breaks their lines itself.
      #expect(longest.count <= max(width, 100), "\(page.name): \(longest)")
    }
  }

  @Test("Colours only where they are asked for, and nothing else changes")
  func colours() {
    let plain = ReportText().text(SampleReport.full())
    let coloured = ReportText(isColoured: true).text(SampleReport.full())
    #expect(!plain.contains("\u{1b}"))
    #expect(coloured.contains("\u{1b}[1mConclusions\u{1b}[0m"))
    #expect(coloured.replacing(/\u{1b}\[[0-9]*m/, with: "") == plain)
  }

  @Test("Rows of every second only on request")
  func rows() {
    #expect(!ReportText().text(SampleReport.full()).contains("Bandwidth"))
    let text = ReportText(showsRows: true).text(SampleReport.full())
    #expect(text.split(separator: "\n").filter { $0.contains("0.00-1.00 s") }.count == 50)
    #expect(text.contains("  0.00-10.00 s sender"))
  }

  @Test("Conclusions can stand alone")
  func conclusions() {
    let text = ReportText().conclusions(SampleReport.full())
    #expect(text.hasPrefix("Conclusions\n===========\n* Node to node is the fastest path"))
    #expect(text.contains("~ A ClusterIP by our hooks"))
    #expect(text.contains("? Whether the directions differ"))
    #expect(text.contains("    vxlan 62.4 % (61.1–63.6); host-gw 14.7 % (12.2–17.0)\n"))
  }

  @Test("A short one ends with the conclusions, and says where the rest is")
  func short() {
    let text = ReportText(showsDetail: false).text(SampleReport.full())
    #expect(!text.contains("time_starttransfer  ") && !text.contains("In detail"))
    #expect(text.hasSuffix("? undecided\n\n" + Self.elsewhere))
    #expect(ReportText().text(SampleReport.full()).contains("\nIn detail\n=========\n"))
  }

  private static let elsewhere =
    "Requests, comparisons, pods and interfaces one by one: --markdown FILE, or --html FILE with plots.\n"

  @Test("A conclusion's figures take no more than two lines, and the others are counted", arguments: [60, 100])
  func evidence(_ width: Int) {
    var report = SampleReport.small
    report.conclusions = [
      Conclusion(
        rule: .undecided, standing: .undecided, text: "Nothing is decided.",
        evidence: (1...12).map { .init(name: "rounds to decide the comparison \($0)", value: 7, unit: "rounds") })
    ]
    let lines = ReportText(width: width).conclusions(report).split(separator: "\n")
    let figures = lines.filter { $0.hasPrefix("    ") }
    #expect(figures.count == 2 && figures.allSatisfy { $0.count <= width }, "\(figures)")
    let shown = figures.joined(separator: " ").split(separator: "; ")
    #expect(shown.last == "\(12 - (shown.count - 1)) more", "\(figures)")
  }

  private static let small = #"""
    Network report of the cluster small
      2026-11-22T02:50:36Z
      lab: A Processor, 2 processors, 8 GiB
      Linux 6.18.5 x86_64
      quick: 3 rounds, 10 s for each transfer
      ! The run was ended before all was measured; what it had is here.
      ! 1 measurement has no value: see Failures.

    Latency by access path
    ======================
    What a request takes, on a connection of its own, by the way it takes to the application;
    time_connect, time_starttransfer and time_total are curl's, from the request's beginning.

    time_total in ms
      path                  mean of 10  mean  median   interval   p90   p99  requests  failed
      a node, by ClusterIP        3.19  3.20    3.10  2.85–3.35  4.10  9.70       600       0
      mean of 10: of the first ten requests, the cold first one among them; interval: 95 %, of the
      rounds' medians.
      What comes from outside passes the director (XDP); what nodes and pods send to a ClusterIP is
      translated when they connect.

    Load
    ====
    ! Not measured: this part was not asked for.

    Throughput by path and overlay backend
    ======================================
    ! No value for pod to another node, vxlan.
    ! No value for pod to pod on another node, host-gw.
    ! No value for pod to another node, host-gw.
    One TCP connection, without each run's first row; the medians of the rounds, and intervals that hold
    the true ones 95 times in 100. Loss is what is missing against node to node of the same round.

    Throughput, the client sends
      path                        backend  Gbit/s   interval    loss  verdict  retr/GB  CPU s/Gbit
      node to node                none       3.22  3.15–3.30                      1.30       0.310
      pod to pod on another node  vxlan      1.84  1.79–1.90  42.9 %  differs     1.30       0.310
      retr/GB: TCP segments sent again for each 10⁹ bytes; CPU: of all the machine's processors, both
      sides of the path.

    What a ClusterIP costs
    ======================
    ! Not measured: the run was ended before this part.

    Machine, cluster and run
    ========================
    The cluster was made of network namespaces of one machine: its nodes share the processors, and no
    wire is between them. Ratios say more than absolute figures.

    Machine
      name         lab
      processors   2 × A Processor (x86_64)
      memory       8 GiB
      kernel       6.18.5
      started      2026-11-22T02:50:36Z
      load before  0.10, 0.20, 0.30
      allotted     100 s

    Failures
    ========

    What was tried and has no value
      measurement  round  reason
      services         -  The rules could not be loaded: nft is missing.

    Conclusions
    ===========
    * Against node to node, vxlan loses 43 % between pods.
        vxlan 42.9 % (41.0–45.0)

    * beyond the noise   ~ within the noise   ? undecided

    In detail
    =========

    a node, by ClusterIP: http://10.98.210.117:8000/ from node1
      time_connect  time_starttransfer  time_total
          0.001326            0.002542    0.002715
          0.001444            0.003264    0.003675
      mean of time_total: 3.19 ms

    Against node to node
      compared               with          quantity            ratio     interval    loss  verdict
      pod to pod on another  node to node  throughput, client  0.571  0.550–0.590  42.9 %  differs
      node, vxlan                          sends

    Nodes; pod network 10.244.0.0/16
      node   address       pods
      node1  192.168.0.52  10.244.1.0/24

    """#
}
