import HostSystem

/// What `-h` and `-v` print.
enum Help {
  /// The version of IPVS whose behaviour this is.
  static let ipvsVersion = "1.2.1"

  /// What the listing's first line gives as `size`: the buckets of IPVS's connection table as kernels have it.
  ///
  /// Ours has no buckets of that kind; scripts that know the line see the one they know.
  static let ipvsTableSize = 4096

  static let version = "ipvsadm v1.31 (Swift Virtual Server \(Release.version), IPVS v\(ipvsVersion))"

  static func text(program: String) -> String {
    """
    \(version)
    Usage:
      \(program) -A|E SERVICE [-s scheduler] [-p [seconds]] [-M mask] [--pe engine] [-b flags] [-o]
      \(program) -D SERVICE
      \(program) -a|e SERVICE -r SERVER [-m|g|i] [-w weight] [-x upper] [-y lower] [tunnel options]
      \(program) -d SERVICE -r SERVER
      \(program) -L|l [SERVICE] [-n] [-c] [--stats] [--rate] [--thresholds] [--persistent-conn] [...]
      \(program) -Z [SERVICE]
      \(program) -S [-n]
      \(program) -R
      \(program) -C
      \(program) --set TCP TCPFIN UDP
      \(program) --start-daemon master|backup [daemon options]
      \(program) --stop-daemon master|backup
      \(program) -h

    Commands:
      -A  --add-service      add a virtual service
      -E  --edit-service     change one; what is not given goes back to its default
      -D  --delete-service   delete one with its real servers
      -C  --clear            delete every virtual service
      -a  --add-server       add a real server to a virtual service
      -e  --edit-server      change one; what is not given goes back to its default
      -d  --delete-server    take a real server out
      -L  --list, -l         list the services and their servers
      -Z  --zero             set the counters of a service, or of all, to zero
      -S  --save             print the rules as command lines
      -R  --restore          read such lines from standard input
          --set T F U        seconds that idle TCP, closing TCP and UDP connections are kept; 0 keeps a value
          --start-daemon     start sending (master) or taking (backup) connections
          --stop-daemon      stop it
      -h  --help             this text
      -v  --version          the version

    SERVICE is one of:
      -t  --tcp-service HOST[:PORT]
      -u  --udp-service HOST[:PORT]
          --sctp-service HOST[:PORT]
      -f  --fwmark-service MARK [-6|--ipv6]

    Options of a virtual service:
      -s  --scheduler NAME   rr, wrr, lc, wlc (default), lblc, lblcr, dh, sh, sed, nq, fo, ovf or mh
      -p  --persistent [S]   a client keeps its real server for S seconds (default 360)
      -M  --netmask MASK     which clients count as one: a mask, or a prefix length for IPv6
          --pe ENGINE        the persistence engine: sip
      -b  --sched-flags F,…  sh-fallback, sh-port, mh-fallback, mh-port, flag-1, flag-2, flag-3
      -o  --ops              schedule every UDP packet by itself

    Options of a real server:
      -r  --real-server HOST[:PORT]
      -g  --gatewaying       direct routing (default)
      -i  --ipip             tunnelling
      -m  --masquerading     NAT
      -F  --fullnat          NAT of both ends, from a local address of the director (SVS only)
      -w  --weight N         capacity against the others (default 1); 0 takes no new connections
      -x  --u-threshold N    at most this many connections
      -y  --l-threshold N    below this many it takes new ones again
          --tun-type TYPE    ipip (default), gue or gre
          --tun-port PORT    where GUE goes
          --tun-nocsum, --tun-csum, --tun-remcsum
                             the tunnel's checksum: none (default), full, remote

    Options of a listing:
      -n  --numeric          addresses and ports as numbers
      -c  --connection       the connections
          --stats            counters
          --rate             rates per second
      -X  --exact            figures in full
          --thresholds       connection thresholds
          --persistent-conn  persistent connections
          --tun-info         tunnels
          --timeout          the timeouts
          --daemon           the synchronisation daemons
          --nosort           services and servers in the kernel's order
          --sort             taken, and without effect

    Options of a synchronisation daemon:
          --mcast-interface IF, --mcast-group ADDRESS, --mcast-port PORT, --mcast-ttl TTL
          --syncid 0-255, --sync-maxlen BYTES

    Examples:
      \(program) -A -t 192.0.2.10:80 -s wrr
      \(program) -a -t 192.0.2.10:80 -r 10.0.0.11:8080 -m -w 2
      \(program) -a -t 192.0.2.10:80 -r 10.0.0.12:8080 -m
      \(program) -Ln --stats
      \(program) -A -t [2001:db8::10]:443 -s wlc
      \(program) -a -t [2001:db8::10]:443 -r [fd00::11]:443 -g
      \(program) -Sn > rules && \(program) -C && \(program) -R < rules

    """
  }
}
