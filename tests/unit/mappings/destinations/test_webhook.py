"""Messages to a URL, against a real server: what is sent, what counts as taken, and that nothing holds it for long."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from cdc.clock import ManualClock, SystemClock
from cdc.mappings.destinations.sending import Parcel, SendError, SendingOptions
from cdc.mappings.destinations.webhook import USER_AGENT, WebhookSender, signature
from cdc.model.destinations import Webhook, parse_destination
from tests.unit.mappings.destinations.receiver import Receiver, with_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    Answer = Callable[[BaseHTTPRequestHandler], None]

SECRET = "whsec_dGhpcyBpcyBvbmx5IGFuIGV4YW1wbGUh"
KEY = b"this is only an example!"
PARCEL = Parcel("5cfa8d0e-6a5b-4b9c-8f4c-0a6a3c1d2e3f", '{"version":"1.0","text":"é"}'.encode())
SLOW_SECONDS = 10.0


def sender(url: str, clock: Any = None, **options: Any) -> WebhookSender:
    destination = parse_destination(url)
    assert isinstance(destination, Webhook)
    return WebhookSender(destination, SendingOptions(region="us-east-1", **options), clock or SystemClock())


@pytest.fixture
def receive() -> Iterator[Callable[[Answer], Receiver]]:
    """Start a receiver that answers so."""
    started: list[Receiver] = []

    def start(answer: Answer) -> Receiver:
        receiver = Receiver(answer)
        receiver.start()
        started.append(receiver)
        return receiver

    yield start
    for receiver in started:
        receiver.stop()


def test_a_message_is_posted_as_json_with_its_id(receive):
    receiver = receive(with_status(204))
    sender(f"http://127.0.0.1:{receiver.port}/failed?from=cdc", ManualClock(1_700_000_000_999))(PARCEL)
    [got] = receiver.requests
    assert (got.path, got.body) == ("/failed?from=cdc", PARCEL.payload)
    assert got.headers["webhook-id"] == PARCEL.message_id
    assert got.headers["webhook-timestamp"] == "1700000000"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == USER_AGENT
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert "webhook-signature" not in got.headers


def test_the_library_of_the_standard_accepts_the_signature_and_no_other(receive):
    receiver = receive(with_status(200))
    sender(f"http://127.0.0.1:{receiver.port}/", webhook_key=KEY)(PARCEL)
    [got] = receiver.requests
    assert Verifier(SECRET).verify(got.body, got.headers) == {"version": "1.0", "text": "é"}
    for wrong in (
        {"webhook-id": "another"},
        {"webhook-timestamp": str(int(got.headers["webhook-timestamp"]) + 1)},
    ):
        with pytest.raises(WebhookVerificationError):
            Verifier(SECRET).verify(got.body, got.headers | wrong)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(got.body + b" ", got.headers)


def test_a_signature_is_that_of_the_standards_example():
    """Standard Webhooks, specification: the example of a symmetric signature."""
    key = Verifier("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")._whsecret
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_taken(receive, status):
    sender(f"http://127.0.0.1:{receive(with_status(status)).port}/")(PARCEL)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (with_status(500, b"out of\n  order"), "was answered 500 Internal Server Error: out of order"),
        (with_status(404), "was answered 404 Not Found"),
        (with_status(410, b"\xff" + b"x" * 5000), "was answered 410 Gone: �" + "x" * 299),
        (with_status(429), "was answered 429 Too Many Requests"),
    ],
)
def test_any_other_status_is_a_failure_with_the_reason_that_was_given(receive, answer, message):
    with pytest.raises(SendError) as caught:
        sender(f"http://127.0.0.1:{receive(answer).port}/")(PARCEL)
    assert str(caught.value) == message


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receive, status):
    other = receive(with_status(200))
    receiver = receive(with_status(status, Location=f"http://127.0.0.1:{other.port}/"))
    with pytest.raises(SendError, match=rf"{status} .*, to http://127.0.0.1:{other.port}/: redirects are not followed"):
        sender(f"http://127.0.0.1:{receiver.port}/")(PARCEL)
    assert other.requests == []


def test_a_server_that_hangs_is_given_up_in_time(receive):
    release = threading.Event()
    receiver = receive(lambda _: release.wait(SLOW_SECONDS) and None)
    with pytest.raises(SendError, match=rf"127.0.0.1:{receiver.port} gave no answer within 1 s"):
        sender(f"http://127.0.0.1:{receiver.port}/", timeout_seconds=1)(PARCEL)
    release.set()


def test_a_server_that_answers_a_byte_at_a_time_is_given_up_in_time(receive):
    """Each byte comes within a socket's timeout: the time is that of the whole attempt."""
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.05):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return

    receiver, clock = receive(drip), SystemClock()
    start = clock.monotonic()
    with pytest.raises(SendError, match="gave no answer within 1 s"):
        sender(f"http://127.0.0.1:{receiver.port}/", timeout_seconds=1)(PARCEL)
    assert clock.monotonic() - start < SLOW_SECONDS
    over.set()


