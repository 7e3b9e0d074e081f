"""Packets by hand, and checks of what comes back: wire.py COMMAND ARGUMENT..."""
import random, select, socket, struct, sys, time


def total(data):
    if len(data) % 2:
        data += b"\0"
    t = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while t >> 16:
        t = (t & 0xFFFF) + (t >> 16)
    return t


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def ip(source, target, proto, payload, ttl=64, fragment=0x4000, ihl=5, length=None, options=b""):
    """An IP packet, its header as wrong as asked for."""
    source, target = packed(source), packed(target)
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, proto, ttl) + source + target + payload
    head = struct.pack(
        "!BBHHHBBH", 0x40 | ihl, 0, 4 * ihl + len(payload) if length is None else length, random.getrandbits(16), fragment, ttl,
        proto, 0) + source + target + options
    return head[:10] + struct.pack("!H", ~total(head) & 0xFFFF) + head[12:] + payload


def with_sum(source, target, proto, segment, at):
    pseudo = packed(source) + packed(target) + struct.pack("!II", len(segment), proto)
    value = ~total(pseudo + segment) & 0xFFFF
    return segment[:at] + struct.pack("!H", value or 0xFFFF) + segment[at + 2:]


def tcp(source, target, sport, dport, flags, sequence=1, options=b"", data=b"", offset=None):
    words = 5 + len(options) // 4 if offset is None else offset
    segment = struct.pack("!HHIIBBHHH", sport, dport, sequence, 0, words << 4, flags, 1024, 0, 0) + options + data
    return with_sum(source, target, 6, segment, 16)


def udp(source, target, sport, dport, data, length=None):
    segment = struct.pack("!HHHH", sport, dport, 8 + len(data) if length is None else length, 0) + data
    return with_sum(source, target, 17, segment, 6)


def link(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((interface, 0))
    return s


def mac_of(interface):
    return bytes.fromhex(open(f"/sys/class/net/{interface}/address").read().strip().replace(":", ""))


def frame(interface, mac, packet, tags=()):
    head = bytes.fromhex(mac.replace(":", "")) + mac_of(interface)
    for tag in tags:
        head += struct.pack("!HH", 0x8100, tag)
    return head + struct.pack("!H", 0x86DD if packet[:1] and packet[0] >> 4 == 6 else 0x0800) + packet


def resets(source, vip, port, first, count):
    """From every port a SYN, an ACK and a RST: a connection that the director saw open and end."""
    s = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
    for n in range(int(count)):
        for flags in (2, 16, 4):
            s.sendto(tcp(source, vip, int(first) + n, int(port), flags), (vip, 0))
        if n % 50 == 49:
            time.sleep(0.005)


def datagram(interface, mac, source, vip, port, tags="", extra=""):
    """A datagram in a frame with tags, or with options in its header; prints the answer that the system receives."""
    listener = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((source, 0))
    listener.settimeout(5)
    payload = udp(source, vip, listener.getsockname()[1], int(port), b"by hand")
    if extra == "":
        packet = ip(source, vip, 17, payload)
    elif ":" not in vip:
        packet = ip(source, vip, 17, payload, ihl=6, options=b"\1\1\1\0")  # No operation, three times.
    else:
        pad = bytes([1, 4, 0, 0, 0, 0])
        packet = ip(source, vip, 60, bytes([60, 0]) + pad + bytes([17, 0]) + pad + payload)  # Destination options, twice.
    link(interface).send(frame(interface, mac, packet, [int(t) for t in tags.split(",") if t]))
    answer, peer = listener.recvfrom(2048)
    print(answer.decode(), "from", peer[0])


def icmp(source, vip, port, kind, code, ttl, size):
    """Sends a datagram that earns an ICMP answer of this type and code from the VIP, and checks all that is in it.

    Prints the MTU that the answer names.
    """
    six = ":" in vip
    family = socket.AF_INET6 if six else socket.AF_INET
    answers = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x86DD if six else 0x0800))
    payload = udp(source, vip, 40001, int(port), b"x" * int(size))
    packet = ip(source, vip, 17, payload, ttl=int(ttl))
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW)
    end = time.monotonic() + 5
    sent = 0
    while time.monotonic() < end:
        if time.monotonic() - sent > 1:
            raw.sendto(packet, (vip, 0))
            sent = time.monotonic()
        if not select.select([answers], [], [], 0.2)[0]:
            continue
        answer = answers.recv(2048)
        if six:
            body = answer[40:40 + struct.unpack("!H", answer[4:6])[0]]
            if answer[6] != 58 or body[:1] != bytes([int(kind)]):
                continue
            assert answer[8:24] == packed(vip), "the answer comes from the VIP"
            pseudo = answer[8:40] + struct.pack("!II", len(body), 58)
            assert total(pseudo + body) == 0xFFFF, "ICMPv6 checksum"
            assert len(answer) <= 1280, "RFC 4443: as much as fits"
            mtu = struct.unpack("!I", body[4:8])[0]
        else:
            length = struct.unpack("!H", answer[2:4])[0]
            body = answer[20:length]
            if answer[9] != 1 or body[:1] != bytes([int(kind)]):
                continue
            assert answer[12:16] == packed(vip), "the answer comes from the VIP"
            assert total(answer[:20]) == 0xFFFF, "IPv4 checksum"
            assert total(body) == 0xFFFF, "ICMP checksum"
            assert length <= 576, "RFC 1812: at most 576 bytes"
            mtu = struct.unpack("!H", body[6:8])[0]
        assert body[1] == int(code), f"code {body[1]}"
        quoted = body[8:]
        # The system fills in an IPv4 header's identification and sum if they are left open.
        assert quoted[20 if not six else 40:] == payload[:len(quoted) - (20 if not six else 40)], "quotes what was sent"
        assert quoted[12 if not six else 8:20 if not six else 40] == packed(source) + packed(vip), "quotes the addresses"
        print(mtu)
        return
    sys.exit("no answer")


