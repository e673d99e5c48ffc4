"""The HTTP server by itself, on a real socket: what applications are handed, and how connections live and end."""

from __future__ import annotations

import asyncio
import socket

import pytest
import uvloop

from cdc.api import http
from cdc.api.http import Response, Server
from cdc.clock import ManualClock

OK = (b"content-type", b"text/plain")


class Echo:
    """Answers what it is asked, at once, or when `release` is called."""

    def __init__(self, *, held: bool = False) -> None:
        self.held = held
        self.requests: list[http.Request] = []
        self._waiting: list[tuple[http.Request, http.Answer]] = []

    def __call__(self, request: http.Request, answer: http.Answer) -> None:
        self.requests.append(request)
        if request.target == b"/fault":
            raise RuntimeError("as asked for")
        if self.held:
            self._waiting.append((request, answer))
        else:
            answer(echo_of(request))

    def release(self) -> None:
        for request, answer in self._waiting:
            answer(echo_of(request))
        self._waiting.clear()

    def refusal(self, status: int, text: str) -> Response:
        return Response(status, [OK], text.encode())

    def body_bytes_max(self, target: bytes) -> int:
        return http.BODY_BYTES + 10 if target == b"/upload" else http.BODY_BYTES


def echo_of(request: http.Request) -> Response:
    if request.target == b"/large":
        return Response(200, [OK], b"x" * (4 << 20))
    status = 204 if request.target == b"/nothing" else 200
    return Response(status, [OK], b"" if status == 204 else request.target + b":" + request.body)