def test_an_answer_is_success_before_its_body_has_come(receive):
    over = threading.Event()

    def begin(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        handler.wfile.flush()
        over.wait(SLOW_SECONDS)

    sender(f"http://127.0.0.1:{receive(begin).port}/", timeout_seconds=5)(PARCEL)
    over.set()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "was not reached: Remote end closed connection without response"),
        (b"SSH-2.0-OpenSSH\r\n", "gave no answer of HTTP: BadStatusLine.'SSH-2.0-OpenSSH"),
        (b"HTTP/1.1 two hundred\r\n\r\n", "gave no answer of HTTP: BadStatusLine"),
    ],
)
def test_what_is_no_answer_of_http_is_a_failure(receive, answer, message):
    receiver = receive(lambda handler: handler.wfile.write(answer) and None)
    with pytest.raises(SendError, match=rf"127.0.0.1:{receiver.port} {message}"):
        sender(f"http://127.0.0.1:{receiver.port}/")(PARCEL)


def test_a_port_where_nobody_listens_is_a_failure():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SendError, match=rf"127.0.0.1:{port} was not reached: Connection refused"):
        sender(f"http://127.0.0.1:{port}/")(PARCEL)


def test_a_host_without_an_address_is_a_failure():
    with pytest.raises(SendError, match=r"no-such-host.invalid:80 was not reached: "):
        sender("http://no-such-host.invalid/")(PARCEL)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A file with a key and a certificate for 127.0.0.1 that nobody has signed but itself."""
    path: Path = tmp_path_factory.mktemp("tls") / "both.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def tls_receiver(certificate) -> Iterator[Receiver]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    receiver = Receiver(with_status(200), context)
    receiver.start()
    yield receiver
    receiver.stop()


def test_a_certificate_that_the_machine_does_not_trust_is_refused(tls_receiver):
    with pytest.raises(SendError, match="certificate verify failed: self-signed certificate"):
        sender(f"https://127.0.0.1:{tls_receiver.port}/")(PARCEL)
    assert tls_receiver.requests == []


def test_a_trusted_certificate_is_for_its_name_alone(tls_receiver, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sender(f"https://127.0.0.1:{tls_receiver.port}/failed", webhook_key=KEY)(PARCEL)
    [got] = tls_receiver.requests
    assert Verifier(SECRET).verify(got.body, got.headers)
    with pytest.raises(SendError, match="certificate verify failed: Hostname mismatch"):
        sender(f"https://localhost:{tls_receiver.port}/")(PARCEL)


def test_a_server_that_does_not_shake_hands_is_given_up_in_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(SendError, match=rf"127.0.0.1:{port} gave no answer within 1 s"):
            sender(f"https://127.0.0.1:{port}/", timeout_seconds=1)(PARCEL)
