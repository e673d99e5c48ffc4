"""Fetches the package of a suite and runs its tests against a fresh daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.suites.reports import READERS, Outcome, ReportError
from tests.integration.daemon import Daemon
from tests.integration.destinations.moto_server import MotoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.clients.suites.catalog import Suite

PLUGINS = Path(__file__).parent / "plugins"
PREPARE_SECONDS = 900
RUN_SECONDS = 900
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
_STAND_IN = "module.exports = () => ({ listen: (port, done) => done(), close: (done) => done() });\n"
"""A server of a suite's own, in whose place the daemon listens already."""


class SuiteError(Exception):
    """A suite that could not be fetched or run; the message says at what."""


def run_suite(suite: Suite, folder: Path) -> list[Outcome]:
    """Run one suite in a folder, where its packages may be from a run before.

    Raises: SuiteError, ReportError.
    """
    root = _FETCHERS[suite.registry](suite, folder)
    report = folder / "report"
    report.unlink(missing_ok=True)
    with ExitStack() as stack:
        places = {"report": str(report), "plugins": str(PLUGINS), "s3": ""}
        if suite.s3:
            places["s3"] = stack.enter_context(_s3(folder))
        places["url"] = stack.enter_context(_daemon(suite, folder, places))
        environment = _environment(suite, folder, places)
        command = [each.format(**places) for each in suite.command]
        said = _run(command, root, environment, RUN_SECONDS)
    return _read(suite, report.read_text() if report.exists() else said)


def _read(suite: Suite, report: str) -> list[Outcome]:
    try:
        return list(READERS[suite.report](report))
    except (ValueError, SyntaxError) as error:  # of JSON and XML
        raise ReportError(f"{error} in: {report[-2000:]}") from error


@contextmanager
def _daemon(suite: Suite, folder: Path, places: Mapping[str, str]) -> Iterator[str]:
    for old in folder.glob("cdc.db*"):
        old.unlink()
    daemon = Daemon(folder / "cdc.db", suite.configuration.format(**places), KEYS, port=suite.port)
    try:
        daemon.start()
    except AssertionError as error:
        raise SuiteError(str(error)) from error
    try:
        yield daemon.url
    finally:
        daemon.stop()


@contextmanager
def _s3(folder: Path) -> Iterator[str]:
    """Run moto as an S3-compatible server."""
    server = MotoServer(folder)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


def _environment(suite: Suite, folder: Path, places: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a suite: a made-up account, its own settings, and nothing of the user's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    path = {"PATH": f"{folder / 'venv' / 'bin'}{os.pathsep}{kept['PATH']}"}
    own = {name: value.format(**places) for name, value in suite.environment.items()}
    return kept | path | KEYS | {"AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION": "us-east-1"} | own


def _fetch_pypi(suite: Suite, folder: Path) -> Path:
    """Unpack a source distribution, and install what its tests need beside it, the package itself among it."""
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip"]
    pinned = f"{suite.package}=={suite.version}"
    options = ["--quiet", "--disable-pip-version-check", "--no-input"]

    def install() -> None:
        _must([sys.executable, "-m", "venv", "--clear", str(folder / "venv")], folder)
        _must([*pip, "install", *options, *suite.needs], folder)
        _must([*pip, "download", *options, "--no-deps", "--no-binary", ":all:", pinned], folder)
        _unpack(folder)

    _once(suite, folder, install)
    return folder / "package"


def _fetch_npm(suite: Suite, folder: Path) -> Path:
    """Unpack a package with its tests, and install what they need inside it."""
    options = ["--no-save", "--no-audit", "--no-fund", "--loglevel", "error", "--ignore-scripts"]

    def install() -> None:
        _must(["npm", "pack", "--loglevel", "error", f"{suite.package}@{suite.version}"], folder)
        root = _unpack(folder)
        described = json.loads((root / "package.json").read_text())
        for part in ("devDependencies", "peerDependencies", "scripts"):
            described.pop(part, None)  # `needs` has those of the tests; the rest is for publishing
        (root / "package.json").write_text(json.dumps(described))
        _must(["npm", "install", *options, *suite.needs], root)
        for name in suite.stand_ins:
            (root / "node_modules" / name).mkdir(parents=True, exist_ok=True)
            (root / "node_modules" / name / "package.json").write_text(json.dumps({"name": name, "main": "index.js"}))
            (root / "node_modules" / name / "index.js").write_text(_STAND_IN)
        for command in suite.prepare:
            _must(command, root)

    _once(suite, folder, install)
    return folder / "package"


_FETCHERS = {"pypi": _fetch_pypi, "npm": _fetch_npm}


def _once(suite: Suite, folder: Path, install: Callable[[], None]) -> None:
    """Install a suite unless a run before has, of the same catalog."""
    wanted = repr((suite.package, suite.version, suite.needs, suite.prepare, suite.stand_ins))
    installed = folder / "installed"
    if not installed.exists() or installed.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        install()
        installed.write_text(wanted)


def _unpack(folder: Path) -> Path:
    """Unpack the archive in a folder into `package`, without the folder that all of it is in."""
    [archive] = [*folder.glob("*.tar.gz"), *folder.glob("*.tgz")]
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "unpacked", filter="data")
    [top] = (folder / "unpacked").iterdir()
    return top.rename(folder / "package")


def _must(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PREPARE_SECONDS, check=False)
    if done.returncode:
        raise SuiteError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")


def _run(command: Sequence[str], root: Path, environment: Mapping[str, str], seconds: float) -> str:
    """Run the tests and return what they print; a runner ends with another code than 0 when a test fails."""
    try:
        done = subprocess.run(
            command, cwd=root, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise SuiteError(f"{' '.join(command)} takes longer than {seconds:.0f} s") from error
    return f"{done.stderr}\n{done.stdout}"
