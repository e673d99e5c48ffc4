"""The page `docs/compatibility.md`: made of the SDK's models, the daemon's operations and notes in `docs`."""

from __future__ import annotations

import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clients.differential.differences import DIFFERENCES
from tests.clients.suites.catalog import load_catalog
from tests.clients.suites.results import lines_of, read_results
from tests.compatibility.models import SERVICES, operations

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.compatibility.models import Operation

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "compatibility.md"
NOTES = DOCS / "compatibility.toml"
_TITLES = {"dynamodb": "DynamoDB", "dynamodbstreams": "DynamoDB Streams"}
_MADE = (
    "<!-- Made by scripts/compatibility from botocore's models, cdc's operations, compatibility.toml, which is for editing, "
    "and what scripts/client-suites found. -->"
)


_PEER = """\
`tests/clients/test_differential.py` makes the same random requests of cdc and of dynalite 4, an independent
implementation, and compares answers, errors and what is stored. Each difference must be of a kind in this table, which
stands in `tests/clients/differential`."""
_BY_HAND = """\
Programs of the kind that their documentation shows were run once, in December 2026, with these clients, unmodified, against a
daemon, and did what that documentation says. No test repeats it; what the tests run is in the README. "With signatures
verified" means that access keys were configured."""


class NotesError(Exception):
    """The notes do not fit the operations: the message says which line is missing or about nothing."""


@dataclass(frozen=True)
class Notes:
    """What people know and models do not."""

    introduction: str
    limits: Mapping[str, str]  # of operations that work, by name
    refused: Mapping[str, str]  # why an operation is refused, by name
    members: Mapping[str, str]  # why a member is refused, by the last part of its path
    choices: Mapping[str, Sequence[str]]  # by the heading that they stand under
    clients: Mapping[str, str]  # what was done with those that were tried by hand, by name and version


def load_notes(path: Path = NOTES) -> Notes:
    """Read the notes."""
    with path.open("rb") as file:
        return Notes(**tomllib.load(file))


def page(found: Sequence[Operation] | None = None, notes: Notes | None = None) -> str:
    """Write the page.

    Raises: NotesError.
    """
    found = operations() if found is None else found
    notes = load_notes() if notes is None else notes
    _check(found, notes)
    return "\n".join(_lines(found, notes)) + "\n"


def _check(found: Sequence[Operation], notes: Notes) -> None:
    """See to it that the notes say why of all that is refused, and nothing about what is not there."""
    refused = {each.name for each in found if each.refusal is not None}
    members = {_last(member) for each in found for member in each.refused_members}
    works = {each.name for each in found} - refused
    faults = [f"[limits] {name}: no operation of this name works" for name in notes.limits.keys() - works]
    for section, given, wanted in (("refused", notes.refused, refused), ("members", notes.members, members)):
        faults += [f"[{section}] {name}: a line that says why is missing" for name in wanted - given.keys()]
        faults += [
            f"[{section}] {name}: nothing of this name is refused: delete the line" for name in given.keys() - wanted
        ]
    ignored = [
        f"{each.name}: {member} is neither known nor refused" for each in found for member in each.ignored_members
    ]
    if faults or ignored:
        raise NotesError("; ".join(sorted(faults) + sorted(ignored)))


def _last(member: str) -> str:
    return member.rpartition(".")[2]


def _lines(found: Sequence[Operation], notes: Notes) -> Iterator[str]:
    yield from ("# Compatibility", "", _MADE, "", notes.introduction.strip())
    for service in SERVICES:
        own = [each for each in found if each.service == service]
        working = sum(each.refusal is None for each in own)
        yield from ("", f"## Operations of {_TITLES[service]}: {working} of {len(own)}", "")
        yield from ("| operation | | |", "|---|---|---|")
        yield from (_row(each, notes) for each in own)
    yield from ("", "## Members that are refused", "", "| member | of | why |", "|---|---|---|")
    yield from _member_rows(found, notes)
    for heading, choices in notes.choices.items():
        yield from ("", f"## {heading}", "")
        yield from (f"- {choice.strip()}" for choice in choices)
    yield from (
        "",
        "## Held against dynalite",
        "",
        _PEER,
        "",
        "| kind of difference | why cdc answers as it does |",
        "|---|---|",
    )
    yield from (f"| {each.kind} | {each.because} |" for each in DIFFERENCES)
    yield from ("", "## Clients tried by hand", "", _BY_HAND, "", "| client | what was done |", "|---|---|")
    yield from (f"| {name} | {done} |" for name, done in notes.clients.items())
    yield from lines_of(read_results(), load_catalog().absent)


def _row(operation: Operation, notes: Notes) -> str:
    name = operation.name
    if operation.refusal is not None:
        code, _, message = operation.refusal.partition(": ")
        return f"| {name} | refused | {code} `{message}`: {notes.refused[name]} |"
    remarks = [notes.limits[name]] if name in notes.limits else []
    if operation.refused_members:
        remarks.append(f"without {', '.join(f'`{member}`' for member in operation.refused_members)}")
    return f"| {name} | works{', within limits' if remarks else ''} | {'; '.join(remarks)} |"


def _member_rows(found: Sequence[Operation], notes: Notes) -> Iterator[str]:
    users: dict[str, list[str]] = defaultdict(list)
    for operation in found:
        for member in operation.refused_members:
            users[_last(member)].append(operation.name)
    for member, names in sorted(users.items()):
        yield f"| `{member}` | {', '.join(sorted(names))} | {notes.members[member]} |"
