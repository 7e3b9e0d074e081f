// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"), .enableUpcomingFeature("MemberImportVisibility"),
]

// What tests look into. Only that: where everything is testable, libraries too, the compiler can bind fewer calls early.
// A package that others depend on may set no such flag, so it is set where tests are built for release (make build).
let tested: [SwiftSetting] =
  strict + (Context.environment["SVS_TESTABLE"] == nil ? [] : [.unsafeFlags(["-enable-testing"])])

let package = Package(
  name: "swift-virtual-server",
  products: [
    .library(name: "VirtualServer", targets: ["VirtualServer"]),
    .executable(name: "svs", targets: ["svs"]),
    .executable(name: "svs-ingress", targets: ["svs-ingress"]),
    .executable(name: "svs-instruments", targets: ["svs-instruments"]),
    .executable(name: "svs-cluster", targets: ["svs-cluster"]),
    .executable(name: "ipvsadm", targets: ["ipvsadm"]),
    .executable(name: "ipvsadm-save", targets: ["ipvsadm-save"]),
    .executable(name: "ipvsadm-restore", targets: ["ipvsadm-restore"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // The kernel's side: layouts, the packet path, and its compilation to eBPF.
    .target(name: "DataplaneTypes"),
    .target(name: "Dataplane", dependencies: ["DataplaneTypes"], swiftSettings: tested),
    .target(name: "DataplaneSimulation", dependencies: ["Dataplane", "DataplaneTypes"], swiftSettings: strict),
    .executableTarget(name: "bpfc", swiftSettings: strict),
    .plugin(name: "BPFBuild", capability: .buildTool(), dependencies: ["bpfc"]),
    .target(name: "DataplaneObject", swiftSettings: strict, plugins: ["BPFBuild"]),

    // The doors to the kernel.
    .systemLibrary(name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev"])]),
    .systemLibrary(
      name: "CNetlink", pkgConfig: "libnl-3.0", providers: [.apt(["libnl-3-dev"])]),
    // Not CSystem, as its module is called: a package that SwiftNIO depends on has a target of that name.
    .target(name: "CHostSystem", path: "Sources/CSystem"),
    .target(name: "HostSystem", dependencies: ["CHostSystem"], swiftSettings: strict),
    .target(name: "Netlink", dependencies: ["CNetlink", "CHostSystem", "HostSystem"], swiftSettings: tested),
    .target(
      name: "KernelDirector",
      dependencies: [
        "DataplaneTypes", "Dataplane", "DataplaneSimulation", "DataplaneObject", "CLibbpf", "CHostSystem", "Netlink",
      ],
      swiftSettings: tested),

    // The model people speak in, and the capabilities beside each other.
    .target(name: "VirtualServer", dependencies: ["HostSystem", "KernelDirector"], swiftSettings: tested),
    .target(
      name: "RealServerSetup", dependencies: ["Netlink", "CHostSystem", "HostSystem", "CLibbpf", "DataplaneObject"],
      swiftSettings: strict),
    .target(
      name: "Lab", dependencies: ["Netlink", "CHostSystem", "HostSystem", "RealServerSetup"], swiftSettings: tested),

    .target(
      name: "Simulation",
      dependencies: [
        "VirtualServer", "KernelDirector", "Dataplane", "DataplaneTypes", "DataplaneSimulation", "Netlink",
      ],
      swiftSettings: strict),
    .target(name: "Demo", dependencies: ["Lab", "Netlink", "CLibbpf", "HostSystem"], swiftSettings: strict),
    .target(name: "BenchTypes", dependencies: ["DataplaneTypes"]),
    .target(
      name: "Bench",
      dependencies: ["BenchTypes", "CEvents", "CLibbpf", "CHostSystem", "HostSystem", "Lab", "Netlink", "Throughput"],
      swiftSettings: tested),

    // The instruments: what 'svs bench' and 'svs webapp' do, and their words, which 'svs' knows too.
    .target(name: "Measurement", dependencies: ["CHostSystem", "HostSystem"], swiftSettings: strict),
    .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    // HTTP's and TLS's client side, for instruments that look at the clock between system calls.
    .target(name: "HTTPWire", dependencies: ["CNGHTTP2", "COpenSSL"], swiftSettings: strict),
    .target(name: "LatencyProbe", dependencies: ["HTTPWire", "HostSystem", "Measurement"], swiftSettings: tested),
    .target(
      name: "WebApp",
      dependencies: [
        .product(name: "Logging", package: "swift-log"), .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], swiftSettings: strict),
    .target(name: "Throughput", dependencies: ["CHostSystem", "HostSystem", "Measurement"], swiftSettings: tested),
    .target(
      name: "InstrumentCommands",
      dependencies: ["HostSystem", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),
    .target(name: "CEvents"),
    .target(
      name: "LoadGenerator",
      dependencies: [
        "CEvents", "HTTPWire", "HostSystem", "Measurement",
        .product(name: "Histogram", package: "hdrhistogram-swift"), .product(name: "Yams", package: "Yams"),
      ], swiftSettings: tested),
    .target(
      name: "LocustWorker",
      dependencies: [
        "LoadGenerator", "HostSystem", "Measurement", .product(name: "Histogram", package: "hdrhistogram-swift"),
      ],
      swiftSettings: tested),
    .executableTarget(
      name: "svs-instruments",
      dependencies: [
        "CHostSystem", "HostSystem", "InstrumentCommands", "LatencyProbe", "LoadGenerator", "LocustWorker",
        "Measurement",
        "Throughput", "WebApp",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    // The proxy of layer 7: what it knows and decides, and what moves the bytes.
    .target(name: "IngressModel", dependencies: [.product(name: "Yams", package: "Yams")], swiftSettings: tested),
    .target(
      name: "Ingress",
      dependencies: [
        "IngressModel",
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOTLS", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"), .product(name: "NIOHPACK", package: "swift-nio-http2"),
      ], swiftSettings: strict),
    .executableTarget(
      name: "svs-ingress",
      dependencies: [
        "CHostSystem", "HostSystem", "Ingress", "IngressModel", "InstrumentCommands",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ], swiftSettings: strict),

    // A cluster: what it is as values; services of local clients at connect time; nodes' leases; what makes it real.
    .target(name: "ClusterModel", dependencies: ["Netlink", "IngressModel"], swiftSettings: tested),
    .target(name: "SocketDataplaneTypes"),
    .target(name: "SocketDataplane", dependencies: ["SocketDataplaneTypes"], swiftSettings: tested),
    .target(
      name: "ServiceTranslation",
      dependencies: [
        "ClusterModel", "Netlink", "CLibbpf", "CHostSystem", "HostSystem", "DataplaneObject", "SocketDataplane",
        "SocketDataplaneTypes",
      ], swiftSettings: tested),
    .target(
      name: "LeaseStores",
      dependencies: [
        "ClusterModel", "IngressModel", "Netlink", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ], swiftSettings: tested),
    .target(
      name: "Cluster",
      dependencies: [
        "ClusterModel", "Lab", "Netlink", "CHostSystem", "HostSystem", "KernelDirector", "ServiceTranslation",
        "IngressModel",
      ], swiftSettings: tested),
    .target(
      name: "OverlayNode", dependencies: ["ClusterModel", "Cluster", "LeaseStores", "Netlink", "HostSystem"],
      swiftSettings: tested),
    // What such a network costs, path by path.
    .target(
      name: "NetworkReport", dependencies: ["CHostSystem", "HostSystem", "Netlink", "ClusterModel", "Measurement"],
      swiftSettings: tested),
    .executableTarget(
      name: "svs-cluster",
      dependencies: [
        "Cluster", "ClusterModel", "IngressModel", "Lab", "NetworkReport", "LeaseStores", "OverlayNode", "Netlink",
        "HostSystem", "CHostSystem", "InstrumentCommands", "Measurement",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),

    // Programs: words in, a module called, text out.
    .executableTarget(name: "ipvsadm", dependencies: ["VirtualServer", "KernelDirector"], swiftSettings: strict),
    .executableTarget(name: "ipvsadm-save", dependencies: ["VirtualServer", "KernelDirector"], swiftSettings: strict),
    .executableTarget(
      name: "ipvsadm-restore", dependencies: ["VirtualServer", "KernelDirector"], swiftSettings: strict),
    .executableTarget(
      name: "svs",
      dependencies: [
        "VirtualServer", "KernelDirector", "Lab", "Demo", "RealServerSetup", "Simulation", "Netlink", "CHostSystem",
        "HostSystem", "InstrumentCommands",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], swiftSettings: strict),
    .executableTarget(
      name: "packet-bench",
      dependencies: ["Bench", .product(name: "ArgumentParser", package: "swift-argument-parser")],
      swiftSettings: strict),

    .testTarget(
      name: "ThroughputTests", dependencies: ["Throughput", "Measurement", "HostSystem", "CHostSystem"],
      swiftSettings: strict),
    .testTarget(name: "BenchTests", dependencies: ["Bench"], swiftSettings: strict),
    .testTarget(
      name: "IngressTests",
      dependencies: [
        "Ingress", "IngressModel", .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "NIOHTTP2", package: "swift-nio-http2"), .product(name: "NIOHPACK", package: "swift-nio-http2"),
      ], swiftSettings: strict),
    .testTarget(
      name: "IngressModelTests", dependencies: ["IngressModel"], exclude: ["Samples"], swiftSettings: strict),
    .testTarget(
      name: "ClusterModelTests", dependencies: ["ClusterModel", "Netlink", "IngressModel"], exclude: ["Samples"],
      swiftSettings: strict),
    .testTarget(
      name: "SocketDataplaneTests", dependencies: ["SocketDataplane", "SocketDataplaneTypes"], swiftSettings: strict),
    .testTarget(
      name: "ServiceTranslationTests",
      dependencies: [
        "ServiceTranslation", "SocketDataplaneTypes", "ClusterModel", "Netlink", "HostSystem", "CHostSystem",
      ], swiftSettings: strict),
    .testTarget(
      name: "LeaseStoresTests", dependencies: ["LeaseStores", "ClusterModel", "Netlink", "HostSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "ClusterTests",
      dependencies: ["Cluster", "ClusterModel", "KernelDirector", "Lab", "Netlink", "HostSystem", "CHostSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "OverlayNodeTests",
      dependencies: ["OverlayNode", "Cluster", "LeaseStores", "ClusterModel", "Netlink", "HostSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "NetworkReportTests",
      dependencies: ["NetworkReport", "ClusterModel", "Netlink", "Measurement", "HostSystem"], swiftSettings: strict),
    .testTarget(name: "MeasurementTests", dependencies: ["Measurement"], swiftSettings: strict),
    .testTarget(
      name: "LoadGeneratorTests",
      dependencies: [
        "LoadGenerator", "HTTPWire", "Measurement", "HostSystem",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ], swiftSettings: strict),
    .testTarget(
      name: "LocustWorkerTests",
      dependencies: [
        "LocustWorker", "LoadGenerator", "HostSystem",
        .product(name: "Histogram", package: "hdrhistogram-swift"),
      ], swiftSettings: strict),
    .testTarget(
      name: "LatencyProbeTests", dependencies: ["HTTPWire", "LatencyProbe", "Measurement", "HostSystem"],
      swiftSettings: strict),
    .testTarget(name: "WebAppTests", dependencies: ["HostSystem"], swiftSettings: strict),
    .testTarget(name: "NetlinkTests", dependencies: ["Netlink", "CHostSystem"], swiftSettings: strict),
    .testTarget(
      name: "LabTests",
      dependencies: ["Lab", "Netlink", "CHostSystem", "HostSystem", "RealServerSetup", "CLibbpf", "DataplaneObject"],
      swiftSettings: strict),
    // A lab's owner for the tests to kill.
    .executableTarget(name: "LabOwner", dependencies: ["Lab"], path: "Tests/LabOwner", swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: ["Lab", "Netlink", "HostSystem", "RealServerSetup", "CLibbpf", "DataplaneTypes"],
      exclude: ["Scripts"], swiftSettings: strict),
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Simulation", "VirtualServer", "KernelDirector", "Dataplane", "DataplaneTypes", "DataplaneSimulation",
        "DataplaneTesting",
      ], swiftSettings: strict),
    .testTarget(name: "VirtualServerTests", dependencies: ["VirtualServer", "KernelDirector"], swiftSettings: strict),
    .target(
      name: "DataplaneTesting", dependencies: ["Dataplane", "DataplaneTypes", "DataplaneSimulation"],
      path: "Tests/DataplaneTesting", swiftSettings: strict),
    .testTarget(
      name: "DataplaneTests", dependencies: ["Dataplane", "DataplaneTypes", "DataplaneSimulation", "DataplaneTesting"],
      swiftSettings: strict),
    .testTarget(
      name: "KernelDirectorTests",
      dependencies: [
        "KernelDirector", "Dataplane", "DataplaneTypes", "DataplaneSimulation", "DataplaneTesting", "Netlink",
        "CHostSystem", "CLibbpf",
        "Bench", "HostSystem",
      ], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)
