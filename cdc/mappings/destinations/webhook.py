"""Messages to a URL: posted as JSON, signed as the Standard Webhooks specification says, and accepted by any 2xx."""

from __future__ import annotations

import base64
import hmac
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from cdc.mappings.destinations.sending import SendError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from cdc.clock import Clock
    from cdc.mappings.destinations.sending import Parcel, SendingOptions
    from cdc.model.destinations import Webhook

ANSWER_BYTES = 300
"""Of an answer that refuses a message: enough to recognise the reason."""
USER_AGENT = "durable-cdc"


class WebhookSender:
    """Posts to one URL, with a connection for each message."""

    def __init__(self, webhook: Webhook, options: SendingOptions, clock: Clock) -> None:
        self._webhook = webhook
        self._options = options
        self._clock = clock
        self._tls = ssl.create_default_context() if webhook.tls else None

    def __call__(self, parcel: Parcel) -> None:
        """Post a message. `webhook-id` is the message's id, the same at each attempt.

        Raises: SendError.
        """
        hook = self._webhook
        try:
            with self._connected() as connection:
                connection.request("POST", hook.target, parcel.payload, self._headers(parcel))
                with connection.getresponse() as response:
                    if not 200 <= response.status <= 299:
                        raise SendError(_refusal(response))
        except OSError as error:
            raise SendError(f"{hook.host}:{hook.port} was not reached: {one_line(error.strerror or error)}") from error
        except HTTPException as error:
            raise SendError(f"{hook.host}:{hook.port} gave no answer of HTTP: {one_line(repr(error))}") from error

    def _headers(self, parcel: Parcel) -> dict[str, str]:
        seconds = self._clock.now_ms() // 1000
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "webhook-id": parcel.message_id,
            "webhook-timestamp": str(seconds),
        }
        key = self._options.webhook_key
        if key is not None:
            headers["webhook-signature"] = signature(key, parcel.message_id, seconds, parcel.payload)
        return headers

    @contextmanager
    def _connected(self) -> Iterator[HTTPConnection]:
        """Lend a connection; whatever is done with it ends with the time of one attempt.

        A socket's own timeout is for each of its operations: a server that answers a byte at a time could hold it for ever.
        """
        hook, seconds = self._webhook, self._options.timeout_seconds
        plain = socket.create_connection((hook.host, hook.port), timeout=self._options.connect_seconds)
        expired = threading.Event()
        connection = HTTPConnection(hook.host, hook.port)
        connection.sock = sock = self._wrapped(plain)

        def end() -> None:
            expired.set()
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        try:
            timer.start()
            sock.settimeout(seconds)
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            yield connection
            if expired.is_set():  # cut off among its headers, an answer looks whole
                raise TimeoutError
        except (OSError, HTTPException, SendError) as error:
            if expired.is_set() or isinstance(error, TimeoutError):
                raise SendError(f"{hook.host}:{hook.port} gave no answer within {seconds} s") from error
            raise
        finally:
            timer.cancel()
            connection.close()
            sock.close()

    def _wrapped(self, plain: socket.socket) -> socket.socket:
        if self._tls is None:
            return plain
        try:
            return self._tls.wrap_socket(plain, server_hostname=self._webhook.host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise


def signature(key: bytes, message_id: str, seconds: int, body: bytes) -> str:
    """Sign what a receiver has to trust (Standard Webhooks: `webhook-signature`, version 1)."""
    signed = b"%b.%d.%b" % (message_id.encode(), seconds, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _refusal(response: HTTPResponse) -> str:
    answer = one_line(response.read(ANSWER_BYTES).decode(errors="replace"))
    text = f"was answered {response.status} {response.reason}".strip()
    if 300 <= response.status <= 399:
        return f"{text}, to {response.headers.get('Location', 'nowhere')}: redirects are not followed; name that URL"
    return f"{text}: {answer}" if answer else text
