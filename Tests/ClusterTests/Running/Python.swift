/// Little programs for the ends of connections.
enum Python {
  private static func program(_ text: String, _ words: String...) -> [String] { ["python3", "-c", text] + words }

  /// Takes one connection on port 7000 and writes what comes to the file `received`.
  static let sink = program(
    """
    import socket
    peer = socket.create_server(("", 7000)).accept()[0]
    with open("received", "wb", buffering=0) as file:
        while data := peer.recv(65536): file.write(data)
    """)

  /// Sends a line every hundredth of a second over one connection to port 7000, for as long as it takes them.
  static func source(_ address: String) -> [String] {
    program(
      """
      import socket, sys, time
      to = socket.create_connection((sys.argv[1], 7000))
      while True:
          to.sendall(b"line\\n" * 10)
          time.sleep(0.01)
      """, address)
  }

  /// Appends the address of everyone who connects to port 7001 to the file `peers`.
  static let peers = program(
    """
    import socket
    server = socket.create_server(("", 7001))
    while True:
        connection, peer = server.accept()
        with open("peers", "a") as file: file.write(peer[0] + "\\n")
        connection.close()
    """)

  static func visit(_ address: String) -> [String] {
    program(
      """
      import socket, sys
      socket.create_connection((sys.argv[1], 7001), timeout=5).recv(1)
      """, address)
  }
}

extension Python {
  /// Asks a web service ten times a second over one connection, and appends a byte to `answersNUMBER` for each answer.
  static func client(_ address: String, _ number: Int, seconds: Double = 1000) -> [String] {
    [
      "python3", "-c",
      """
      import http.client, sys, time
      connection = http.client.HTTPConnection(sys.argv[1], 8000, timeout=5)
      end = time.monotonic() + float(sys.argv[3])
      with open("answers" + sys.argv[2], "ab", buffering=0) as file:
          while time.monotonic() < end:
              connection.request("GET", "/")
              assert connection.getresponse().read().startswith(b"Welcome")
              assert connection.sock, "the server closed the connection"
              file.write(b".")
              time.sleep(0.1)
      """, address, "\(number)", "\(seconds)",
    ]
  }
}
