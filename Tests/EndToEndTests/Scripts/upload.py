"""Sends much and compares what arrived: upload.py VIP PORT BYTES"""
import hashlib, os, socket, sys

vip, port, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
block = os.urandom(1 << 16)
digest = hashlib.sha256()
with socket.create_connection((vip, port), timeout=20) as s:
    while size > 0:
        part = block[: min(size, len(block))]
        s.sendall(part)
        digest.update(part)
        size -= len(part)
    s.shutdown(socket.SHUT_WR)
    answer = s.makefile().readline().strip()
print("same" if answer == digest.hexdigest() else "changed: " + answer)
