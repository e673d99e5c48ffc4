"""The house rules that no linter knows: floors, one home for SQL, time, chance and asyncio, and the size of things."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
FUNCTION_MAX_LINES = 70
FILE_MAX_LINES = 600
LINE_MAX_CHARACTERS = 130
WIDE_HOMES = ("tests/integration/",)  # where the texts that the service dictates stand whole, to be found by searching
WIDE_LINE_MAX_CHARACTERS = 340

# From the ground up. A floor imports itself and floors above it in this list; those on one line don't know each other.
FLOORS = (
    ("cdc.model", "cdc.clock"),
    ("cdc.settings",),
    ("cdc.expressions",),
    ("cdc.store",),
    ("cdc.streams",),
    ("cdc.tables",),
    ("cdc.partiql",),
    ("cdc.consumers",),
    ("cdc.functions",),
    ("cdc.mappings",),
    ("cdc.service",),
    ("cdc",),  # the embedded face: cdc/__init__.py
    ("cdc.lambda_api",),
    ("cdc.api",),
    ("cdc.gathering",),
    ("cdc.daemon", "cdc.logs", "cdc.demo"),
    ("cdc.cli",),
    ("cdc.__main__",),
)
RANKS = {floor: rank for rank, floors in enumerate(FLOORS) for floor in floors}
# Lower floors are handed small options values instead.
SETTINGS_READERS = {"cdc.settings", "cdc.service", "cdc.daemon", "cdc.cli"}

# (files, modules, reason): imports that may stand inside a function.
LATE_IMPORTS = (
    ("cdc/__init__.py", "cdc.service", "`import cdc` costs nothing until it is used"),
    ("cdc/cli/", "", "a command's modules are loaded when that command runs, so that --help is quick"),
    (
        "cdc/store/",
        "cdc.store.migrations",
        "Alembic costs 160 ms and is needed only when there is something to migrate",
    ),
    ("cdc/store/", "alembic", "the same"),
    ("cdc/mappings/destinations/aws.py", "boto", "optional, and costs 300 ms"),
    ("cdc/tables/buckets.py", "boto", "an optional extra, which costs 100 ms"),
    *(
        ("cdc/functions/worker.py", name, "a handler waits for the start of its process")
        for name in ("json", "traceback", "_thread")
    ),
)
CLOCK_HOMES = {
    "cdc/clock.py": "the one that asks",
    "cdc/functions/keeper.py": "a child process, which nobody hands a clock",
    "cdc/functions/worker.py": "a child process, which nobody hands a clock",
}
CLOCK = re.compile(
    r"time\.(time|monotonic|perf_counter|process_time|thread_time)(_ns)?|time\.(sleep|clock_gettime(_ns)?)"
    r"|time\.(localtime|gmtime|ctime)|datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today"
)
CHANCE_HOMES = {
    "cdc/api/protocol.py": "request ids must differ between processes",
    "cdc/api/lambda_http.py": "a request id of Lambda is a random UUID",
    "cdc/daemon.py": "hands the poller its jitter, and background invocations their ids",
    "cdc/functions/request_ids.py": "what it makes",
    "cdc/functions/environment.py": "the name of a function's log stream",
    "cdc/service/core.py": "a mapping's id is a random UUID",
    "cdc/tables/definitions.py": "a table's id is a random UUID",
}
CHANCE = re.compile(r"(uuid|random|secrets)(\..*)?|os\.(urandom|getrandom)")
ASYNC_HOMES = ("cdc/api/", "cdc/functions/", "cdc/daemon.py")
SQL_HOMES = ("cdc/store/", "migrations/")
SQL_MODULES = re.compile(r"(sqlalchemy|alembic|pysqlite3|sqlite3|apsw)(\..*)?")
SQL_TEXT = re.compile(
    r"\bSELECT\s.+\sFROM\s|\bINSERT\s+(OR\s+\w+\s+)?INTO\s|\bUPDATE\s+\S+\s+SET\s|\bDELETE\s+FROM\s"
    r"|\b(CREATE|DROP|ALTER)\s+(UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW)\s|\bPRAGMA\s+\w|\bBEGIN\s+IMMEDIATE\b"
    r"|^\s*(select\s.+\sfrom\s+\w+\s*(where\s.*)?$|insert\s+into\s|delete\s+from\s+\w+\s+where\s|pragma\s+\w)",
    re.DOTALL,
)
PRINT_HOMES = (
    "cdc/cli/",
    "scripts/",
    "examples/",
    "tests/benchmarks/",
    "tests/crash/",  # seeds, shown when a test fails
    "tests/property/poller_simulate.py",
    "cdc/functions/worker.py",  # a child process, whose standard error is the function's log
)
MIGRATIONS = "migrations/versions/"  # one list of statements each, which nobody divides or changes afterwards
LATER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")


@dataclass(frozen=True)
class Source:
    """A file of the repository, or a made-up one."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def is_package_code(self) -> bool:
        return self.path.startswith("cdc/")

    @property
    def floor(self) -> str:
        """The floor that the file belongs to: the first two parts of its module's name."""
        parts = self.path.removesuffix(".py").removesuffix("/__init__").split("/")
        return ".".join(parts[:2])

    def imports(self, root: ast.AST | None = None) -> Iterator[tuple[int, str]]:
        """Give line and full name of everything imported; `from a import b` is a.b."""
        package = self.path.removesuffix(".py").split("/")[:-1]
        for node in ast.walk(root or self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                start = package[: len(package) - node.level + 1] if node.level else []
                base = [*start, *([node.module] if node.module else [])]
                yield from ((node.lineno, ".".join([*base, alias.name])) for alias in node.names)

    def names(self) -> Iterator[tuple[int, str]]:
        """Give line and full name of everything imported or used as an attribute of an import, whatever it is called here."""
        known: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                known |= {
                    a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0]
                    for a in node.names
                }
            elif isinstance(node, ast.ImportFrom) and node.module:
                known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        yield from self.imports()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute):
                root, *rest = ast.unparse(node).split(".")
                if root in known:
                    yield node.lineno, ".".join([known[root], *rest])


