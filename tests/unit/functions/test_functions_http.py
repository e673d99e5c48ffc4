"""One connection of a runtime: requests in any pieces, replies of any size, ends at any moment."""

from __future__ import annotations

import asyncio
import socket

import pytest

from cdc.clock import SystemClock
from cdc.functions.http import HEAD_BYTES, Connection, Reply, Request
from cdc.functions.pump import Pump

OK = Reply(200, (("A", "b"),), b"{}")
POST = b"POST /a/b?c=1 HTTP/1.1\r\nHost: h\r\nX-Y: z\r\nContent-Length: 3\r\n\r\nabc"


class Served:
    """A connection on a pair of sockets; what it hands over is noted."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()  # not run: what is ready is called by `once`
        self.pump = Pump(self.loop, SystemClock())
        self.client, ours = socket.socketpair()
        ours.setblocking(False)
        self.client.settimeout(5)
        self.requests: list[Request] = []
        self.ended = 0
        self.connection = Connection(ours, self.pump, body_bytes_max=10, on_request=self.on_request, on_end=self.on_end)

    def on_request(self, _, request):
        self.requests.append(request)

    def on_end(self, _):
        self.ended += 1

    def send(self, data):
        self.client.sendall(data)
        self.pump.once()

    def received(self):
        data = b""
        self.client.settimeout(0.01)
        try:
            while part := self.client.recv(65536):
                data += part
        except TimeoutError:
            pass
        return data


@pytest.fixture
def served():
    served = Served()
    yield served
    served.connection.close()
    served.client.close()
    served.loop.close()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_is_put_together_from_pieces(served, size):
    for start in range(0, len(POST), size):
        served.send(POST[start : start + size])
    [request] = served.requests
    assert request == Request("POST", "/a/b", {"host": "h", "x-y": "z", "content-length": "3"}, b"abc", 3)


def test_a_reply_has_its_length_and_its_type_and_the_next_request_follows(served):
    for _ in range(2):
        served.send(POST)
        served.connection.reply(OK)
        assert served.received() == (
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
    assert len(served.requests) == 2
    assert served.connection.used


@pytest.mark.parametrize(
    "request_bytes", [POST.replace(b"X-Y: z", b"Connection: close"), POST.replace(b"HTTP/1.1", b"HTTP/1.0")]
)
def test_who_wants_it_closed_gets_it_closed_after_the_reply(served, request_bytes):
    served.send(request_bytes)
    served.connection.reply(OK)
    assert b"\r\nConnection: close\r\n" in served.received()
    assert served.ended == 1


@pytest.mark.parametrize(("body", "kept"), [(b"x" * 10, b"x" * 10), (b"x" * 11, b"")])
def test_a_body_over_the_bound_is_counted_and_not_kept(served, body, kept):
    served.send(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert (served.requests[0].body, served.requests[0].body_bytes) == (kept, len(body))


def test_chunks_are_joined_and_trailers_are_headers(served):
    served.send(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nLate: yes\r\n\r\n")
    assert (served.requests[0].body, served.requests[0].headers["late"]) == (b"abc", "yes")


def test_who_waits_to_be_asked_for_a_body_is_asked(served):
    served.send(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert served.received() == b"HTTP/1.1 100 Continue\r\n\r\n"
    served.send(b"x")
    assert served.requests[0].body == b"x"


def test_an_offer_of_another_protocol_is_not_taken_up(served):
    served.send(POST.replace(b"X-Y: z", b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA"))
    assert (served.requests[0].method, served.requests[0].body) == ("POST", b"abc")


@pytest.mark.parametrize("garbage", [b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"])
def test_what_is_no_request_is_answered_with_400_and_the_end(served, garbage):
    served.send(garbage)
    assert served.received().startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert (served.requests, served.ended) == ([], 1)


def test_headers_over_the_bound_are_answered_with_431(served):
    served.send(b"GET / HTTP/1.1\r\nA: ")
    for _ in range(HEAD_BYTES // 65536 + 1):
        if not served.ended:
            served.send(b"x" * 65536)
    assert served.received().startswith(b"HTTP/1.1 431 ")


def test_who_goes_on_without_waiting_for_the_reply_is_left(served):
    served.send(POST + POST)
    assert (len(served.requests), served.ended) == (1, 1)


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "\0", "ü"])
def test_a_header_that_cannot_be_one_is_refused_before_anything_is_sent(served, value):
    served.send(POST)
    with pytest.raises(ValueError, match="the header A can't have the value"):
        served.connection.reply(Reply(200, (("A", value),), b""))
    assert served.received() == b""


def carrying(served, body):
    """Reply with an event."""
    served.send(POST)
    served.connection.carries_event = True
    served.connection.reply(Reply(200, (), body))


def test_a_large_reply_is_sent_in_turns(served):
    body = b"x" * 5_000_000
    carrying(served, body)
    data = b""
    while len(data) < len(body):
        served.pump.once()
        data += served.received()
    assert data.endswith(b"\r\n\r\n" + body)
    assert served.connection.carries_event  # until something shows that it was read
    served.send(POST)
    assert not served.connection.carries_event


def test_an_event_that_was_not_sent_in_full_is_known_to_be_lost(served):
    carrying(served, b"x" * 5_000_000)
    served.client.close()
    while not served.ended:
        served.pump.once()
    assert served.connection.carries_event


def test_an_event_that_was_read_before_an_orderly_end_is_not_lost(served):
    carrying(served, b"{}")
    served.received()
    served.client.close()
    served.pump.once()
    assert (served.ended, served.connection.carries_event) == (1, False)


def test_a_client_that_has_closed_its_end_is_not_alive(served):
    served.send(POST)
    assert served.connection.alive
    served.client.close()
    assert not served.connection.alive
    assert served.ended == 0


def test_closing_twice_ends_once(served):
    served.connection.close()
    served.connection.close()
    assert served.ended == 1
    assert served.connection.receive() is False
