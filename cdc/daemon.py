"""The daemon: roles, signals, ready, drain, stop; it starts the API, the poller, the outbox and the scheduler."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import socket
import sys
import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import uvloop
from apscheduler.schedulers.background import BackgroundScheduler

from cdc.api.app import App
from cdc.api.authentication import Authenticator
from cdc.api.guard import Guard, reachable
from cdc.api.http import Server
from cdc.clock import SystemClock
from cdc.functions.manager import Functions
from cdc.functions.request_ids import RequestIds
from cdc.functions.runner import FunctionsOptions
from cdc.gathering import Gathering, gathering
from cdc.lambda_api.api import LambdaApi
from cdc.lambda_api.background import Background
from cdc.lambda_api.call import Context
from cdc.lambda_api.definitions import code_folder_of
from cdc.lambda_api.directory import Directory
from cdc.mappings.destinations.senders import Senders
from cdc.mappings.outbox.thread import OutboxThread
from cdc.mappings.published import Publisher, dump_state, load_state
from cdc.mappings.thread import PollerThread
from cdc.service import Options, Service, open_service
from cdc.service.background import BackgroundThread
from cdc.service.configuration import (
    check_destinations,
    credential_of,
    declaration_of,
    definition_of,
    options_of,
    sending_options_of,
)
from cdc.settings import SettingsError
from cdc.store import roles
from cdc.streams.retention import purge_step
from cdc.tables.backfill import backfill_step
from cdc.tables.ttl import sweep_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.settings import Settings

log = logging.getLogger(__name__)
function_log = logging.getLogger("cdc.function")

SWITCH_SECONDS = 50e-6
"""The interpreter's thread switch interval: at the default 5 ms the writer waits for the event loop's turn, and one
busy thread cuts throughput to a quarter (docs/performance.md)."""
ROLE_WAIT_SECONDS = 5.0
"""How long to wait for the keeper of a killed daemon to end its handlers and let go of the role."""
ROLE_LOOK_SECONDS = 0.3
"""The same for somebody who looks who holds it, as `cdc status` does, which takes the lock for a moment."""
ROLE_RETRY_SECONDS = 0.02
REST_SECONDS = 0.02
"""After each longer write of a purge or a backfill: what waited for one has been written before the next."""
BACKFILL_LOOK_SECONDS = 1.0
"""How often is looked for a new index to be filled; the look costs some microseconds."""
BACKFILL_RETRY_SECONDS = 60.0
"""When filling it is tried again after a fault, such as a damaged item: each time, the log says so."""
GARBAGE_OBJECTS = 20_000
"""New containers between two collections: requests leave no cycles, and a few thousand wait in a full queue."""
OVERRUN_LOOK_SECONDS = 0.5
"""How often it is looked for in-process handlers that overrun: a timeout is a second at least."""
GATHER_LOOK_SECONDS = 1.0
"""How often it is looked whether the threads are busy enough to be kept on one processor."""
API_LOOK_SECONDS = 1.0
"""How often a process that only delivers looks where the API is, which its handlers are led to."""
CLOSE_SECONDS = 5
"""What a stop keeps of its time for requests in flight, and for ending handlers that did not finish."""


class DaemonError(Exception):
    """The daemon can't start or go on; the message is one line and says what to do."""


