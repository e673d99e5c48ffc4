"""The shard walk: which shards of a table's streams are to be read now, so that each key's records come in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from cdc.model.catalog import Catalog, Shard, Stream


class Stop(NamedTuple):
    """A shard on the walk, with the stream it belongs to."""

    stream: Stream
    shard: Shard


def walk(
    catalog: Catalog,
    table_name: str,
    *,
    first_stream: int,
    after: int,
    drained: Container[int],
    only_stream: int | None = None,
) -> list[Stop]:
    """List the shards to read now: of the oldest stream that is not finished, those whose parents are.

    Streams are those of the table's name from the id `first_stream` on, or `only_stream`. `after`: nothing up to this
    sequence is wanted. `drained` has the ids of the closed shards in which nothing is left to read. A stream is finished
    when it is disabled and each of its shards is.
    """
    for stream in catalog.streams_of(table_name):
        if stream.id < first_stream or only_stream not in {None, stream.id}:
            continue
        unfinished = [shard for shard in stream.shards if not _is_finished(shard, after, drained)]
        if unfinished or stream.disabled_ms is None:
            return list(_without_unfinished_parent(stream, unfinished))
    return []


def _is_finished(shard: Shard, after: int, drained: Container[int]) -> bool:
    return shard.end_sequence is not None and (shard.end_sequence <= after or shard.id in drained)


def _without_unfinished_parent(stream: Stream, unfinished: Iterable[Shard]) -> Iterator[Stop]:
    """Keep the shards whose parent is read to its end; one that is no longer listed counts as such."""
    waited_for = {shard.shard_id for shard in unfinished}
    return (Stop(stream, shard) for shard in unfinished if shard.parent_shard_id not in waited_for)