class Peer:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, *parts: bytes) -> None:
        self.writer.write(b"".join(parts))

    async def answer(self, *, body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """Read one answer; without its body after HEAD."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
        headers = dict(each.split(": ", 1) for each in lines)
        length = int(headers.get("content-length", "0")) if body else 0
        return int(line.split()[1]), headers, await self.reader.readexactly(length)

    async def ended(self) -> bool:
        """Wait for the server to close; whatever it still sent is an error."""
        return await self.reader.read() == b""


async def until(condition):
    """Let the loop turn until something is so."""
    while not condition():  # noqa: ASYNC110  # the server has no event for it
        await asyncio.sleep(0)


@pytest.fixture(params=["uvloop", "asyncio"])
def serve(request):
    """Run a client's part of a test against a server; both loops, as their transports differ."""

    def serve(application, client):
        async def run():
            with socket.create_server(("127.0.0.1", 0)) as listener:
                listener.setblocking(False)
                server = Server(application, ManualClock())
                await server.start(listener)
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                try:
                    async with asyncio.timeout(20):
                        return await client(server, Peer(reader, writer))
                finally:
                    writer.close()
                    await server.stop(0)

        factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(run())

    return serve


def post(target=b"/", body=b"", *lines):
    head = [b"POST %b HTTP/1.1" % target, b"Host: h", b"Content-Length: %d" % len(body), *lines]
    return b"\r\n".join([*head, b"", body])


def test_a_request_is_handed_over_whole_and_its_answer_has_length_and_date(serve):
    async def client(_server, peer):
        peer.send(post(b"/a?b=c", b"body", b"X-Two: 1", b"x-two: 2"))
        return await peer.answer()

    echo = Echo()
    status, headers, body = serve(echo, client)
    assert (status, body) == (200, b"/a?b=c:body")
    assert headers == {
        "server": "Server",
        "date": "Tue, 14 Nov 2023 22:13:20 GMT",
        "content-type": "text/plain",
        "content-length": "11",
    }
    [request] = echo.requests
    assert request.method == b"POST"
    assert request.headers == {b"host": b"h", b"content-length": b"4", b"x-two": b"1,2"}


def test_a_request_may_come_in_any_pieces(serve):
    async def client(_server, peer):
        for byte in post(b"/slow", b"in pieces"):
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        return await peer.answer()

    assert serve(Echo(), client)[2] == b"/slow:in pieces"


def test_a_body_may_be_chunked(serve):
    async def client(_server, peer):
        peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        return await peer.answer()

    assert serve(Echo(), client)[2] == b"/:abcde"


@pytest.mark.parametrize(
    ("target", "origin_form"),
    [
        (b"http://other:8000/a?b=http://c", b"/a?b=http://c"),
        (b"HTTPS://other:8000", b"/"),
        (b"http://other:8000?b", b"/?b"),
    ],
)
def test_a_target_may_name_the_host_as_for_a_proxy(serve, target, origin_form):
    async def client(_server, peer):
        peer.send(post(target))
        return await peer.answer()

    echo = Echo()
    assert serve(echo, client)[2] == origin_form + b":"
    assert echo.requests[0].headers[b"host"] == b"other:8000"


def test_requests_sent_ahead_are_answered_in_their_order_even_more_than_are_taken_at_once(serve):
    count = 5 * http.PIPELINED

    async def client(_server, peer):
        peer.send(*(post(b"/%d" % number) for number in range(count)))
        return [(await peer.answer())[2] for _ in range(count)]

    assert serve(Echo(), client) == [b"/%d:" % number for number in range(count)]


def test_one_request_of_a_connection_is_worked_on_at_a_time(serve):
    async def client(_server, peer):
        peer.send(post(b"/1"), post(b"/2"))
        await until(lambda: echo.requests)
        seen = [len(echo.requests)]
        echo.release()
        answers = [await peer.answer()]
        await until(lambda: len(echo.requests) == 2)
        seen.append(len(echo.requests))
        echo.release()
        answers.append(await peer.answer())
        return seen, [body for _, _, body in answers]

    echo = Echo(held=True)
    assert serve(echo, client) == ([1, 2], [b"/1:", b"/2:"])


def test_a_client_that_takes_its_answers_at_last_gets_the_next_request_worked_on_once(serve):
    async def client(server, peer):
        peer.send(post(b"/1"), post(b"/2"), post(b"/3"))
        await until(lambda: echo.requests)
        [connection] = server.connections
        connection.pause_writing()  # as the transport does at a large answer, and takes back at once
        echo.release()
        connection.resume_writing()
        seen = []
        for count in (2, 3):
            await until(lambda count=count: len(echo.requests) >= count)
            await asyncio.sleep(0)
            seen.append(len(echo.requests))
            echo.release()
        return seen, [(await peer.answer())[2] for _ in range(3)]

    echo = Echo(held=True)
    assert serve(echo, client) == ([2, 3], [b"/1:", b"/2:", b"/3:"])


def test_a_client_that_takes_none_of_its_answers_is_dropped_in_time(serve):
    async def client(server, peer):
        peer.writer.transport.pause_reading()
        peer.send(*[post(b"/large")] * 8)
        await until(lambda: echo.requests)
        [connection] = server.connections
        await until(lambda: connection._stalled)
        pass_time(server, 0)
        pass_time(server, http.ANSWER_SECONDS)
        kept = len(server.connections)
        pass_time(server, 1)
        await until(lambda: not server.connections)
        return kept

    echo = Echo()
    assert serve(echo, client) == 1


def test_a_client_that_reads_no_answers_is_not_worked_for_without_end(serve):
    count = 64

    async def client(server, peer):
        peer.send(*(post(b"/large") for _ in range(count)))
        await until(lambda: echo.requests)
        [connection] = server.connections
        await until(lambda: connection._stalled)
        before = len(echo.requests)
        answers = [await peer.answer() for _ in range(count)]
        return before, {len(body) for _, _, body in answers}

    echo = Echo()
    before, sizes = serve(echo, client)
    assert before < count / 2
    assert sizes == {4 << 20}
    assert len(echo.requests) == count


@pytest.mark.parametrize(
    "request_bytes",
    [
        post(b"/", b"", b"Connection: close"),
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_a_connection_that_is_not_to_be_kept_is_closed_after_the_answer(request_bytes, serve):
    async def client(_server, peer):
        peer.send(request_bytes)
        _, headers, _ = await peer.answer()
        return headers["connection"], await peer.ended()

    assert serve(Echo(), client) == ("close", True)


def test_a_half_closed_connection_gets_the_answers_to_all_its_requests(serve):
    async def client(_server, peer):
        peer.send(post(b"/1"), post(b"/2"))
        peer.writer.write_eof()
        await until(lambda: echo.requests)
        echo.held = False
        echo.release()
        return [(await peer.answer())[2] for _ in range(2)], await peer.ended()

    echo = Echo(held=True)
    assert serve(echo, client) == ([b"/1:", b"/2:"], True)


def test_a_half_closed_idle_connection_is_closed(serve):
    async def client(_server, peer):
        peer.writer.write_eof()
        return await peer.ended()

    assert serve(Echo(), client)


def test_head_has_the_length_but_no_body_and_204_neither(serve):
    async def client(_server, peer):
        peer.send(b"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n")
        head = await peer.answer(body=False)
        peer.send(post(b"/nothing"))
        nothing = await peer.answer()
        return head, nothing

    head, nothing = serve(Echo(), client)
    assert (head[0], head[1]["content-length"]) == (200, "3")
    assert (nothing[0], "content-length" in nothing[1]) == (204, False)


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(serve):
    async def client(_server, peer):
        head, _, body = post(b"/", b"body", b"Expect: 100-continue").partition(b"\r\n\r\n")
        peer.send(head, b"\r\n\r\n")
        asked = await peer.reader.readuntil(b"\r\n\r\n")
        peer.send(body)
        return asked, (await peer.answer())[2]

    assert serve(Echo(), client) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"/:body")


def test_an_offer_of_another_protocol_is_not_taken_up(serve):
    async def client(_server, peer):
        peer.send(
            post(
                b"/1", b"body", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"
            )
        )
        first = await peer.answer()
        peer.send(post(b"/2"))
        return first[2], (await peer.answer())[2]

    assert serve(Echo(), client) == (b"/1:body", b"/2:")


def test_many_offers_of_another_protocol_are_answered_and_asked_for_their_bodies_once(serve):
    count = 1000

    async def client(_server, peer):
        offer = b"Connection: Upgrade\r\nUpgrade: x\r\nExpect: 100-continue".split(b"\r\n")
        peer.send(*(post(b"/%d" % number, b"", *offer) for number in range(count)))
        answers: list[tuple[int, dict[str, str], bytes]] = []
        while len(answers) < count:
            answer = await peer.answer()
            if answer[0] != 100:
                answers.append(answer)
            else:
                asked.append(answer)
        return [body for _, _, body in answers]

    asked: list[object] = []
    assert serve(Echo(), client) == [b"/%d:" % number for number in range(count)]
    assert len(asked) <= count


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"what is this?\r\n\r\n", 400),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (http.BODY_BYTES + 1), 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * (2 * http.HEAD_BYTES), 431),
    ],
)
def test_what_is_no_acceptable_request_is_refused_and_the_connection_ends(sent, status, serve):
    async def client(_server, peer):
        peer.send(sent)
        found, headers, _ = await peer.answer()
        return found, headers["connection"], await peer.ended()

    echo = Echo()
    assert serve(echo, client) == (status, "close", True)
    assert not echo.requests