def hostile(interface, mac, source, vip, port, seed, count):
    """Frames that no decent host sends."""
    rng = random.Random(int(seed))
    port = int(port)
    six = ":" in vip
    s = link(interface)

    def any_port():
        return rng.randrange(1, 65536)

    def wrong_ihl():
        return ip(source, vip, 6, tcp(source, vip, any_port(), port, 2), ihl=rng.choice([0, 1, 4, 15]))

    def wrong_length():
        return ip(source, vip, 6, tcp(source, vip, any_port(), port, 2), length=rng.choice([0, 1, 19, 39, 41, 1500, 65535]))

    def wrong_offset():
        return ip(source, vip, 6, tcp(source, vip, any_port(), port, 2, offset=rng.choice([0, 1, 4])))

    def wrong_udp():
        return ip(source, vip, 17, udp(source, vip, any_port(), port, b"xx", length=rng.choice([0, 7, 11, 65535])))

    def fragments():
        return ip(source, vip, 6, rng.randbytes(rng.randrange(0, 64)), fragment=rng.choice([0x2000, 1, 0x2001, 0x1FFF]))

    def land():
        return ip(vip, vip, 6, tcp(vip, vip, port, port, 2))

    def no_state():
        return ip(source, vip, 6, tcp(source, vip, any_port(), port, rng.choice([0, 1, 4, 16, 0x3F, 8])))

    def reset_of_nothing():
        return ip(source, vip, 6, tcp(source, vip, any_port(), port, 4))

    def truncated():
        whole = ip(source, vip, 6, tcp(source, vip, any_port(), port, 2))
        return whole[: rng.randrange(1, len(whole))]

    def garbage():
        return bytes([rng.choice([0x45, 0x60, 0x4F, 0x00])]) + rng.randbytes(rng.randrange(0, 200))

    def extension_headers():
        chain = bytes([0, 60, 43, 6])
        return ip(source, vip, rng.choice([0, 43, 44, 60]), bytes([rng.choice(chain), rng.randrange(256)]) + rng.randbytes(62))

    kinds = [wrong_length, wrong_offset, wrong_udp, land, no_state, reset_of_nothing, truncated, garbage]
    kinds += [extension_headers] if six else [wrong_ihl, fragments]
    for n in range(int(count)):
        packet = rng.choice(kinds)()
        tags = [rng.randrange(4096) for _ in range(rng.choice([0, 0, 0, 1, 2, 3]))]
        data = frame(interface, mac, packet, tags)
        try:
            s.send(data.ljust(rng.choice([14, 60]), b"\0"))
        except OSError:
            pass  # Longer than the link allows.
        if n % 100 == 99:
            time.sleep(0.01)


globals()[sys.argv[1]](*sys.argv[2:])
