"""Gets a page again and again from the same port: again.py VIP PORT COUNT

It reads to the end before it closes, so that the server, which closed first, is the one that waits.
"""
import socket, sys

vip, port = sys.argv[1], int(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_STREAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.settimeout(10)
        s.bind(("", 5555))
        s.connect((vip, port))
        s.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while data := s.recv(4096):
            answer += data
    print(answer.split(b"\r\n\r\n")[1].decode().strip())
