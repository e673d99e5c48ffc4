"""Puts items at a fixed rate, whatever the answers do (an open loop), and notes for each when it was due, sent, answered.

`python -m tests.benchmarks.bench.paced PORT TABLE RATE COUNT CONNECTIONS JITTER` prints lists of nanoseconds of the
monotonic clock, which is one for all processes of a machine. A put that is due while every connection waits for an
answer is sent late, and its latency counts from when it was due. JITTER (0 to 1) moves each by up to that share of the
pause between two, so that they don't fall into step with a server's own ticks. Plain sockets and epoll: 15 µs a put.
"""

from __future__ import annotations

import gc
import json
import random
import select
import socket
import sys
import time
from collections import deque

from tests.benchmarks.bench.seed import FIRST_NUMBER, STEP, put_request

KEYS = 20_000
END_SECONDS = 10
"""How long the last answers are waited for."""
OK = b"HTTP/1.1 200"
END = b"\r\n\r\n{}"
"""What an answer to these puts ends with."""
HEAD = (
    "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-Amz-Target: DynamoDB_20120810.PutItem\r\n"
    "Content-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n\r\n"
)


def schedule(rate: float, count: int, jitter: float) -> list[int]:
    """Return when each put is due, in nanoseconds from the start."""
    chance = random.Random(20_260_101)
    pause_ns = 1e9 / rate
    return [round((index + jitter * chance.random()) * pause_ns) for index in range(count)]


def requests(port: int, table: str, count: int) -> list[bytes]:
    """Build every request; the number in an item is the put's own."""
    built = []
    for index in range(count):
        request = put_request(table, f"item-{index * STEP % KEYS:08d}", FIRST_NUMBER + index)
        body = json.dumps(request, separators=(",", ":"))
        built.append((HEAD.format(port=port, length=len(body)) + body).encode())
    return built


class Pacer:
    """Sends on whichever connection is free."""

    def __init__(self, port: int, connections: int, sends: list[bytes]) -> None:
        self._sends = sends
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._free: deque[socket.socket] = deque()
        self._put_of: dict[int, int] = {}  # by descriptor: which put's answer is awaited
        self._received: dict[int, bytes] = {}
        self.sent_ns = [0] * len(sends)
        self.answered_ns = [0] * len(sends)
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._epoll.register(connection, select.EPOLLIN)
            self._sockets[connection.fileno()] = connection
            self._free.append(connection)

    def run(self, due_ns: list[int]) -> None:
        """Send each put when it is due, or as soon afterwards as a connection is free."""
        count, following = len(due_ns), 0
        end_ns = due_ns[-1] + END_SECONDS * 1_000_000_000
        while following < count or self._put_of:
            now = time.monotonic_ns()
            if now > end_ns:
                raise TimeoutError(f"{len(self._put_of)} of {following} puts were not answered in time")
            while following < count and due_ns[following] <= now and self._free:
                self._send(following)
                following += 1
            waits = following < count and self._free
            pause_ns = max(0, due_ns[following] - time.monotonic_ns()) if waits else 1_000_000_000
            select.select([self._epoll], [], [], pause_ns / 1e9)  # epoll's own timeout is in whole milliseconds
            for descriptor, _ in self._epoll.poll(0):
                self._receive(descriptor)

    def _send(self, number: int) -> None:
        connection = self._free.popleft()
        self._put_of[connection.fileno()] = number
        self._received[connection.fileno()] = b""
        self.sent_ns[number] = time.monotonic_ns()
        connection.sendall(self._sends[number])

    def _receive(self, descriptor: int) -> None:
        data = self._received[descriptor] + self._sockets[descriptor].recv(65_536)
        self._received[descriptor] = data
        if data[: len(OK)] != OK:
            raise RuntimeError(f"a put was refused: {data[:300]!r}")
        if data.endswith(END):
            self.answered_ns[self._put_of.pop(descriptor)] = time.monotonic_ns()
            self._free.append(self._sockets[descriptor])


def main() -> None:
    """Send, then print what happened when."""
    port, table, rate, count, connections = int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), *map(int, sys.argv[4:6])
    offsets = schedule(rate, count, float(sys.argv[6]))
    pacer = Pacer(port, connections, requests(port, table, count))
    gc.disable()
    start = time.monotonic_ns() + 50_000_000
    due_ns = [start + offset for offset in offsets]
    pacer.run(due_ns)
    print(json.dumps({"due_ns": due_ns, "sent_ns": pacer.sent_ns, "answered_ns": pacer.answered_ns}))


if __name__ == "__main__":
    main()
