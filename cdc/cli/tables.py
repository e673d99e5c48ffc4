"""Tables for people: the parts of a file's status, as Rich draws them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

PIPE_COLUMNS = 500
"""Width when nobody watches: nothing is folded that another program reads."""
_SHORT_SHARD = 8
_UNITS_BYTES = ("B", "KB", "MB", "GB", "TB")


def show(*tables: Table | str) -> None:
    """Print tables on standard output."""
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else PIPE_COLUMNS, highlight=False)
    for table in tables:
        console.print(table, markup=False)


def tables_table(tables: Iterable[dict[str, Any]]) -> Table:
    """Draw `tables` of a status."""
    drawn = _table("table", "items>", "size>", "stream")
    for table in tables:
        drawn.add_row(table["name"], f"{table['items']:,}", size_text(table["size_bytes"]), table["stream"] or "none")
    return drawn


def streams_table(streams: Iterable[dict[str, Any]]) -> Table:
    """Draw `streams` of a status, a line for each shard."""
    drawn = _table("stream of", "label", "view type", "state", "retention>", "shard", "head sequence")
    for stream in streams:
        first = [
            stream["table"],
            stream["arn"].rpartition("/")[2],
            stream["view_type"],
            "enabled" if stream["enabled"] else "disabled",
            f"{stream['retention_hours']:g} h",
        ]
        for shard in stream["shards"]:
            state = "" if shard["open"] else " (closed)"
            drawn.add_row(*first, short(shard["shard_id"]) + state, shard["head_sequence"] or "no record")
            first = [""] * len(first)
    return drawn


def mappings_table(mappings: Iterable[dict[str, Any]]) -> Table:
    """Draw `mappings` of a status, a line each."""
    drawn = _table("mapping", "table", "function", "state", "iterator age>", "failed attempts>", "last result")
    for mapping in mappings:
        lanes = mapping["shards"]
        failed = max((lane["failed_attempts"] for lane in lanes), default=0)
        newest = max(lanes, key=lambda lane: (lane["failed_attempts"], lane["updated_ms"]), default=None)
        age = age_text(mapping["iterator_age_ms"])
        drawn.add_row(
            mapping["name"],
            mapping["table"],
            mapping["function"],
            mapping["state"],
            age,
            _alarm(str(failed), failed > 0),
            "" if newest is None else newest["last_result"],
        )
    return drawn


def lanes_table(mappings: Iterable[dict[str, Any]]) -> Table:
    """Draw the shards of the mappings of a status: how far each has come."""
    drawn = _table("mapping", "shard", "checkpoint", "iterator age>", "failed attempts>", "last result")
    for mapping in mappings:
        name = mapping["name"]
        for lane in mapping["shards"]:
            failed = lane["failed_attempts"]
            result = f"{lane['last_result']}: {lane['last_error']}" if lane["last_error"] else lane["last_result"]
            age = age_text(lane["iterator_age_ms"])
            if lane["paused"]:
                result = f"paused; {result}"
            drawn.add_row(
                name, short(lane["shard_id"]), lane["checkpoint"], age, _alarm(str(failed), failed > 0), result
            )
            name = ""
    return drawn


def metrics_table(mappings: Iterable[dict[str, Any]]) -> Table:
    """Draw the metrics of the mappings of a status, since the process that delivers began."""
    drawn = _table(
        "mapping", "invocations>", "errors>", "throttles>", "duration>", "polled>", "filtered>", "in flight>"
    )
    for mapping in mappings:
        metrics = mapping["metrics"]
        if metrics is None:
            continue
        count = metrics["invocations"] - metrics["concurrent_executions"]
        drawn.add_row(
            mapping["name"],
            f"{metrics['invocations']:,}",
            _alarm(f"{metrics['errors']:,}", metrics["errors"] > 0),
            f"{metrics['throttles']:,}",
            f"{metrics['duration_ms'] / count:.1f} ms" if count > 0 else "",
            f"{metrics['polled']:,}",
            f"{metrics['filtered_out']:,}",
            f"{metrics['concurrent_executions']:,}",
        )
    return drawn


def outbox_table(outbox: Iterable[dict[str, Any]], now_ms: int) -> Table:
    """Draw `outbox` of a status: a line for each destination that has messages."""
    drawn = _table("destination", "pending>", "oldest>", "next attempt>", "sent>", "failed>", "last error")
    for each in outbox:
        oldest, following = each["oldest_pending_ms"], each["next_attempt_ms"]
        drawn.add_row(
            each["destination"],
            f"{each['pending']:,}",
            "" if oldest is None else age_text(max(0, now_ms - oldest)),
            "" if following is None else f"in {age_text(max(0, following - now_ms))}",
            f"{each['sent']:,}",
            _alarm(f"{each['failed']:,}", each["failed"] > 0),
            each["last_error"] or "",
        )
    return drawn


def messages_table(messages: Iterable[dict[str, Any]], now_ms: int) -> Table:
    """Draw messages of the outbox, a line each."""
    drawn = _table("message", "mapping", "records>", "size>", "destination", "state", "age>", "attempts>", "last error")
    for each in messages:
        drawn.add_row(
            each["message_id"],
            each["mapping"],
            f"{each['records']:,}",
            size_text(each["size_bytes"]),
            each["destination"],
            _alarm(each["state"], each["state"] == "failed"),
            age_text(max(0, now_ms - each["created_ms"])),
            str(each["attempts"]),
            each["last_error"] or "",
        )
    return drawn


def letters_table(letters: Iterable[dict[str, Any]], now_ms: int) -> Table:
    """Draw dead letters, a line each."""
    drawn = _table("id>", "mapping", "shard", "first record", "records>", "state", "age>", "attempts>", "error")
    for each in letters:
        error = f"{each['error_type']}: {each['error_message']}" if each["error_type"] else each["error_message"]
        drawn.add_row(
            str(each["id"]),
            each["mapping"],
            short(each["shard_id"]),
            each["first_sequence"],
            f"{each['records']:,}",
            _alarm(each["state"], each["state"] == "dead"),
            age_text(max(0, now_ms - each["created_ms"])),
            str(each["attempts"]),
            error if each["redrive_error"] is None else f"{error}; redrive: {each['redrive_error']}",
        )
    return drawn


def short(shard_id: str) -> str:
    """Shorten a shard id to its end, which names it; `cdc tail --shard` takes that, too."""
    return shard_id[-_SHORT_SHARD:]


def size_text(size_bytes: int) -> str:
    """Write a size as people do."""
    size = float(size_bytes)
    for unit in _UNITS_BYTES:
        if size < 1000 or unit == _UNITS_BYTES[-1]:
            break
        size /= 1000
    return f"{size_bytes} B" if size_bytes < 1000 else f"{size:.1f} {unit}"


def age_text(age_ms: int) -> str:
    """Write an age as people do."""
    seconds = age_ms / 1000
    if seconds < 1:
        return f"{age_ms} ms" if age_ms else "0"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _table(*headings: str) -> Table:
    """Make an empty table; > after a heading aligns its column to the right."""
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        drawn.add_column(heading.rstrip(">"), justify="right" if heading.endswith(">") else "left", overflow="fold")
    return drawn


def _alarm(text: str, alarming: bool) -> Text:  # noqa: FBT001  # read as "alarm if"
    return Text(text, style="bold red" if alarming else "")
