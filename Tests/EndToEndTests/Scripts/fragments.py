"""Fragments by hand: fragments.py flood INTERFACE MAC SOURCE VIP PORT COUNT

Half of COUNT packets begin and never end, the others end and never began.
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


globals()[sys.argv[1]](*sys.argv[2:])
