"""One TCP connection that lives long: talk.py VIP PORT SECONDS

Sends a line ten times a second, waits for its answer, and prints the server's name.
"""
import socket, sys, time

vip, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
end = time.monotonic() + seconds
number = 0
with socket.create_connection((vip, port), timeout=30) as s, s.makefile("rb") as answers:
    while time.monotonic() < end:
        s.sendall(b"%d\n" % number)
        answer = answers.readline().split()
        if answer[1:] != [b"%d" % number]:
            print("wrong answer", answer, flush=True)
            sys.exit(1)
        print(answer[0].decode(), flush=True)
        number += 1
        time.sleep(0.1)
