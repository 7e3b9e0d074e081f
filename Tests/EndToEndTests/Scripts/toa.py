"""Reads the clients' addresses that TCP options of kind 254 tell: toa.py INTERFACE PORT

Prints a line for each segment to that port: its flags, the bytes of its data, and the client's address and port or -.
"""
import socket, struct, sys

interface, port = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
s.bind((interface, 0))
print("ready", flush=True)
while True:
    packet, address = s.recvfrom(65535)
    if packet[0] >> 4 == 4 and packet[9] == 6:
        start, end = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
    elif packet[0] >> 4 == 6 and packet[6] == 6:
        start, end = 40, 40 + struct.unpack("!H", packet[4:6])[0]
    else:
        continue
    segment = packet[start:end]
    if struct.unpack("!H", segment[2:4])[0] != port or address[2] == socket.PACKET_OUTGOING:
        continue
    size = (segment[12] >> 4) * 4
    options, told = segment[20:size], "-"
    while options and options[0]:
        if options[0] == 1:
            options = options[1:]
            continue
        length = options[1]
        if options[0] == 254:
            family = {8: socket.AF_INET, 20: socket.AF_INET6}[length]
            told = f"{socket.inet_ntop(family, options[4:length])} {struct.unpack('!H', options[2:4])[0]}"
        options = options[length:]
    flags = "".join(name for bit, name in ((2, "S"), (1, "F"), (4, "R"), (16, "A")) if segment[13] & bit)
    print(flags, len(segment) - size, told, flush=True)
