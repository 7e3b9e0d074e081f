"""SCTP (RFC 9260) by hand, for kernels without it:

    sctp.py serve NAME ADDRESS...            answers associations at these addresses
    sctp.py associate VIP PORT COUNT [keep]  opens, uses and closes so many; prints who answered each

All that comes must have the right checksum, addresses and ports. With "keep", associations stay open.
"""
import select, socket, struct, sys, time

DATA, INIT, INIT_ACK, ABORT, SHUTDOWN, SHUTDOWN_ACK, COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE = 0, 1, 2, 6, 7, 8, 10, 11, 14
TABLE = []
for value in range(256):
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 255]
    return crc ^ 0xFFFFFFFF


def packet(sport, dport, tag, kind, body=b""):
    body += bytes(-len(body) % 4)
    plain = struct.pack("!HHII", sport, dport, tag, 0) + struct.pack("!BBH", kind, 3 if kind == DATA else 0, 4 + len(body)) + body
    return plain[:8] + struct.pack("<I", crc32c(plain)) + plain[12:]


def raw(address):
    six = ":" in address
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, 132)
    s.bind((address, 0))
    return s


def receive(s):
    """(sender, source port, destination port, chunk, its value); None for what is wrong."""
    data, peer = s.recvfrom(65535)
    if s.family == socket.AF_INET:
        data = data[(data[0] & 15) * 4:]
    if len(data) < 16 or struct.unpack("<I", data[8:12])[0] != crc32c(data[:8] + bytes(4) + data[12:]):
        print("a wrong checksum from", peer[0], flush=True)
        return None
    sport, dport = struct.unpack("!HH", data[:4])
    return peer[0], sport, dport, data[12], data[16:12 + struct.unpack("!H", data[14:16])[0]]


ANSWERS = {INIT: INIT_ACK, COOKIE_ECHO: COOKIE_ACK, DATA: DATA, SHUTDOWN: SHUTDOWN_ACK}


def serve(name, *addresses):
    sockets = [raw(a) for a in addresses]
    print("ready", flush=True)
    while True:
        for s in select.select(sockets, [], [])[0]:
            got = receive(s)
            if got is None or got[3] not in ANSWERS:
                continue
            peer, sport, dport, kind, value = got
            # Answered are name and port, so that the client knows which server's port it was.
            text = b"%s %d %s" % (name.encode(), dport, value[12:]) if kind == DATA else value
            s.sendto(packet(dport, sport, 1, ANSWERS[kind], bytes(12) + text if kind == DATA else text), (peer, 0))


def associate(vip, port, count, *options):
    port = int(port)
    six = ":" in vip
    probe = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect((vip, port))
    s = raw(probe.getsockname()[0])

    def ask(own, kind, body):
        """The value of the chunk that answers this one."""
        for attempt in range(5):
            s.sendto(packet(own, port, 1, kind, body), (vip, 0))
            end = time.monotonic() + 1
            while (left := end - time.monotonic()) > 0:
                if not select.select([s], [], [], left)[0]:
                    break
                got = receive(s)
                if got is None:
                    sys.exit("an answer with a wrong checksum")
                if got[1:4] == (port, own, ANSWERS[kind]):
                    assert got[0] == vip, "the answer comes from the VIP"
                    return got[4]
        sys.exit("no answer to chunk %d" % kind)

    for number in range(int(count)):
        own = 20000 + number
        ask(own, INIT, struct.pack("!IIHHI", 7, 65535, 1, 1, 1))
        ask(own, COOKIE_ECHO, b"cookie!!")
        # Of lengths that the checksum's change has to cope with.
        words = b"x" * (4 * (number * 37 % 300) + 4)
        answer = ask(own, DATA, struct.pack("!IHHI", number, 0, number, 0) + words)[12:]
        server, served, rest = answer.split(b" ", 2)
        assert rest.rstrip(b"\0") == words, "the same came back"
        print(server.decode(), served.decode(), flush=True)
        if "keep" not in options:
            ask(own, SHUTDOWN, bytes(4))
            s.sendto(packet(own, port, 1, SHUTDOWN_COMPLETE), (vip, 0))


globals()[sys.argv[1]](*sys.argv[2:])
