"""An event is the JSON of its records, spliced."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings.event import ENVELOPE_BYTES, build_event


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_an_event_holds_its_records_in_order(count):
    records = [orjson.dumps({"n": number}) for number in range(count)]
    event = build_event(records)
    assert orjson.loads(event) == {"Records": [{"n": number} for number in range(count)]}
    assert len(event) == ENVELOPE_BYTES + sum(map(len, records)) + max(0, count - 1)
