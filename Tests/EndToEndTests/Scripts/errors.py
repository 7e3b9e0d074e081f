"""ICMP errors, as sockets hear of them, and by hand: errors.py COMMAND ARGUMENT..."""
import random, socket, struct, sys, time


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def refused(vip, port):
    """Sends until the socket says that the port is closed."""
    s = socket.socket(family(vip), socket.SOCK_DGRAM)
    s.connect((vip, int(port)))
    s.settimeout(1)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            s.send(b"anybody there?")
            s.recv(100)
        except ConnectionRefusedError:
            print("refused")
            return
        except TimeoutError:
            pass
    sys.exit("nothing heard")


def answer(address, port):
    """Takes one datagram and answers it until its sender's host says that nobody is there any more."""
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.bind((address, int(port)))
    _, peer = s.recvfrom(100)
    s.connect(peer)
    s.settimeout(0.1)
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            s.send(b"still there?")
            s.recv(100)
        except ConnectionRefusedError:
            print("refused", flush=True)
            return
        except TimeoutError:
            pass
    sys.exit("nothing heard")


def leave(vip, port):
    """Asks, and does not wait for the answer."""
    socket.socket(family(vip), socket.SOCK_DGRAM).sendto(b"hello", (vip, int(port)))


def many(vip, port, count):
    """Datagrams from one socket, whatever comes back."""
    s = socket.socket(family(vip), socket.SOCK_DGRAM)
    for _ in range(int(count)):
        s.sendto(b"anybody there?", (vip, int(port)))


def flood(source, vip, count):
    """Errors that quote flows which do not exist."""
    six = ":" in vip
    s = socket.socket(family(vip), socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
    rng = random.Random(1)
    a, b = socket.inet_pton(family(vip), vip), socket.inet_pton(family(vip), source)
    for _ in range(int(count)):
        ports = struct.pack("!HHI", rng.randrange(65536), rng.randrange(65536), rng.getrandbits(32))
        proto = rng.choice([6, 17, 4, 41, 47])
        if six:
            quote = struct.pack("!IHBB", 6 << 28, 8, proto, 64) + a + b + ports
            message = struct.pack("!BBHI", 1, 4, 0, 0) + quote
        else:
            quote = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, proto, 0) + a + b + ports
            message = struct.pack("!BBHI", 3, rng.choice([1, 3, 4]), 0, 1300) + quote
            words = sum(struct.unpack("!%dH" % (len(message) // 2), message))
            while words >> 16:
                words = (words & 0xFFFF) + (words >> 16)
            message = message[:2] + struct.pack("!H", ~words & 0xFFFF) + message[4:]
        s.sendto(message[: rng.choice([len(message), len(message), rng.randrange(8, len(message))])], (vip, 0))


def big(vip, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 10, 0)  # IP_MTU_DISCOVER: never, so without DF
    s.sendto(b"x" * 1440, (vip, int(port)))


globals()[sys.argv[1]](*sys.argv[2:])
