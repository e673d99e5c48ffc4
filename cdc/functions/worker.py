"""The child's side of a warm Python handler: load it once, then answer one event after the other.

Run by path as `python -P worker.py module:callable ARN`. Standard input is a socket to the daemon that carries frames; it
is moved away before any of the user's code runs. In: the length of the event (4 bytes), of the request id (2) and of the
client context (2), the ms until the deadline (4), request id, client context, event. Out: length (4), a kind (1), payload.
An end of the socket ends the worker.

Loading, context and errors serve in-process handlers too. Nearly all that is imported here, orjson imports anyway.
"""

from __future__ import annotations

import _thread
import contextlib
import gc
import importlib
import json
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable

READY, INIT_ERROR, RESULT, ERROR = b"R", b"I", b"O", b"E"
RESULT_BYTES_MAX = 6_291_556
"""Lambda's bound of an answer, 6 MiB and a little."""
HEAD_BYTES = 12
GARBAGE_OBJECTS = 50_000
"""New containers between two looks for garbage: those of six events of a thousand records."""


class HandlerError(Exception):
    """A failure with Lambda's name for it."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def nobody() -> SimpleNamespace:
    """Return what a context has as `identity` when no Cognito user is calling."""
    return SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)


@dataclass(kw_only=True, eq=False)
class Context:
    """The second argument of a handler, with the members that Lambda documents for Python."""

    aws_request_id: str
    function_name: str
    function_version: str = "$LATEST"
    invoked_function_arn: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str
    identity: SimpleNamespace = field(default_factory=nobody)
    client_context: SimpleNamespace | None = None
    tenant_id: None = None
    deadline: float = field(repr=False)
    """On the clock that `monotonic` reads."""
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)

    def get_remaining_time_in_millis(self) -> int:
        """Return the ms until the timeout, never negative."""
        return max(0, int((self.deadline - self.monotonic()) * 1000))

    def log(self, message: object) -> None:
        """Print to the function's log; the line isn't ended."""
        sys.stdout.write(str(message))


_CLIENT = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


def client_context(text: bytes | memoryview) -> SimpleNamespace | None:
    """Build a context's `client_context` from the JSON of an object; nothing: None (Lambda: context in Python)."""
    if not text:
        return None
    found = orjson.loads(text)
    client = found.get("client")
    if client is not None:
        client = SimpleNamespace(**{name: client.get(name) for name in _CLIENT})
    return SimpleNamespace(client=client, custom=found.get("custom"), env=found.get("env"))