@pytest.mark.parametrize(("more", "status"), [(10, 200), (11, 413)])
def test_an_application_may_take_longer_bodies_at_some_targets(serve, more, status):
    async def client(_server, peer):
        size = http.BODY_BYTES + more
        peer.send(b"POST /upload HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        if status == 200:
            peer.send(b"x" * size)
        return (await peer.answer())[0]

    assert serve(Echo(), client) == status


def test_a_chunked_body_is_refused_when_it_gets_too_long_and_the_client_sees_the_refusal(serve):
    async def client(_server, peer):
        peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(40):
            peer.send(b"100000\r\n", bytes(1 << 20), b"\r\n")
            await peer.writer.drain()
        return (await peer.answer())[0]

    assert serve(Echo(), client) == 413


def test_a_bad_request_is_refused_after_the_answers_to_all_before_it(serve):
    async def client(_server, peer):
        peer.send(*(post(b"/%d" % number) for number in range(5)), b"nonsense\r\n\r\n", post(b"/6"))
        await until(lambda: echo.requests)
        echo.held = False
        echo.release()
        answers = [await peer.answer() for _ in range(6)]
        return answers, await peer.ended()

    echo = Echo(held=True)
    answers, ended = serve(echo, client)
    assert [(status, body) for status, _, body in answers[:5]] == [(200, b"/%d:" % number) for number in range(5)]
    assert (answers[5][0], answers[5][1]["connection"], ended) == (400, "close", True)
    assert len(echo.requests) == 5


@pytest.mark.parametrize("flood", [b"x-%d: aaaaaaaa\r\n", b"1;extension-%d=" + b"a" * 100, b"x-value: %d" + b"a" * 100])
def test_what_follows_a_chunked_body_is_bounded(flood, serve):
    async def client(server, peer):
        peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        if not flood.startswith(b"1"):
            peer.send(b"0\r\n")
        for number in range(100_000):
            peer.send(flood % number)
            if any(each._deaf for each in server.connections):
                break
            await peer.writer.drain()
        return (await peer.answer())[0]

    echo = Echo()
    assert serve(echo, client) == 431
    assert not echo.requests


def test_what_follows_a_chunked_body_does_not_count_as_headers(serve):
    async def client(_server, peer):
        peer.send(b"POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"3\r\nabc\r\n0\r\nHost: evil\r\nX-More: 1\r\n\r\n")
        return (await peer.answer())[2]

    echo = Echo()
    assert serve(echo, client) == b"/1:abc"
    assert echo.requests[0].headers == {b"host": b"h", b"transfer-encoding": b"chunked"}


def test_a_fault_of_the_application_is_logged_and_answered(serve, caplog):
    async def client(_server, peer):
        peer.send(post(b"/fault"))
        return (await peer.answer())[0], await peer.ended()

    assert serve(Echo(), client) == (500, True)
    assert "as asked for" in caplog.text


def test_a_client_that_goes_away_before_its_answer_harms_nobody(serve, caplog):
    async def client(server, peer):
        peer.send(post(b"/1"))
        await until(lambda: echo.requests)
        peer.writer.transport.abort()
        await until(lambda: any(each._deaf for each in server.connections))
        echo.release()
        await until(lambda: not server.connections)

    echo = Echo(held=True)
    serve(echo, client)
    assert not caplog.records


def pass_time(server, seconds):
    server.seconds += seconds
    for connection in tuple(server.connections):
        connection.look_at_time(server.seconds)


def test_an_idle_connection_is_closed_in_time_and_a_busy_one_is_not(serve):
    async def client(server, peer):
        peer.send(post(b"/1"))
        await until(lambda: echo.requests)
        pass_time(server, 10 * http.KEEP_ALIVE_SECONDS)
        echo.release()
        answered = (await peer.answer())[2]
        pass_time(server, http.KEEP_ALIVE_SECONDS)
        kept = len(server.connections)
        pass_time(server, 1)
        return answered, kept, await peer.ended()

    echo = Echo(held=True)
    assert serve(echo, client) == (b"/1:", 1, True)


def test_a_request_that_stands_still_is_refused_and_a_refused_client_is_not_read_for_ever(serve):
    async def client(server, peer):
        peer.send(post(b"/1", b"body")[:-1])
        await until(lambda: any(each._incoming for each in server.connections))
        pass_time(server, http.REQUEST_SECONDS + 1)
        status = (await peer.answer())[0]
        lingering = len(server.connections)
        pass_time(server, http.REQUEST_SECONDS)
        await until(lambda: not server.connections)
        return status, lingering

    assert serve(Echo(), client) == (408, 1)


def test_a_stop_lets_requests_be_answered_and_closes_idle_connections(serve):
    async def client(server, peer):
        peer.send(post(b"/1"))
        _, idle_writer = idle = await asyncio.open_connection(*peer.writer.get_extra_info("peername"))
        await until(lambda: echo.requests and len(server.connections) == 2)
        stopping = asyncio.create_task(server.stop(10))
        closed = await idle[0].read() == b""
        idle_writer.close()
        echo.release()
        answered = await peer.answer()
        await stopping
        return closed, answered[1]["connection"], answered[2], await peer.ended()

    echo = Echo(held=True)
    assert serve(echo, client) == (True, "close", b"/1:", True)


def test_a_stop_does_not_wait_for_ever(serve, caplog):
    async def client(server, peer):
        peer.send(post(b"/1"))
        await until(lambda: echo.requests)
        await server.stop(0.01)
        return await peer.ended()

    echo = Echo(held=True)
    assert serve(echo, client)
    assert "1 requests were not answered in time" in caplog.text
