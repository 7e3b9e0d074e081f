"""SIP messages by UDP: sip.py VIP PORT SOURCE CALL[/SOURCE]...

Each message is of the call named, comes from a new port of SOURCE, and is asked until somebody answers; prints who did. A call named "none" has no Call-ID.
"""
import socket, sys

vip, port = sys.argv[1], int(sys.argv[2])
for number, words in enumerate(sys.argv[4:]):
    call, _, source = words.partition("/")
    s = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((source or sys.argv[3], 0))
    s.settimeout(1)
    # As phones write it: long or short, in any case, with blanks or without.
    name = ["Call-ID: ", "call-id:", "i: ", "CALL-ID :\t"][number % 4]
    headers = ["INVITE sip:bob@example.org SIP/2.0", "Via: SIP/2.0/UDP client.example.org", "Max-Forwards: 70"]
    headers += [] if call == "none" else [name + call + "@example.org"]
    text = "\r\n".join(headers + ["CSeq: %d INVITE" % number, "", ""]).encode()
    for attempt in range(5):
        s.sendto(text, (vip, port))
        try:
            answer, peer = s.recvfrom(65535)
        except TimeoutError:
            continue
        server, _, rest = answer.partition(b" ")
        assert rest == text and peer[:2] == (vip, port), "what came is not what was sent"
        print(server.decode(), flush=True)
        break
    else:
        sys.exit("nobody answered")