def load(handler: str) -> Callable[[Any, Any], Any]:
    """Import `module:callable`; raise `HandlerError` as Lambda names what went wrong. `SystemExit` passes."""
    module_name, _, name = handler.partition(":")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except SyntaxError as error:
        raise HandlerError("Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}") from error
    except ImportError as error:
        raise HandlerError("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}") from error
    except Exception as error:
        raise HandlerError(type(error).__name__, str(error)) from error
    found = getattr(module, name, None)
    if not callable(found):
        raise HandlerError("Runtime.HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    return found  # type: ignore[no-any-return]


def run(handler: Callable[[Any, Any], Any], event: bytes | memoryview, context: Context) -> bytes:
    """Decode the event, call the handler, encode its answer; a failure of either codec is a `HandlerError`."""
    try:
        decoded = orjson.loads(event)
    except ValueError as error:
        raise HandlerError("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
    result = handler(decoded, context)
    if result is None:
        return b"null"
    encoded = encode(result)
    if len(encoded) > RESULT_BYTES_MAX:
        text = f"Response payload size exceeded maximum allowed payload size ({RESULT_BYTES_MAX} bytes)."
        raise HandlerError("Function.ResponseSizeTooLarge", text)
    return encoded


def encode(result: object) -> bytes:
    """Encode as the standard library does, since that is what Lambda's users rely on: orjson takes and refuses others."""

    def number(value: object) -> int | float:
        if type(value).__name__ != "Decimal":
            raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
        number = float(value)  # type: ignore[arg-type]
        return int(value) if number.is_integer() else number  # type: ignore[call-overload]

    try:
        return json.dumps(result, default=number, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HandlerError("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return Lambda's error object for what a handler raised; its stack begins in the user's code."""
    name = error.error_type if isinstance(error, HandlerError) else type(error).__name__
    cause = error.__cause__ if isinstance(error, HandlerError) and error.__cause__ else error
    frames = traceback.extract_tb(cause.__traceback__)
    ours = max((number for number, frame in enumerate(frames) if frame.filename == __file__), default=-1)
    importing = (importlib.__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    stack = [frame for frame in frames[ours + 1 :] if frame.filename not in importing]
    lines = [clean(line) for line in traceback.format_list(stack)]
    message = f"<{name} that has no text>"
    with contextlib.suppress(Exception):  # the user's own class
        message = str(error)
    return {"errorMessage": clean(message), "errorType": name, "requestId": request_id, "stackTrace": lines}


def clean(text: str) -> str:
    """Replace lone surrogates, which are no UTF-8."""
    return text.encode(errors="backslashreplace").decode()


def for_log(fault: dict[str, Any]) -> str:
    """Lay an error object out as Lambda's Python runtime logs it."""
    return f"[ERROR] {fault['errorType']}: {fault['errorMessage']}\n{''.join(fault['stackTrace'])}".removesuffix("\n")


class Channel:
    """The frames, on a blocking descriptor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._buffer = bytearray(65_536)

    def read(self, count: int) -> memoryview:
        """Read exactly `count` bytes, valid until the next read; `EOFError` when the daemon closed the channel."""
        if count > len(self._buffer):
            self._buffer = bytearray(count)
        view = rest = memoryview(self._buffer)[:count]
        while rest:
            got = os.readv(self.fd, [rest])
            if not got:
                raise EOFError
            rest = rest[got:]
        return view

    def write(self, kind: bytes, payload: bytes) -> None:
        """Send one frame; what was printed goes before it."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, ValueError, OSError):  # the handler may replace or close it
                stream.flush()
        view = memoryview(len(payload).to_bytes(4, "big") + kind + payload)
        while view:
            view = view[os.write(self.fd, view) :]


def take_over_streams() -> int:
    """Move the daemon's socket away from standard input, print lines as they end; return the socket's number."""
    fd = os.dup(0)
    with open(os.devnull) as null:  # noqa: PTH123 - no pathlib for one call
        os.dup2(null.fileno(), 0)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)  # type: ignore[union-attr]
    return fd


def die_with_the_daemon(fd: int) -> None:
    """Watch, on a thread, for the daemon closing the socket, and then kill the group: should the keeper be dead too."""

    def watch() -> None:
        hangup = select.poll()
        hangup.register(fd, 0)
        hangup.poll()
        os.killpg(0, signal.SIGKILL)

    _thread.start_new_thread(watch, ())


def route_logging() -> None:
    """Give the root logger the handler that Lambda gives it, if the module uses logging and configured none."""
    logging = sys.modules.get("logging")
    if logging is not None and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stdout)
        layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(message)s"
        handler.setFormatter(logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S"))
        handler.formatter.converter = time.gmtime
        logging.getLogger().addHandler(handler)


def spare_collections(default: tuple[int, int, int]) -> None:
    """Look for garbage seldom, unless the module has set how often: an event of a thousand records is 8,000 dicts.

    At Python's default, a third of the time of decoding an event goes into looking at what is none.
    """
    gc.freeze()  # what loading left lives as long as the process
    if gc.get_threshold() == default:
        gc.set_threshold(GARBAGE_OBJECTS, *default[1:])


def serve(channel: Channel, handler: Callable[[Any, Any], Any], fixed: dict[str, Any]) -> None:
    """Answer events until the daemon closes the channel."""
    while True:
        head = channel.read(HEAD_BYTES)
        event, request_id, context = (int.from_bytes(head[at:to], "big") for at, to in ((0, 4), (4, 6), (6, 8)))
        deadline = time.monotonic() + int.from_bytes(head[8:], "big") / 1000
        data = channel.read(request_id + context + event)
        name = bytes(data[:request_id]).decode()
        try:
            told = client_context(data[request_id : request_id + context])
            it = Context(aws_request_id=name, client_context=told, deadline=deadline, **fixed)
            kind, payload = RESULT, run(handler, data[request_id + context :], it)
        except SystemExit:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the handler raised is its answer
            kind, payload = ERROR, fault_frame(error, name)
        channel.write(kind, payload)


def fault_frame(error: BaseException, request_id: str = "") -> bytes:
    """Print an error for the log, and encode it for the daemon."""
    fault = describe(error, request_id)
    with contextlib.suppress(AttributeError, ValueError, OSError):  # the handler closed it
        print(for_log(fault), file=sys.stderr)  # noqa: T201 - this is the log
    return orjson.dumps(fault)


def main() -> None:
    """Load the handler and serve; how the process ends is the daemon's to see."""
    channel = Channel(take_over_streams())
    die_with_the_daemon(channel.fd)
    fixed = {  # the same in every context, and read before the user's code can change it
        "function_name": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "memory_limit_in_mb": os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"],
        "log_group_name": os.environ["AWS_LAMBDA_LOG_GROUP_NAME"],
        "log_stream_name": os.environ["AWS_LAMBDA_LOG_STREAM_NAME"],
        "invoked_function_arn": sys.argv[2],
    }
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - no pathlib for one call
    threshold = gc.get_threshold()
    try:
        handler = load(sys.argv[1])
    except HandlerError as error:
        channel.write(INIT_ERROR, fault_frame(error))
        sys.exit(1)
    route_logging()
    spare_collections(threshold)
    channel.write(READY, b"")
    try:
        serve(channel, handler, fixed)
    except (EOFError, ConnectionError):
        return


if __name__ == "__main__":
    main()
