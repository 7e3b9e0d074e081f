"""Fragments by hand:

    fragments.py flood INTERFACE MAC SOURCE VIP PORT COUNT   half of COUNT packets begin and never end, the others end
                                                             and never began
    fragments.py options SOURCE VIP PORT     sends a datagram of 1,400 bytes that may be fragmented, with IP options
    fragments.py pieces ADDRESS              prints what it arrives in: offset, more or last, options, bytes
"""
import socket, struct, sys


def packed(address):
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


def total(data):
    t = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while t >> 16:
        t = (t & 0xFFFF) + (t >> 16)
    return t


def flood(interface, mac, source, vip, port, count):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    s.bind((interface, 0))
    own = bytes.fromhex(open(f"/sys/class/net/{interface}/address").read().strip().replace(":", ""))
    six = ":" in vip
    link = bytes.fromhex(mac.replace(":", "")) + own + (b"\x86\xdd" if six else b"\x08\x00")
    ends = packed(source) + packed(vip)
    payload = struct.pack("!HHHH", 40000, int(port), 3000, 0x1234) + bytes(24)
    for number in range(int(count)):
        later = number & 1
        if six:
            piece = struct.pack("!BBHI", 17, 0, 1280 if later else 1, number + 1)
            packet = struct.pack("!IHBB", 6 << 28, 8 + len(payload), 44, 64) + ends + piece + payload
        else:
            # An identification is 16 bits long: later ones come under others than first ones.
            id = (number >> 1) % 25000 + (30000 if later else 1)
            head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), id, 160 if later else 0x2000, 64, 17, 0) + ends
            packet = head[:10] + struct.pack("!H", ~total(head) & 0xFFFF) + head[12:] + payload
        while True:
            try:
                s.send(link + packet)
                break
            except OSError as error:
                if error.errno != 105:  # ENOBUFS: the queue is full, and empties.
                    raise


ROUTER_ALERT = bytes([0x94, 4, 0, 0])  # To be copied into all fragments, by its first bit.
RECORD_ROUTE = bytes([7, 7, 4, 0, 0, 0, 0])  # Not to be copied.


def options(source, vip, port):
    payload = struct.pack("!HHHH", 40000, int(port), 1408, 0) + bytes(n & 255 for n in range(1400))
    body = ROUTER_ALERT + RECORD_ROUTE + b"\0"
    head = struct.pack("!BBHHHBBH", 0x48, 0, 32 + len(payload), 77, 0, 64, 17, 0) + packed(source) + packed(vip)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    s.sendto(head + body + payload, (vip, 0))


def pieces(address):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
    s.settimeout(30)
    print("ready", flush=True)
    data = {}
    while True:
        packet = s.recv(2048)
        length, _, place = struct.unpack("!HHH", packet[2:8])
        if packet[16:20] != packed(address) or packet[9] != 17 or not place & 0x3FFF:
            continue
        size = (packet[0] & 15) * 4
        assert total(packet[:size]) == 0xFFFF, "the header's checksum"
        offset, more = (place & 0x1FFF) * 8, place & 0x2000
        data[offset] = packet[size:length]
        print(offset, "more" if more else "last", packet[20:size].hex(), length - size, flush=True)
        if not more:
            break
    whole = b"".join(data[offset] for offset in sorted(data))
    print("whole" if whole[8:] == bytes(n & 255 for n in range(1400)) else "broken", flush=True)


globals()[sys.argv[1]](*sys.argv[2:])