class _StoppingError(Exception):
    """The daemon was asked to stop."""


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What this process does for the file."""

    api: bool = True
    poll: bool = True


class Daemon:
    """One process on one database file."""

    def __init__(
        self, settings: Settings, reload: Callable[[], Settings], roles_wanted: Roles, announce: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._reload = reload
        self._wanted = roles_wanted
        self._announce = announce
        self._stack = contextlib.ExitStack()
        self._stop = asyncio.Event()
        self._forced = asyncio.Event()
        self._backfill_again = 0.0  # monotonic seconds
        self._app: App | None = None

    def run(self) -> None:
        """Serve until a signal asks to stop, then drain.

        Raises: StoreError, SettingsError or DaemonError when it can't start.
        """
        sys.setswitchinterval(SWITCH_SECONDS)
        with self._stack:
            self._open()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        log.info("stopped")

    def _open(self) -> None:
        settings, wanted = self._settings, self._wanted
        path = settings.database.path
        self._service = self._stack.enter_context(_opened(path, options_of(settings)))
        self._api_role = self._take_role(roles.API) if wanted.api else None
        self._poll_role = self._take_role(roles.POLL) if wanted.poll else None
        self._listener: socket.socket | None = None
        self._service.set_options(self._options())
        if self._api_role is not None:
            self._listener = self._stack.enter_context(_bind(settings.server.host, settings.server.port))
            self._api_role.describe(url=self._url())
            self._service.options = self._options()
            self._open_scheduler()
        self._poller: PollerThread | None = None
        self._functions: Functions | None = None
        if self._poll_role is not None:
            check_destinations(settings)
            self._functions = self._open_functions(self._poll_role)
        self._directory = Directory(self._service.database, code_folder_of(path), self._functions)
        self._configure_functions()
        if self._functions is not None:
            poller = self._open_poller(self._functions)
            self._open_outbox()
            self._open_publisher(poller)

    def _options(self) -> Options:
        """Take the options from the settings, with the address that the API has now."""
        options = options_of(self._settings)
        if self._listener is None:
            return options
        return replace(options, endpoint=self._url().removeprefix("http://"))

    def _url(self) -> str:
        """Tell where the API is, from this machine."""
        assert self._listener is not None
        return _url(reachable(self._settings.server.host), _port(self._listener))

    def _take_role(self, name: str) -> roles.Role:
        """Take a role. Who only looks at it holds it for a moment; the keeper of a killed daemon for some more."""
        path, clock = self._settings.database.path, SystemClock()
        start = clock.monotonic()
        while (role := roles.try_take(path, name)) is None:
            patience = ROLE_LOOK_SECONDS if roles.is_alive(path, name) else ROLE_WAIT_SECONDS
            if clock.monotonic() - start > patience:
                raise roles.taken_error(path, name)
            clock.sleep(ROLE_RETRY_SECONDS)
        self._stack.callback(role.release)
        return role

    def _open_functions(self, role: roles.Role) -> Functions:
        options = self._service.options
        functions = Functions(
            clock=self._service.clock,
            log=_log_output,
            options=FunctionsOptions(region=options.region, account_id=options.account_id),
            keep_fds=[role.descriptor],
        )
        self._stack.callback(functions.close, 0)
        return functions

    def _open_poller(self, functions: Functions) -> PollerThread:
        self._background = Background(
            self._service.database,
            self._service.writer,
            functions,
            clock=self._service.clock,
            retry_seconds=self._settings.server.async_retry_seconds,
        )
        poller = self._poller = PollerThread(
            self._service.database,
            self._service.writer,
            functions,
            clock=self._service.clock,
            options=self._service.options,
            new_request_id=RequestIds(),
            jitter=random.random,
        )
        self._declare_mappings()
        poller.start()
        self._background.start()
        return poller

    def _open_outbox(self) -> None:
        self._senders = Senders(sending_options_of(self._settings), self._service.clock)
        self._outbox = OutboxThread(
            self._service.database,
            self._service.writer,
            self._senders.send,
            clock=self._service.clock,
            jitter=random.random,
            retry_seconds=self._settings.destinations.retry_hours * 3600,
        )
        self._outbox.start()

    def _open_publisher(self, poller: PollerThread) -> None:
        functions = self._functions
        assert functions is not None, "they run where the poller does"
        publisher = Publisher(
            self._service.path,
            lambda: self._dump_state(poller),
            lambda: (poller.steps, self._outbox.counters(), functions.requests()),
        )
        self._stack.callback(publisher.stop)
        publisher.start()

    def _dump_state(self, poller: PollerThread) -> bytes:
        requests = {} if self._functions is None else self._functions.requests()
        return dump_state(poller.status(), self._outbox.counters(), requests, self._service.clock.now_ms())

    def _load_state(self, poller: PollerThread) -> dict[str, Any]:
        return load_state(self._dump_state(poller))

    def _declare_mappings(self) -> None:
        self._service.declare_mappings([declaration_of(mapping) for mapping in self._settings.mappings])
        self._mappings_changed()

    def _configure_functions(self) -> None:
        environment = self._environment = self._handler_environment()
        self._directory.configure(map(definition_of, self._settings.functions), environment)

    def _mappings_changed(self) -> None:
        if self._poller is not None:
            self._poller.poke()

    def _functions_changed(self) -> None:
        """Have functions run as they are stored; mappings and invocations may have waited for them."""
        if self._directory.refresh():
            self._mappings_changed()
            self._invocation_added()

    def _invocation_added(self) -> None:
        if self._poller is not None:
            self._background.poke()

    def _handler_environment(self) -> dict[str, str]:
        """Lead the AWS SDK in handlers to this file's API, as Lambda leads it to its region.

        While no process serves it, to where this one would: never to the cloud.
        """
        server = self._settings.server
        holder = roles.holder(self._service.path, roles.API) or {}
        url = holder.get("url") or _url(reachable(server.host), server.port)
        return {"AWS_ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL", url), **self._handler_key()}

    def _handler_key(self) -> dict[str, str]:
        """Give handlers an access key, as Lambda does, unless the environment has one: one that the API knows, or any."""
        if "AWS_ACCESS_KEY_ID" in os.environ:
            return {}
        if not self._settings.credentials:
            return {"AWS_ACCESS_KEY_ID": "cdc", "AWS_SECRET_ACCESS_KEY": "cdc"}
        key = self._settings.credentials[0]
        token = {} if key.session_token is None else {"AWS_SESSION_TOKEN": key.session_token}
        return {"AWS_ACCESS_KEY_ID": key.access_key_id, "AWS_SECRET_ACCESS_KEY": key.secret_access_key, **token}

    def _open_scheduler(self) -> None:
        scheduler = BackgroundScheduler(timezone="UTC")
        scheduler.add_job(
            self._purge,
            "interval",
            seconds=self._settings.retention.purge_interval_seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        scheduler.add_job(
            self._backfill,
            "interval",
            seconds=BACKFILL_LOOK_SECONDS,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        self._sweeping = scheduler.add_job(
            self._sweep,
            "interval",
            seconds=self._settings.tables.ttl_sweep_interval_seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
        scheduler.start()
        self._stack.callback(scheduler.shutdown)
        background = BackgroundThread(self._service.background, self._service.writer, self._service.clock)
        background.start()
        self._stack.callback(background.stop)

    def _purge(self) -> None:
        service = self._service
        try:
            while purge_step(service.writer, service.reader, service.clock.now_ms(), self._rest).more:
                self._rest()
            while service.dead_letters.purge_older(self._settings.retention.dead_letters_hours * 3600):
                self._rest()
            while service.purge_outbox(self._settings.destinations.keep_hours * 3600):
                self._rest()
        except _StoppingError:
            log.info("the purge goes on after the next start")
        except Exception:
            log.exception("purging failed; the next run tries again")

    def _backfill(self) -> None:
        service, clock = self._service, self._service.clock
        if clock.monotonic() < self._backfill_again:
            return
        try:
            while backfill_step(service.writer, service.reader):
                self._rest()
        except _StoppingError:
            log.info("filling an index goes on after the next start")
        except Exception:
            self._backfill_again = clock.monotonic() + BACKFILL_RETRY_SECONDS
            log.exception("filling an index failed; it is tried again in %.0f s", BACKFILL_RETRY_SECONDS)

    def _sweep(self) -> None:
        service = self._service
        try:
            while sweep_step(service.writer, service.reader, service.clock.now_ms()):
                self._rest()
        except _StoppingError:
            log.info("deleting expired items goes on after the next start")
        except Exception:
            log.exception("deleting expired items failed; the next run tries again")

    def _rest(self) -> None:
        """Let others write before a purge or a backfill goes on, or end it between two of its writes."""
        if self._stop.is_set():
            raise _StoppingError
        SystemClock().sleep(REST_SECONDS)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_reload)
        async with contextlib.AsyncExitStack() as stack:
            app = None
            if self._listener is not None:
                app = await self._start_api(stack, self._listener)
            elif self._poller is not None:
                stack.callback(loop.create_task(self._follow_api()).cancel)
            if self._functions is not None and self._poll_role is not None:
                stack.callback(loop.create_task(_watch(self._functions, self._poll_role)).cancel)
            if self._settings.server.gather_threads and (gathered := gathering(self._service.clock)) is not None:
                stack.callback(gathered.end)
                stack.callback(loop.create_task(_gather(gathered)).cancel)
            self._announce_start()
            gc.collect()
            gc.freeze()  # what lives as long as the process needs no more collecting
            gc.set_threshold(GARBAGE_OBJECTS)
            await self._stop.wait()
            log.info("stopping: finishing what is in flight")
            if app is not None:
                app.ready = False
            if self._poller is not None:  # the API goes on meanwhile: handlers in flight may need it
                await self._drain(loop, self._poller)

    async def _drain(self, loop: asyncio.AbstractEventLoop, poller: PollerThread) -> None:
        seconds = max(0, self._settings.server.drain_seconds - CLOSE_SECONDS)
        threads = (poller, self._outbox, self._background)
        hurried = loop.create_task(self._forced.wait())
        hurried.add_done_callback(lambda _: [thread.hurry() for thread in threads])
        await asyncio.gather(*(loop.run_in_executor(None, thread.drain, seconds) for thread in threads))
        hurried.cancel()

    async def _follow_api(self) -> None:
        """Lead handlers to the API when another process has begun to serve it, perhaps elsewhere.

        And run functions as they are made and changed there.
        """
        while True:
            await asyncio.sleep(API_LOOK_SECONDS)
            self._functions_changed()
            if (
                roles.holder(self._service.path, roles.API) is not None
                and self._handler_environment() != self._environment
            ):
                self._configure_functions()

    async def _start_api(self, stack: contextlib.AsyncExitStack, listener: socket.socket) -> App:
        server = self._settings.server
        guard = Guard(server.host, server.allowed_hosts, server.allowed_origins)
        poller, authenticator, lambda_api = self._poller, self._authenticator(), self._lambda_api()
        if poller is None:
            app = App(self._service, guard, authenticator, lambda_api)
        else:
            delivery = partial(self._load_state, poller)
            app = App(self._service, guard, authenticator, lambda_api, delivery, poller.lineage.wrote)
        self._app = app
        stack.callback(app.close)
        http = Server(app, SystemClock())
        await http.start(listener)
        stack.push_async_callback(http.stop, CLOSE_SECONDS)
        return app

    def _authenticator(self) -> Authenticator:
        return Authenticator(map(credential_of, self._settings.credentials), self._service.clock)

    def _lambda_api(self) -> LambdaApi:
        api = LambdaApi(
            Context(
                service=self._service,
                directory=self._directory,
                functions=self._functions,
                code_folder=code_folder_of(self._service.path),
                allow_upload=self._settings.server.allow_function_upload,
                new_id=lambda: str(uuid.uuid4()),
                mappings_changed=self._mappings_changed,
                functions_changed=self._functions_changed,
                invocation_added=self._invocation_added,
            )
        )
        api.sweep()
        return api

    def _on_stop(self) -> None:
        if self._stop.is_set():
            self._forced.set()
        self._stop.set()

    def _on_reload(self) -> None:
        try:
            settings = self._reload()
            if self._poller is not None:
                check_destinations(settings)
        except SettingsError as error:
            log.error("the configuration was not reloaded: %s", error)  # noqa: TRY400  # the text says it all
            return
        old, self._settings = self._settings, settings
        if (old.database, old.server) != (settings.database, settings.server):
            log.warning("changes of [database] and [server] take effect at the next start")
        try:
            self._service.set_options(self._options())
            if self._app is not None:
                self._app.authenticator = self._authenticator()
                self._sweeping.reschedule("interval", seconds=settings.tables.ttl_sweep_interval_seconds)
            self._configure_functions()
            if self._poller is not None:
                self._declare_mappings()
                self._senders.configure(sending_options_of(settings))
                self._outbox.give_up_after(settings.destinations.retry_hours * 3600)
        except Exception:
            log.exception("the configuration was reloaded but could not be applied")
        else:
            log.info("the configuration was reloaded")

    def _announce_start(self) -> None:
        path = self._settings.database.path
        host = self._settings.server.host
        where = "without an API" if self._listener is None else f"listening on {_url(host, _port(self._listener))}"
        self._announce(f"cdc serves {path}, {where}")
        if self._poller is None:
            self._announce("  without a poller: nothing is delivered")
            return
        mappings = [mapping for mapping in self._service.mappings() if not mapping.removed]
        if not mappings:
            self._announce("  no mappings are configured: nothing is delivered")
        declared = [mapping.name for mapping in self._settings.mappings]
        mappings.sort(key=lambda mapping: declared.index(mapping.name) if mapping.name in declared else len(declared))
        for mapping in mappings:
            state = "" if mapping.settings.enabled else " (disabled)"
            self._announce(f"  delivers {mapping.table_name} to {mapping.function_name} as {mapping.name}{state}")


async def _watch(functions: Functions, role: roles.Role) -> None:
    """Say which in-process functions overrun: in the log, and beside the role, where `cdc status` looks."""
    told: dict[str, int] = {}
    while True:
        await asyncio.sleep(OVERRUN_LOOK_SECONDS)
        functions.warn_of_overruns()
        overruns = {
            each.name: each.overrunning_since_ms // 1000 * 1000
            for each in functions.status()
            if each.overrunning_since_ms is not None
        }
        if overruns != told:
            role.describe(overruns=overruns)
            told = overruns


async def _gather(gathered: Gathering) -> None:
    """Keep the threads that take turns at the interpreter together while they are busy."""
    while True:
        await asyncio.sleep(GATHER_LOOK_SECONDS)
        try:
            gathered.look()
        except OSError:
            log.exception("where this process's threads run can't be looked after; they run anywhere")
            return


@contextlib.contextmanager
def _opened(path: object, options: Options) -> Iterator[Service]:
    service = open_service(path, options)  # type: ignore[arg-type]  # a Path
    try:
        yield service
    finally:
        service.close()


def _log_output(function: str, request_id: str, line: str) -> None:
    function_log.info(line, extra={"function": function, "request_id": request_id})


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise DaemonError(
            f"can't listen on {host}:{port} ({error.strerror}): choose another with --host or --port"
        ) from error
    listener.setblocking(False)
    return listener


def _port(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
