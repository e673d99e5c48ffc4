from __future__ import annotations

import threading

import pytest

from cdc.cli.loading import ATTEMPTS, BATCH_ITEMS, Loader
from cdc.cli.rows import BadLineError, Row
from cdc.model.errors import ServiceUnavailable, ValidationException


class Table:
    """A table that takes batches from many threads, refuses item "bad", and can be busy."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.writes: list[tuple[str, str]] = []
        self.batches: list[int] = []
        self.busy = 0  # answers that say so
        self.unprocessed = 0  # answers that leave the last item out

    def call(self, operation, request):
        with self.lock:
            if self.busy:
                self.busy -= 1
                raise ServiceUnavailable("full")
            if operation == "PutItem":
                self._check([request["Item"]])
                self._store([request["Item"]])
                return {}
            requests = request["RequestItems"]["t"]
            found = [each["PutRequest"]["Item"] for each in requests]
            self._check(found)
            self.batches.append(len(found))
            if self.unprocessed:
                self.unprocessed -= 1
                self._store(found[:-1])
                return {"UnprocessedItems": {"t": requests[-1:]}}
            self._store(found)
            return {"UnprocessedItems": {}}

    def _check(self, items):
        keys = [item["id"]["S"] for item in items]
        if len(set(keys)) < len(keys):
            raise ValidationException("Provided list of item keys contains duplicates")
        if any("bad" in item for item in items):
            raise ValidationException("bad item")

    def _store(self, items):
        self.writes += [(item["id"]["S"], item["v"]["N"]) for item in items]


def row(line, key=None, **more):
    return Row(line, {"id": {"S": str(line if key is None else key)}, "v": {"N": str(line)}, **more})


def pass_over(_seconds):
    """Wait no time."""


def load(table, rows, sleep=pass_over):
    loader = Loader(table.call, sleep, "t", ("id",))
    for each in rows:
        loader.add(each)
    loader.finish()
    return loader


def test_everything_is_stored_in_batches():
    table = Table()
    loader = load(table, [row(line) for line in range(1, 1001)])
    assert loader.failure is None
    assert loader.stored == 1000
    assert sorted(int(key) for key, _ in table.writes) == list(range(1, 1001))
    assert max(table.batches) == BATCH_ITEMS


def test_the_lines_of_one_key_are_written_in_order_and_none_is_left_out():
    table = Table()
    load(table, [row(line, key=line % 7) for line in range(1, 301)])
    for key in range(7):
        assert [int(v) for k, v in table.writes if k == str(key)] == [n for n in range(1, 301) if n % 7 == key]


def test_numbers_that_are_equal_are_one_key():
    loader = Loader(Table().call, pass_over, "t", ("n",))
    keys = {loader._key(Row(1, {"n": {"N": text}})) for text in ("1", "1.0", "10e-1")}
    loader.finish()
    assert len(keys) == 1


def test_at_a_refused_item_all_before_it_are_stored_and_its_line_is_known():
    table = Table()
    rows = [row(line) for line in range(1, 201)]
    rows[149] = row(150, bad={"BOOL": True})
    loader = load(table, rows)
    assert loader.failure is not None
    line, error = loader.failure
    assert (line, str(error)) == (150, "bad item")
    assert set(range(1, 150)) <= {int(key) for key, _ in table.writes}
    assert loader.stored == len(table.writes)


def test_the_first_of_several_refused_lines_is_named():
    rows = [row(line, **({"bad": {"BOOL": True}} if line % 10 == 0 else {})) for line in range(1, 201)]
    loader = load(Table(), rows)
    assert loader.failure is not None
    assert loader.failure[0] == 10


@pytest.mark.parametrize("item", [{}, {"id": "x"}, {"id": {}}])
def test_a_row_without_its_key_is_refused_with_its_line(item):
    loader = Loader(Table().call, pass_over, "t", ("id",))
    with pytest.raises(BadLineError) as refused:
        loader.add(Row(9, item))
    loader.finish()
    assert refused.value.line == 9
    assert "id, which is part of the key of t" in refused.value.reason


def test_a_busy_service_is_asked_again_later_each_time():
    table, pauses = Table(), list[float]()
    table.busy = 3
    assert load(table, [row(1)], pauses.append).stored == 1
    assert pauses == [0.1, 0.2, 0.4]


def test_a_service_that_stays_busy_fails_the_line():
    table = Table()
    table.busy = 10 * ATTEMPTS
    loader = load(table, [row(1)])
    assert loader.failure is not None
    assert isinstance(loader.failure[1], ServiceUnavailable)


def test_items_left_unprocessed_are_sent_again():
    table = Table()
    table.unprocessed = 2
    assert load(table, [row(line, key=line) for line in range(1, 4)]).stored == 3
    assert sorted(key for key, _ in table.writes) == ["1", "2", "3"]


def test_items_that_stay_unprocessed_fail_the_line():
    table = Table()
    table.unprocessed = 10 * ATTEMPTS
    loader = load(table, [row(1)])
    assert loader.failure is not None
    assert "unprocessed" in str(loader.failure[1])
