import ArgumentParser

/// `svs overlay`: this host as a node of a pods' network.
public struct OverlayCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "overlay",
    abstract: "Be a node of a pods' network, as flanneld is, with leases in etcd.",
    discussion: """
      Keeps this host's lease in etcd, its kernel as the leases of all nodes say, and /run/flannel/subnet.env. Nodes \
      that run flanneld may be part of the same network. What etcd does not have yet is waited for; a changed \
      configuration is followed.

      SIGTERM and SIGINT end it; pods' packets go on, unless --remove-on-exit is given.

      EXAMPLES
        svs overlay --etcd http://192.0.2.1:2379
        svs overlay --etcd http://192.0.2.1:2379,http://192.0.2.2:2379 --interface eth1
        svs overlay --etcd https://192.0.2.1:2379 --ca ca.pem --cert node.pem --key node.key
        svs overlay --etcd http://192.0.2.1:2379 --ip-masq --json
      """)

  @Option(
    help: ArgumentHelp(
      "The servers of etcd, with commas between them: http://HOST:2379[,…].", valueName: "address,…"))
  public var etcd: String

  @Option(help: ArgumentHelp("What stands before /config and /subnets.", valueName: "key"))
  public var prefix = "/coreos.com/network"

  @Option(
    help: ArgumentHelp(
      "The interface to the other nodes, or its address; without it, that of the default route.",
      valueName: "interface"))
  public var interface: String?

  @Option(
    name: .customLong("public-ip"),
    help: ArgumentHelp("What other nodes send to, where it is not the interface's address.", valueName: "address"))
  public var publicIP: String?

  @Option(
    name: .customLong("public-ipv6"), help: ArgumentHelp("The same for IPv6.", valueName: "address"))
  public var publicIPv6: String?

  @Option(help: ArgumentHelp("What tells the container runtime of this node's subnet.", valueName: "file"))
  public var subnetFile = "/run/flannel/subnet.env"

  @Option(help: ArgumentHelp("What this program has put into the kernel, for its next start.", valueName: "file"))
  public var state = "/run/svs/overlay.state"

  @Flag(name: .customLong("ip-masq"), help: "Let what leaves the pods' network have this node's address.")
  public var masquerades = false

  @Flag(help: "At the end give the lease back, and leave nothing in the kernel.")
  public var removeOnExit = false

  @Flag(help: "End when all is set up.")
  public var once = false

  @Flag(help: "Write what happens to standard output, an object in each line.")
  public var json = false

  @Option(help: ArgumentHelp("Who this is to etcd, if it asks.", valueName: "name"))
  public var user: String?

  @Option(help: ArgumentHelp("The file whose first line is the user's password.", valueName: "file"))
  public var passwordFile: String?

  @Option(
    name: .customLong("ca"),
    help: ArgumentHelp("The authorities (PEM) of etcd's certificate; none: those of the system.", valueName: "file"))
  public var authorities: String?

  @Option(
    name: .customLong("cert"), help: ArgumentHelp("This node's certificate (PEM) for etcd.", valueName: "file"))
  public var certificate: String?

  @Option(help: ArgumentHelp("The key (PEM) of --cert.", valueName: "file"))
  public var key: String?

  public init() {}

  public func validate() throws {
    guard !etcd.isEmpty else { throw ValidationError("--etcd needs an address, such as http://192.0.2.1:2379.") }
    guard prefix.hasPrefix("/"), prefix.contains(where: { $0 != "/" }) else {
      throw ValidationError("--prefix is a key that begins with a slash, such as /coreos.com/network.")
    }
    guard (user == nil) == (passwordFile == nil) else {
      throw ValidationError("--user and --password-file belong together.")
    }
    guard (certificate == nil) == (key == nil) else { throw ValidationError("--cert and --key belong together.") }
    guard !once || !removeOnExit else {
      throw ValidationError("--once leaves what it set up; leave out --remove-on-exit.")
    }
  }
}
