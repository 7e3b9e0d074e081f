"""Streams behind a PROXY header, version 2.

proxied.py serve ADDRESS PORT           reads the header and the stream, answers with the client's address, the stream's
                                        SHA-256 and as many bytes again as it asked for
proxied.py upload VIP PORT BYTES COUNT  so many streams at once; prints a line for each
proxied.py detour INTERFACE             holds every frame back for a moment, and returns it where it came from
"""
import hashlib, os, select, socket, struct, sys, threading, time

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def exactly(s, size):
    data = b""
    while len(data) < size:
        part = s.recv(size - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {size} bytes")
        data += part
    return data


def answer(s):
    with s:
        head = exactly(s, 16)
        if head[:12] != SIGNATURE or head[12] != 0x21:
            s.sendall(b"no header but " + repr(head).encode() + b"\n")
            return
        body = exactly(s, struct.unpack("!H", head[14:])[0])
        family, size = (socket.AF_INET, 4) if head[13] == 0x11 else (socket.AF_INET6, 16)
        client = socket.inet_ntop(family, body[:size])
        port = struct.unpack("!H", body[2 * size:2 * size + 2])[0]
        wanted = struct.unpack("!I", exactly(s, 4))[0]
        digest = hashlib.sha256()
        while data := s.recv(1 << 16):
            digest.update(data)
        s.sendall(f"{client} {port} {digest.hexdigest()}\n".encode())
        back = os.urandom(1 << 16)
        digest = hashlib.sha256()
        while wanted > 0:
            part = back[:min(wanted, len(back))]
            s.sendall(part)
            digest.update(part)
            wanted -= len(part)
        s.sendall(digest.digest())


def upload(vip, port, size, results, index):
    try:
        with socket.create_connection((vip, port), timeout=100) as s:
            # One in two waits: its header goes alone, with the handshake's last segment.
            if index % 2:
                time.sleep(0.05)
            own = s.getsockname()[:2]
            block = os.urandom(1 << 16)
            digest = hashlib.sha256()
            s.sendall(struct.pack("!I", size // 4))
            left = size
            while left > 0:
                part = block[:min(left, len(block))]
                s.sendall(part)
                digest.update(part)
                left -= len(part)
            s.shutdown(socket.SHUT_WR)
            stream = s.makefile("rb")
            line = stream.readline().decode().strip()
            if line != f"{own[0]} {own[1]} {digest.hexdigest()}":
                results[index] = f"changed: {line} of {own}"
                return
            back = stream.read()
            same = len(back) == size // 4 + 32 and hashlib.sha256(back[:-32]).digest() == back[-32:]
            results[index] = "same" if same else f"changed on the way back: {len(back)} bytes"
    except (OSError, EOFError) as error:
        results[index] = f"failed: {error}"


def detour(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    s.bind((interface, 0))
    print("ready", flush=True)
    held = []
    while True:
        wait = max(0, held[0][0] - time.monotonic()) if held else None
        if select.select([s], [], [], wait)[0]:
            frame, address = s.recvfrom(65535)
            if address[2] != socket.PACKET_OUTGOING:
                held.append((time.monotonic() + 0.004, frame))
        while held and held[0][0] <= time.monotonic():
            s.send(held.pop(0)[1])


mode, words = sys.argv[1], sys.argv[2:]
if mode == "serve":
    listener = socket.socket(socket.AF_INET6 if ":" in words[0] else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((words[0], int(words[1])))
    listener.listen(128)
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()
elif mode == "upload":
    results = [""] * int(words[3])
    threads = [
        threading.Thread(target=upload, args=(words[0], int(words[1]), int(words[2]), results, i))
        for i in range(len(results))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("\n".join(results))
else:
    detour(words[0])
