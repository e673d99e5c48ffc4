"""What the handlers wrote about their invocations, and the exact check of a delivery against the stream."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.crash.kill_loop_history import StreamRecord


class Line(NamedTuple):
    """A line of a journal. What a killed handler left of a line does not end with `;` and counts for nothing."""

    generation: int  # of the daemon that started the handler
    pid: int
    request: str
    word: str  # start, record or end
    sequence: int  # of the record; 0 with the other words


@dataclass
class Invocation:
    """One run of a handler, as far as it came."""

    generation: int
    sequences: list[int] = field(default_factory=list)
    ended: bool = False


@dataclass
class Delivery:
    """How a delivery went."""

    violations: list[str]
    invocations: int
    delivered: int  # records, each once
    repeated: int  # records delivered once more


def read_journal(lines: Iterable[str]) -> Iterator[Line]:
    """Read the whole lines of a journal, in the order in which they were written."""
    for text in lines:
        parts = text.split()
        if len(parts) == 6 and parts[5] == ";":
            yield Line(int(parts[0]), int(parts[1]), parts[2], parts[3], int(parts[4]))


def check_delivery(
    name: str, journal: Iterable[Line], stream: Mapping[int, StreamRecord], drained: Iterable[int]
) -> Delivery:
    """Check that each record was delivered, in order, and again only where a kill made it necessary.

    `drained`: generations that ended in peace, so that nothing they finished may be delivered again.
    """
    lines = list(journal)
    found = list(_overlaps(lines))
    invocations = _gather(lines)
    shards: dict[str, list[int]] = defaultdict(list)
    for sequence in sorted(stream):
        shards[stream[sequence].shard].append(sequence)
    by_shard: dict[str, list[Invocation]] = defaultdict(list)
    for request, invocation in invocations.items():
        if strange := [sequence for sequence in invocation.sequences if sequence not in stream]:
            found.append(f"request {request}: delivered what is not in the stream: {strange}")
        elif invocation.sequences:
            by_shard[stream[invocation.sequences[0]].shard].append(invocation)
    for shard, sequences in shards.items():
        found += _follow(shard, sequences, by_shard[shard], set(drained))
    first: dict[int, None] = dict.fromkeys(line.sequence for line in lines if line.word == "record")
    found += _out_of_order(first, stream)
    count = sum(len(invocation.sequences) for invocation in invocations.values())
    texts = [f"{name}: {text}" for text in found]
    return Delivery(texts, len(invocations), len(first), count - len(first))


def _overlaps(lines: Iterable[Line]) -> Iterator[str]:
    """Once a daemon's handlers write, none of an earlier daemon's does."""
    newest = 0
    for line in lines:
        if line.generation < newest:
            yield f"process {line.pid} of daemon {line.generation} still ran beside the handlers of daemon {newest}"
        newest = max(newest, line.generation)


def _gather(lines: Iterable[Line]) -> dict[str, Invocation]:
    invocations: dict[str, Invocation] = {}
    for line in lines:
        invocation = invocations.setdefault(line.request, Invocation(line.generation))
        if line.word == "record":
            invocation.sequences.append(line.sequence)
        elif line.word == "end":
            invocation.ended = True
    return invocations


def _follow(shard: str, sequences: list[int], invocations: list[Invocation], drained: set[int]) -> Iterator[str]:
    """Each invocation goes on where the last one ended, or repeats it, as its checkpoint may not have been written."""
    places = {sequence: place for place, sequence in enumerate(sequences)}
    start = end = 0  # of the last invocation
    last: Invocation | None = None
    reached = 0
    for invocation in invocations:
        first = places.get(invocation.sequences[0], -1)
        if invocation.sequences != sequences[first : first + len(invocation.sequences)]:
            yield f"{shard}: a batch has gaps, or records of several shards: {invocation}"
            continue
        allowed = {end} if last is None or last.ended else set()
        if last is not None and invocation.generation > last.generation and last.generation not in drained:
            allowed.add(start)
        if first not in allowed:
            yield f"{shard}: a batch of daemon {invocation.generation} begins at record {first}, expected {allowed}"
        last, start, end = invocation, first, first + len(invocation.sequences)
        reached = max(reached, end)
    if reached < len(sequences):
        yield f"{shard}: {len(sequences) - reached} records were not delivered, from {sequences[reached]} on"
    if last is not None and not last.ended:
        yield f"{shard}: the last batch did not end: {last}"


def _out_of_order(first: Iterable[int], stream: Mapping[int, StreamRecord]) -> Iterator[str]:
    """The first deliveries of each key's records are in the order of the stream."""
    newest: dict[str, int] = {}
    for sequence in first:
        if sequence in stream:
            key = stream[sequence].key
            if sequence < newest.get(key, 0):
                yield f"{key}: sequence {sequence} was first delivered after {newest[key]}"
            newest[key] = max(sequence, newest.get(key, 0))