def keeps_to_its_floor(source: Source) -> Iterator[str]:
    """Imports go down, never up or sideways."""
    if not source.is_package_code:
        return
    if source.floor not in RANKS:
        yield f"{source.path}: {source.floor} is no floor of the house"
        return
    for line, name in source.imports():
        target = ".".join(name.split(".")[:2])
        if name.partition(".")[0] != "cdc" or target == source.floor:
            continue
        place = f"{source.path}:{line}"
        if target not in RANKS:
            yield f"{place}: {name} is on no floor of the house"
        elif RANKS[target] >= RANKS[source.floor]:
            yield f"{place}: {source.floor} may not know {target}"
        elif target == "cdc.settings" and source.floor not in SETTINGS_READERS:
            yield f"{place}: settings are read by {', '.join(sorted(SETTINGS_READERS))}; others get an options value"


def imports_at_the_top(source: Source) -> Iterator[str]:
    """A late import hides a cycle, except for the sanctioned ones."""
    if not source.is_package_code:
        return
    functions = (node for node in ast.walk(source.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    for line, name in sorted({each for function in functions for each in source.imports(function)}):
        sanctioned = any(source.path.startswith(path) and name.startswith(module) for path, module, _ in LATE_IMPORTS)
        if not sanctioned:
            yield f"{source.path}:{line}: {name} is imported inside a function"


def keeps_sql_in_the_store(source: Source) -> Iterator[str]:
    """SQL and its libraries have one home."""
    if source.path.startswith(SQL_HOMES) or not source.is_package_code:
        return
    for line, name in source.imports():
        if SQL_MODULES.fullmatch(name):
            yield f"{source.path}:{line}: {name} is imported outside the store"
    for line, text in literals(source.tree):
        if SQL_TEXT.search(text):
            yield f"{source.path}:{line}: looks like SQL outside the store: {text[:60]!r}"


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Give line and text of the string literals that are no docstrings; what is filled in later is a question mark."""
    statements = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    skipped = {id(value) for value in statements}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "?" for part in node.values),
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield node.lineno, node.value


def asks_the_clock(source: Source) -> Iterator[str]:
    """The system's time has one home, so that a test can hold it still."""
    if source.is_package_code and source.path not in CLOCK_HOMES:
        yield from uses(source, CLOCK, "asks the system for the time, not the Clock")


def leaves_nothing_to_chance(source: Source) -> Iterator[str]:
    """Randomness has few homes, so that a run can be repeated."""
    if source.is_package_code and source.path not in CHANCE_HOMES:
        yield from uses(source, CHANCE, "uses chance")


def uses(source: Source, pattern: re.Pattern[str], complaint: str) -> Iterator[str]:
    for line, name in sorted(set(source.names())):
        if pattern.fullmatch(name):
            yield f"{source.path}:{line}: {name} {complaint}"


def stays_synchronous(source: Source) -> Iterator[str]:
    """The core has one colour; asyncio lives where the network is, and where functions are."""
    if not source.is_package_code or source.path.startswith(ASYNC_HOMES):
        return
    for line, name in source.imports():
        if name.partition(".")[0] == "asyncio":
            yield f"{source.path}:{line}: asyncio outside the API, functions and the daemon"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.AsyncFunctionDef):
            yield f"{source.path}:{node.lineno}: {node.name} is async outside the API, functions and the daemon"


def has_short_functions(source: Source) -> Iterator[str]:
    """In a longer function a second idea is hiding."""
    if source.path.startswith(MIGRATIONS):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_MAX_LINES:
                yield f"{source.path}:{node.lineno}: {node.name} has {lines} lines, at most {FUNCTION_MAX_LINES}"


def has_short_lines(source: Source) -> Iterator[str]:
    """A line fits beside another one; texts that a service dictates are the reason for the slack."""
    most = WIDE_LINE_MAX_CHARACTERS if source.path.startswith(WIDE_HOMES) else LINE_MAX_CHARACTERS
    for number, line in enumerate(source.text.splitlines(), start=1):
        if len(line) > most:
            yield f"{source.path}:{number}: {len(line)} characters, at most {most}"


def is_short(source: Source) -> Iterator[str]:
    """In a longer file a second idea is hiding."""
    lines = len(source.text.splitlines())
    if lines > FILE_MAX_LINES:
        yield f"{source.path}: {lines} lines, at most {FILE_MAX_LINES}"


def says_what_it_holds(source: Source) -> Iterator[str]:
    """A module opens with a sentence that tells what lives there."""
    if source.path.startswith("tests/"):
        return
    docstring = ast.get_docstring(source.tree) or ""
    if not re.fullmatch(r"\S.*[.]", docstring.partition("\n")[0]):
        yield f"{source.path}: the module's docstring does not open with a one-line sentence"


def is_finished(source: Source) -> Iterator[str]:
    """What is left to do stands in the issue tracker."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        if LATER.search(line):
            yield f"{source.path}:{number}: leaves something to do: {line.strip()[:60]}"


def prints_nothing(source: Source) -> Iterator[str]:
    """Only programs print; the rest logs or returns."""
    if source.path.startswith(PRINT_HOMES):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{source.path}:{node.lineno}: print outside the command line"


CODE_RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    keeps_to_its_floor,
    imports_at_the_top,
    keeps_sql_in_the_store,
    asks_the_clock,
    leaves_nothing_to_chance,
    stays_synchronous,
    has_short_functions,
    says_what_it_holds,
    prints_nothing,
)
TEXT_RULES: tuple[Callable[[Source], Iterator[str]], ...] = (has_short_lines, is_short, is_finished)


def read(paths: Iterator[Path]) -> list[Source]:
    return [Source(path=path.relative_to(ROOT).as_posix(), text=path.read_text()) for path in sorted(paths)]


@pytest.fixture(scope="module")
def code() -> list[Source]:
    folders = ("cdc", "migrations", "scripts", "examples", "tests")
    return read(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@pytest.fixture(scope="module")
def texts(code: list[Source]) -> list[Source]:
    folders = ("scripts", ".ci", "config", "examples")
    others = (path for folder in folders for path in (ROOT / folder).rglob("*"))
    return code + read(path for path in others if path.is_file() and path.suffix not in {".py", ".pyc", ".lock"})


def check(rule: Callable[[Source], Iterator[str]], sources: list[Source]) -> None:
    problems = [problem for source in sources for problem in rule(source)]
    if problems:
        pytest.fail(f"{rule.__doc__}\n" + "\n".join(problems), pytrace=False)


@pytest.mark.parametrize("rule", CODE_RULES, ids=lambda rule: rule.__name__)
def test_the_code(rule, code):
    assert len(code) > 10
    check(rule, code)


@pytest.mark.parametrize("rule", TEXT_RULES, ids=lambda rule: rule.__name__)
def test_the_code_scripts_and_configuration(rule, texts):
    assert {"cdc/clock.py", "scripts/run", ".ci/run", "config/cdc.toml"} <= {source.path for source in texts}
    check(rule, texts)


# Each rule can fail: a small text that breaks it, and its neighbour that does not.

LONG = "def f():\n" + "    x = 1\n" * 70
BREACHES = [
    (keeps_to_its_floor, "cdc/store/a.py", "from cdc.streams.shards import x"),
    (keeps_to_its_floor, "cdc/store/a.py", "from ..streams import shards"),
    (keeps_to_its_floor, "cdc/store/a.py", "from .. import streams"),
    (keeps_to_its_floor, "cdc/store/a.py", "def f():\n    import cdc.daemon"),
    (keeps_to_its_floor, "cdc/store/a.py", "if TYPE_CHECKING:\n    from cdc.service import Service"),
    (keeps_to_its_floor, "cdc/store/a.py", "from cdc.settings import load"),
    (keeps_to_its_floor, "cdc/store/a.py", "import cdc"),
    (keeps_to_its_floor, "cdc/model/a.py", "from cdc.clock import Clock"),
    (keeps_to_its_floor, "cdc/clock.py", "from cdc import model"),
    (keeps_to_its_floor, "cdc/service.py", "from cdc.api import app"),
    (keeps_to_its_floor, "cdc/__init__.py", "from cdc.daemon import run"),
    (keeps_to_its_floor, "cdc/cli/a.py", "from cdc.attic import box"),
    (keeps_to_its_floor, "cdc/attic.py", ""),
    (imports_at_the_top, "cdc/store/a.py", "def f():\n    import json"),
    (imports_at_the_top, "cdc/store/a.py", "async def f():\n    if x:\n        from cdc.model import keys"),
    (imports_at_the_top, "cdc/tables/a.py", "class A:\n    def f(self):\n        import alembic"),
    (keeps_sql_in_the_store, "cdc/tables/a.py", "import sqlalchemy as sa"),
    (keeps_sql_in_the_store, "cdc/tables/a.py", "from sqlalchemy.engine import Engine"),
    (keeps_sql_in_the_store, "cdc/cli/a.py", "import sqlite3"),
    (keeps_sql_in_the_store, "cdc/tables/a.py", 'x = "SELECT a, b FROM items"'),
    (keeps_sql_in_the_store, "cdc/tables/a.py", 'x = f"SELECT {a} FROM {b}"'),
    (keeps_sql_in_the_store, "cdc/tables/a.py", 'x = "SELECT a " "FROM b"'),
    (keeps_sql_in_the_store, "cdc/tables/a.py", 'x = """\n    select a\n    from b\n    where c = 1\n"""'),
    (keeps_sql_in_the_store, "cdc/daemon.py", 'x = "PRAGMA data_version"'),
    (keeps_sql_in_the_store, "cdc/daemon.py", 'x = "INSERT OR IGNORE INTO a VALUES (1)"'),
    (keeps_sql_in_the_store, "cdc/daemon.py", 'x = "UPDATE a SET b = 1"'),
    (keeps_sql_in_the_store, "cdc/daemon.py", 'x = "DELETE FROM a"'),
    (asks_the_clock, "cdc/daemon.py", "import time\nx = time.time()"),
    (asks_the_clock, "cdc/daemon.py", "import time as t\nx = t.monotonic_ns()"),
    (asks_the_clock, "cdc/daemon.py", "from time import sleep"),
    (asks_the_clock, "cdc/daemon.py", "from datetime import datetime, UTC\nx = datetime.now(UTC)"),
    (asks_the_clock, "cdc/daemon.py", "import datetime\nf = datetime.datetime.utcnow"),
    (leaves_nothing_to_chance, "cdc/tables/a.py", "import uuid"),
    (leaves_nothing_to_chance, "cdc/tables/a.py", "from random import random"),
    (leaves_nothing_to_chance, "cdc/tables/a.py", "import os\nx = os.urandom(8)"),
    (stays_synchronous, "cdc/service.py", "import asyncio"),
    (stays_synchronous, "cdc/service.py", "from asyncio import Queue"),
    (stays_synchronous, "cdc/service.py", "async def f(): ..."),
    (has_short_functions, "tests/a.py", LONG),
    (has_short_lines, "cdc/a.py", "x" * 131),
    (has_short_lines, "tests/integration/a.py", "x" * 341),
    (is_short, "cdc/a.py", "x\n" * 601),
    (says_what_it_holds, "cdc/a.py", "import json"),
    (says_what_it_holds, "cdc/a.py", '"""Things\nof many kinds."""'),
    (is_finished, "scripts/a", "# TO" + "DO: the rest"),
    (is_finished, "cdc/a.py", "x = 1  # FIX" + "ME"),
    (prints_nothing, "cdc/daemon.py", 'print("x")'),
]
GOOD = [
    (
        keeps_to_its_floor,
        "cdc/store/a.py",
        "from cdc.store.b import x\nfrom . import c\nfrom cdc import clock\nimport json",
    ),
    (keeps_to_its_floor, "cdc/daemon.py", "from cdc.settings import load\nfrom cdc.api import app"),
    (keeps_to_its_floor, "cdc/__init__.py", "def open():\n    from cdc.service import Service"),
    (keeps_to_its_floor, "tests/a.py", "import cdc.cli"),
    (imports_at_the_top, "cdc/cli/a.py", "def f():\n    from rich.table import Table"),
    (imports_at_the_top, "cdc/store/a.py", "def f():\n    from cdc.store.migrations import upgrade"),
    (imports_at_the_top, "cdc/tables/a.py", "if TYPE_CHECKING:\n    import json"),
    (keeps_sql_in_the_store, "cdc/store/a.py", 'import sqlalchemy\nx = "SELECT a FROM b"'),
    (
        keeps_sql_in_the_store,
        "cdc/tables/a.py",
        '"""SELECT a FROM b is SQL."""\nx = "select records from the stream of a table"',
    ),
    (
        keeps_sql_in_the_store,
        "cdc/tables/a.py",
        'x = ["SELECT", "UPDATE", "SET", "FROM"]\ny = "The SET clause of UpdateItem"',
    ),
    (asks_the_clock, "cdc/clock.py", "import time\nx = time.time()"),
    (
        asks_the_clock,
        "cdc/daemon.py",
        "import datetime\nx = datetime.datetime.fromtimestamp(clock.now_ms(), datetime.UTC)",
    ),
    (asks_the_clock, "cdc/daemon.py", "x = time.time()"),  # a name of its own, not the module
    (leaves_nothing_to_chance, "tests/a.py", "import random"),
    (leaves_nothing_to_chance, "cdc/tables/a.py", "import os\nx = os.environ"),
    (stays_synchronous, "cdc/api/a.py", "import asyncio\nasync def f(): ..."),
    (has_short_functions, "tests/a.py", LONG.replace("    x = 1\n", "", 1)),
    (has_short_lines, "cdc/a.py", "x" * 130),
    (has_short_lines, "tests/integration/a.py", "x" * 340),
    (is_short, "cdc/a.py", "x\n" * 600),
    (says_what_it_holds, "cdc/a.py", '"""Things: of many kinds."""'),
    (is_finished, "cdc/a.py", "x = today"),
    (prints_nothing, "cdc/cli/a.py", 'print("x")'),
    (prints_nothing, "cdc/daemon.py", 'out.print("x")'),
]


@pytest.mark.parametrize(("rule", "path", "text"), BREACHES)
def test_a_breach_is_noticed(rule, path, text):
    assert list(rule(Source(path=path, text=text)))


@pytest.mark.parametrize(("rule", "path", "text"), GOOD)
def test_what_is_allowed_is_left_alone(rule, path, text):
    assert list(rule(Source(path=path, text=text))) == []


def test_every_rule_has_a_breach_that_shows_it_can_fail():
    assert {rule for rule, _, _ in BREACHES} == {*CODE_RULES, *TEXT_RULES}


@pytest.mark.parametrize("path", [*CLOCK_HOMES, *CHANCE_HOMES])
def test_exceptions_are_of_files_that_exist(path):
    assert (ROOT / path).is_file()
