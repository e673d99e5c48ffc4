"""`cdc filters`: try filter patterns on records."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cdc.cli.documents import documents
from cdc.cli.errors import REFUSED, USAGE, CommandError
from cdc.cli.options import config_option, load_settings
from cdc.cli.rows import BadLineError
from cdc.mappings.filtering import FilterError, compile_filters
from cdc.mappings.filtering.words import path_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cdc.mappings.filtering import Filters, Verdict

    Record = dict[str, Any]


@click.group("filters")
def command() -> None:
    """Try filter patterns on records.

    \b
    Example:
      cdc tail orders --from-start --no-follow --json | cdc filters test --mapping audit
    """  # noqa: D301


@command.command("test")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.option("--pattern", "patterns", multiple=True, metavar="JSON", help="A pattern; may be given again.")
@click.option("--patterns-file", metavar="FILE", help="JSON patterns, or FilterCriteria as the AWS CLI takes them.")
@click.option("--mapping", metavar="NAME", help="The filters of a mapping of the configuration.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a record: what each filter says of it.")
@config_option
@click.pass_context
def test(
    ctx: click.Context,
    files: tuple[str, ...],
    patterns: tuple[str, ...],
    patterns_file: str | None,
    mapping: str | None,
    config: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say for each record which filter matches it, or the first leaf of each that does not, and why.

    A record reaches the function when one filter matches. FILE, or standard input, holds Lambda events or records,
    one a line or over several lines, as an event that was saved, GetRecords answers or `cdc tail --json` prints.

    Exit code 0 when every record matches, 1 when one does not or is no record, 2 for a wrong pattern.

    \b
    Patterns are objects that follow the keys of a record down to lists of alternatives:
      {"eventName": ["INSERT", "MODIFY"]}                           one of these values
      {"dynamodb": {"NewImage": {"status": {"S": ["DONE"]}}}}       an item's value stands below its type
      "x", 1, true, null         the same value; an item's numbers are texts: "1"
      {"prefix": "a"}, {"suffix": "z"}, {"wildcard": "a*z"}, {"equals-ignore-case": "a"}
      {"anything-but": ["a", "b"]}, or of a prefix, suffix, wildcard or equals-ignore-case
      {"numeric": [">", 0, "<=", 5]}, of numbers alone: not of an item's
      {"exists": true}, {"cidr": "10.0.0.0/24"}
      "$or": [{…}, {…}]          in the place of a key: one of several patterns

    \b
    Examples:
      cdc filters test event.json --pattern '{"eventName": ["INSERT"]}'
      cdc filters test event.json --patterns-file filter-criteria.json
      cdc tail orders --json | cdc filters test --mapping audit
    """  # noqa: D301
    filters = _compile([*patterns, *_read_patterns(patterns_file), *_configured(mapping, config)])
    passed = count = 0
    for name in files or ("-",):
        with _opened(name) as stream:
            for number, record in enumerate(_records(stream, _shown_name(name)), start=1):
                verdicts = filters.explain(record)
                count += 1
                passed += any(verdict.matches for verdict in verdicts)
                place = f"{name} {number}" if len(files) > 1 else str(number)
                click.echo(_json(number, name, record, verdicts) if as_json else _text(place, record, verdicts))
    if not count:
        raise CommandError(f"there is no record in {' or '.join(map(_shown_name, files or ('-',)))}")
    if not as_json:
        click.echo(f"{passed:,} of {count:,} record{'' if count == 1 else 's'} matched", err=True)
    if passed < count:
        ctx.exit(REFUSED)


def _compile(patterns: Sequence[str]) -> Filters:
    """Compile what was asked for."""
    if not patterns:
        raise click.UsageError("--pattern, --patterns-file or --mapping is needed, for the patterns to try.")
    try:
        return compile_filters(patterns)
    except FilterError as error:
        raise CommandError(str(error), USAGE) from None


