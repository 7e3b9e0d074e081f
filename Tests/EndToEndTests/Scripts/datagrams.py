"""Asks by UDP, each time from a new port: datagrams.py VIP PORT COUNT SIZE [no-checksum]

Prints for every answer the server's name and the address that it came from; an unanswered question is asked again.
"""
import socket, sys

vip, port, count, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
for number in range(count):
    s = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
    if "no-checksum" in sys.argv:
        s.setsockopt(socket.SOL_SOCKET, 11, 1)  # SO_NO_CHECK
    s.settimeout(1)
    text = (b"%d " % number).ljust(size, b"x")
    for attempt in range(5):
        s.sendto(text, (vip, port))
        try:
            answer, peer = s.recvfrom(65535)
        except TimeoutError:
            continue
        name, _, rest = answer.partition(b" ")
        print(name.decode(), peer[0], "same" if rest == text else "changed", flush=True)
        break
    else:
        print("nobody answered", flush=True)
