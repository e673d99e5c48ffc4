"""A discarded batch for tests, as Lambda's documentation shows one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cdc.mappings.failure_record import DiscardedBatch
from cdc.model.dead_letters import RETRIES_EXHAUSTED

FUNCTION = "arn:aws:lambda:us-east-2:123456789012:function:myfunction"
STREAM = "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"
_BATCH = DiscardedBatch(
    message_id="5cfa8d0e-6a5b-4b9c-8f4c-0a6a3c1d2e3f",
    mapping_id="14e0db71-5d35-4eb5-b481-8945cf9d10c2",
    mapping_name="audit",
    condition=RETRIES_EXHAUSTED,
    request_id="316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
    function_arn=FUNCTION,
    invoke_count=2,
    function_error="Unhandled",
    discarded_ms=1_573_690_429_717,  # 2019-11-14T00:13:49.717Z
    stream_arn=STREAM,
    shard_id="shardId-00000001573689847184-864758bb",
    first_sequence=7,
    last_sequence=9,
    first_created_ms=1_573_690_399_999,  # 2019-11-14T00:13:19.999Z
    last_created_ms=1_573_690_400_000,
    records=3,
    event=b'{"Records":[{"eventID":"1"},{"eventID":"2"},{"eventID":"3"}]}',
)


def discarded(**changes: Any) -> DiscardedBatch:
    """Build a batch that was discarded."""
    return replace(_BATCH, **changes)