def _read_patterns(file: str | None) -> list[str]:
    """Read the patterns of a file: its JSON documents, or those in FilterCriteria."""
    if file is None:
        return []
    try:
        with Path(file).open("rb") as stream:
            found = list(documents(stream))
    except BadLineError as error:
        raise CommandError(f"{file} line {error.line}: {error.reason}", USAGE) from None
    if not found:
        raise CommandError(f"there is no pattern in {file}: expected JSON patterns, or FilterCriteria", USAGE)
    match [document.value for document in found]:
        case [{"Filters": [*filters]}]:
            given = [each.get("Pattern") if isinstance(each, dict) else None for each in filters]
            patterns = [pattern for pattern in given if isinstance(pattern, str)]
            if len(patterns) < max(1, len(given)):
                right = '{"Filters": [{"Pattern": "…"}]}, each pattern as a text'
                raise CommandError(f"{file}: not FilterCriteria as the AWS CLI takes them: expected {right}", USAGE)
            return patterns
    return [document.text for document in found]


def _configured(name: str | None, config: Path | None) -> tuple[str, ...]:
    """Return the filters of a mapping of the configuration."""
    if name is None:
        return ()
    mappings = {mapping.name: mapping for mapping in load_settings(config, {}).mappings}
    if name not in mappings:
        known = f"known: {', '.join(mappings)}" if mappings else "it has none; --config names another one"
        raise CommandError(f"the configuration has no mapping {name}: {known}", USAGE)
    if not mappings[name].filters:
        raise CommandError(f"the mapping {name} has no filters, so every record reaches its function", USAGE)
    return mappings[name].filters


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    if name == "-":
        yield sys.stdin.buffer
        return
    with Path(name).open("rb") as stream:
        yield stream


def _shown_name(name: str) -> str:
    return "standard input" if name == "-" else name


def _records(stream: IO[bytes], name: str) -> Iterator[Record]:
    """Read records, those of events one by one.

    Raises: CommandError that names the line.
    """
    try:
        for document in documents(stream):
            value = document.value
            is_event = isinstance(value, dict) and isinstance(value.get("Records"), list)
            for record in value["Records"] if is_event else [value]:
                _require_record(record, document.line)
                yield record
    except BadLineError as error:
        raise CommandError(f"{name} line {error.line}: {error.reason}") from None


def _require_record(value: object, line: int) -> None:
    if not isinstance(value, dict) or not isinstance(value.get("dynamodb"), dict):
        right = 'a record, {"eventName": …, "dynamodb": {…}}, or an event, {"Records": […]}'
        raise BadLineError(line, f"{shown(value)} is no record: expected {right}")


def _text(place: str, record: Record, verdicts: Sequence[Verdict]) -> str:
    """Write what the filters say of a record, for people."""
    head = f"{place} {path_text((str(record.get('eventName')),))} {shown(record['dynamodb'].get('Keys'))}:"
    matching = [str(verdict.number) for verdict in verdicts if verdict.matches]
    if matching:
        noun = "filter" if len(matching) == 1 else "filters"
        return f"{head} {click.style('matches', fg='green')} {noun} {', '.join(matching)}"
    misses = [f"  filter {verdict.number}: {verdict.miss}" for verdict in verdicts]
    return "\n".join([f"{head} {click.style('no match', fg='red')}", *misses])


def _json(number: int, name: str, record: Record, verdicts: Sequence[Verdict]) -> str:
    """Write what the filters say of a record, for programs."""
    filters: list[dict[str, Any]] = []
    for verdict in verdicts:
        said: dict[str, Any] = {"filter": verdict.number, "matches": verdict.matches}
        if verdict.miss is not None:
            miss = verdict.miss
            said |= {"path": miss.path, "wanted": miss.wanted, "found": miss.found}
            said |= {"hint": miss.hint} if miss.hint else {}
        filters.append(said)
    matches = any(verdict.matches for verdict in verdicts)
    place = {"file": name, "record": number, "eventID": record.get("eventID")}
    return json.dumps({**place, "matches": matches, "filters": filters})
