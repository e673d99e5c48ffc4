"""The comparisons of the demo: what was acknowledged, streamed, stored and delivered must agree. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cdc.demo.handlers import Applied, Audited
    from cdc.demo.reading import Stream, Table

_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The result of one comparison."""

    claim: str
    detail: str  # how much was compared
    problems: Sequence[str] = ()  # each names what disagrees; none if the claim holds

    @property
    def holds(self) -> bool:
        """Whether nothing disagrees."""
        return not self.problems


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """The records that came to a handler more than once, which at-least-once delivery allows."""

    mapping: str
    at_the_kill: Sequence[str]  # sequence numbers: delivered, but not yet checkpointed when the kill came
    otherwise: Sequence[str]  # after a failed attempt, for example


@dataclass(frozen=True, kw_only=True)
class Killed:
    """How far things were when the daemon was killed."""

    checkpoints: Mapping[str, Mapping[str, str]]  # by mapping and shard
    head: str  # the newest sequence number of the file


def compare(
    acknowledged: Mapping[str, Sequence[str]], stream: Stream, table: Table, applied: Applied, audited: Audited
) -> list[Finding]:
    """Make all comparisons."""
    return [
        captured_once(acknowledged, stream),
        chained(stream),
        replayed(stream, table),
        totalled(table, applied),
        applied_all(stream, applied),
        audited_all(stream, audited),
    ]


def captured_once(acknowledged: Mapping[str, Sequence[str]], stream: Stream) -> Finding:
    """Compare, for each item, the acknowledged writes with its records, in order."""
    streamed = {key: [change for _, change in changes] for key, changes in stream.by_key().items()}
    kinds = Counter(change.partition(",")[0] for changes in acknowledged.values() for change in changes)
    names = {"INSERT": "puts", "MODIFY": "updates", "REMOVE": "deletes"}
    return Finding(
        claim="every acknowledged write is in the stream once, and nothing else is",
        detail=f"{', '.join(f'{kinds[kind]:,} {name}' for kind, name in names.items())} in {len(stream.shards)} shards",
        problems=[
            *(f"sequence number {sequence} came twice" for sequence in stream.twice),
            *_differences({key: list(changes) for key, changes in acknowledged.items()}, streamed, "was written"),
        ],
    )


def chained(stream: Stream) -> Finding:
    """See that the records of each item follow from each other, and those of each shard in order."""
    return Finding(
        claim="each old image is the new image before it, and sequence numbers rise",
        detail=f"{len(stream.records):,} records",
        problems=[
            *(f"the old image of {sequence} is not the new image before it" for sequence in stream.broken),
            *(f"{sequence} is not above the sequence number before it" for sequence in stream.disorder),
        ],
    )


def replayed(stream: Stream, table: Table) -> Finding:
    """Compare the table with what the stream makes of an empty one."""
    return Finding(
        claim="the stream, replayed from empty, gives the table",
        detail=f"{len(table.images):,} items",
        problems=_differences(table.images, stream.images, "in the table", show=False),
    )


def totalled(table: Table, applied: Applied) -> Finding:
    """Compare totals computed from the table with those that the handler made of the events."""
    computed = table.totals.numbers()
    from_events = {carrier: numbers for carrier, numbers in applied.totals.items() if any(numbers)}
    return Finding(
        claim="totals from the table = totals from the events",
        detail=f"{len(computed)} carriers, {sum(numbers[1] for numbers in computed.values()):,} minutes of departure delay",
        problems=_differences(computed, from_events, "from the table"),
    )


def applied_all(stream: Stream, applied: Applied) -> Finding:
    """Compare, for each item, the records with what the totals handler applied."""
    expected = {key: (changes[-1][0], len(changes)) for key, changes in stream.by_key().items()}
    return Finding(
        claim="none lost on the way to totals, and none applied twice",
        detail=f"{applied.records:,} records",
        problems=_differences(expected, applied.items, "last sequence number and count"),
    )


def audited_all(stream: Stream, audited: Audited) -> Finding:
    """Compare the sequence numbers of the stream with those in the audit file."""
    lost = stream.records.keys() - audited.times.keys()
    unknown = audited.times.keys() - stream.records.keys()
    return Finding(
        claim="none lost on the way to audit",
        detail=f"{len(audited.times):,} records",
        problems=[
            *(f"{sequence} ({stream.records[sequence].key}) is not in the audit file" for sequence in sorted(lost)),
            *(f"{sequence} is in the audit file and not in the stream" for sequence in sorted(unknown)),
        ],
    )


def _differences(
    expected: Mapping[str, _Value], found: Mapping[str, _Value], what: str, *, show: bool = True
) -> list[str]:
    problems = []
    for key in sorted(expected.keys() | found.keys()):
        one, other = expected.get(key), found.get(key)
        if one != other:
            values = f"{what}: {one if key in expected else 'nothing'}, found: {other if key in found else 'nothing'}"
            presence = f"{what}: {_presence(one)}, found: {_presence(other)}"
            problems.append(f"{key} ({values if show else presence})")
    return problems


def _presence(value: object) -> str:
    return "missing" if value is None else "present"


def repeats(stream: Stream, applied: Applied, audited: Audited, killed: Killed) -> list[Repeats]:
    """Name the records that came more than once, and find out which of them the kill explains."""
    return [
        _repeats("totals", applied.repeated, stream, killed),
        _repeats("audit", (sequence for sequence, times in audited.times.items() if times > 1), stream, killed),
    ]


def _repeats(mapping: str, sequences: Iterable[str], stream: Stream, killed: Killed) -> Repeats:
    checkpoints = killed.checkpoints.get(mapping, {})
    explained: list[str] = []
    others: list[str] = []
    for sequence in sorted(sequences, key=int):
        record = stream.records.get(sequence)
        checkpoint = "0" if record is None else checkpoints.get(record.shard, "0")
        in_flight = record is not None and int(checkpoint) < int(sequence) <= int(killed.head)
        (explained if in_flight else others).append(sequence)
    return Repeats(mapping=mapping, at_the_kill=explained, otherwise=others)
