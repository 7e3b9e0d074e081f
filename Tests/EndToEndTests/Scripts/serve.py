"""A real server's side of the tests: serve.py NAME ADDRESS...

On every address: UDP and TCP port 9000 answer each datagram or line with the name and what came, TCP port 9001 reads to
the end and answers with the SHA-256 of what it read.
"""
import hashlib, socket, sys, threading

name, addresses = sys.argv[1].encode(), sys.argv[2:]


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def datagrams(s):
    while True:
        data, peer = s.recvfrom(65535)
        try:
            s.sendto(name + b" " + data, peer)
        except OSError:
            pass  # An error that an earlier answer earned.


def lines(s):
    try:
        with s, s.makefile("rwb", buffering=0) as stream:
            for line in stream:
                stream.write(name + b" " + line)
    except OSError:
        pass


def sink(s):
    try:
        with s:
            digest = hashlib.sha256()
            while data := s.recv(1 << 16):
                digest.update(data)
            s.sendall(digest.hexdigest().encode() + b"\n")
    except OSError:
        pass


def accept(s, handle):
    while True:
        connection, _ = s.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


threads = []
for address in addresses:
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind((address, 9000))
    threads.append(threading.Thread(target=datagrams, args=(s,)))
    for port, handle in ((9000, lines), (9001, sink)):
        s = socket.socket(family(address), socket.SOCK_STREAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(1024)
        threads.append(threading.Thread(target=accept, args=(s, handle)))
for thread in threads:
    thread.start()
