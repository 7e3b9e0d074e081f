"""Opens connections, speaks on each, and resets them: resets.py VIP PORT COUNT"""
import socket, struct, sys

connections = [socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=10) for _ in range(int(sys.argv[3]))]
for s in connections:
    s.sendall(b"hello\n")
    assert s.recv(100).endswith(b" hello\n")
for s in connections:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
