"""Request ids of invocations."""

from __future__ import annotations

import uuid

from cdc.functions.request_ids import BATCH, RequestIds


def test_each_is_another_uuid_of_version_4():
    ids = RequestIds()
    found = [ids() for _ in range(2 * BATCH + 1)]
    assert len(set(found)) == len(found)
    for each in found:
        parsed = uuid.UUID(each)
        assert (parsed.version, parsed.variant, str(parsed)) == (4, uuid.RFC_4122, each)
