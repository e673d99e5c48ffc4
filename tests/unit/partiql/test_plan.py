"""Plans: which stretches of keys a SELECT reads, in which order, and where it goes on."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.model.keys import encode_key
from cdc.partiql.plan import MAX_PARTITIONS, plan_select
from cdc.partiql.prepared import prepare
from cdc.partiql.syntax import Select
from cdc.partiql.tokens import OTHER_REQUEST
from cdc.store.items import HIGHEST_KEY
from cdc.tables.sources import TableSource

pytestmark = pytest.mark.usefixtures("table")


@pytest.fixture
def source(running, table):
    return TableSource(running.reader.view().catalog.tables[table])


def plan(source, rest, *parameters):
    bound = prepare(f"SELECT * FROM abc {rest}").bind(list(parameters) or None)
    assert isinstance(bound.statement, Select)
    return plan_select(bound, source, bound.statement.orderings)


def read(running, source, planned):
    with running.reader.snapshot() as view:
        keys = [source.start_key_of(row) for row in planned.rows(source, view.connection, at_once=2)]
    return [key["pk"]["S"] + key["sk"]["N"] for key in keys]


ALL_A = ["a0", "a1", "a2", "a3"]


@pytest.mark.parametrize(
    ("where", "keys", "answered"),
    [
        ("pk = 'a'", ALL_A, {0}),
        ("v = 1 AND pk = 'a'", ALL_A, {1}),
        ("pk = 'a' AND sk = 1", ["a1"], {0, 1}),
        ("pk = 'a' AND sk = 1 AND sk > 0", ["a1"], {0, 1}),
        ("pk = 'a' AND sk > 0 AND sk <= 2", ["a1", "a2"], {0, 1, 2}),
        ("pk = 'a' AND sk BETWEEN 2 AND 9", ["a2", "a3"], {0, 1}),
        ("pk = 'a' AND sk > 2 AND sk < 1", [], {0, 1, 2}),
        ("pk = 'a' AND sk IN (1)", ALL_A, {0}),
        ("pk IN ('b', 'a', 'b') AND sk = 1", ["b1", "a1"], {0, 1}),
        ("pk IN ('b', 'a') AND pk = 'a'", ALL_A, {1}),
        ("pk = 1", [], {0}),
        ("pk IN (1, 'a')", ALL_A, {0}),
        ("pk = 'a' AND sk = 'x'", [], {0}),
        ("pk = 'a' AND sk > 1 AND sk < 'x'", [], {0}),
        ("pk = 'none'", [], {0}),
    ],
)
def test_conditions_on_keys_leave_stretches(running, source, where, keys, answered):
    planned = plan(source, f"WHERE {where}")
    assert planned.keyed
    assert read(running, source, planned) == keys
    if keys:
        assert planned.answered == answered


@pytest.mark.parametrize(
    "rest", ["", "WHERE sk = 1", "WHERE pk > 'a'", "WHERE pk = 'a' OR v = 1", "WHERE NOT pk = 'a'"]
)
def test_without_an_equality_all_is_read(running, source, rest):
    planned = plan(source, rest)
    assert (planned.keyed, planned.answered) == (False, frozenset())
    assert [(low, high) for _, low, high in planned.stretches] == [(b"", HIGHEST_KEY)]
    assert len(read(running, source, planned)) == 8


ORDERS = [
    ("", ["b2", "b3", "a2", "a3"]),
    ("ORDER BY pk", ["a2", "a3", "b2", "b3"]),
    ("ORDER BY pk DESC", ["b3", "b2", "a3", "a2"]),
    ("ORDER BY pk DESC, sk", ["b2", "b3", "a2", "a3"]),
    ("ORDER BY sk", ["b2", "a2", "b3", "a3"]),
    ("ORDER BY sk DESC", ["b3", "a3", "b2", "a2"]),
    ("ORDER BY sk DESC, pk", ["b3", "a3", "b2", "a2"]),
]


@pytest.mark.parametrize(("order", "keys"), ORDERS)
def test_rows_come_in_the_order_asked_for_and_go_on_after_any_of_them(running, source, order, keys):
    planned = plan(source, f"WHERE pk IN ('b', 'a') AND sk > 1 {order}")
    assert read(running, source, planned) == keys
    for place, key in enumerate(keys):
        position = encode_key(source.table.schema, {"pk": {"S": key[0]}, "sk": {"N": key[1]}})
        assert read(running, source, planned.after(position)) == keys[place + 1 :]


def test_a_scan_goes_on_after_a_row(running, source):
    planned = plan(source, "")
    position = encode_key(source.table.schema, {"pk": {"S": "a"}, "sk": {"N": "3"}})
    assert "a3" not in read(running, source, planned.after(position))


def test_a_position_in_no_stretch_is_of_another_request(source):
    position = encode_key(source.table.schema, {"pk": {"S": "b"}, "sk": {"N": "3"}})
    with pytest.raises(ValidationException) as caught:
        plan(source, "WHERE pk = 'a'").after(position)
    assert caught.value.message == OTHER_REQUEST


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("ORDER BY pk", "Must have at least one non-optional hash key condition"),
        ("WHERE pk = 'a' OR sk = 1 ORDER BY sk", "Must have at least one non-optional hash key condition"),
        ("WHERE pk = 'a' ORDER BY v", "Variable reference v in ORDER BY clause must be part of the primary key"),
        ("WHERE pk = ''", "cannot contain an empty string value. Key: pk"),
        (f"WHERE pk = '{'x' * 2049}'", "Size of hashkey has exceeded the maximum size limit of2048 bytes"),
        (
            f"WHERE pk IN ({', '.join(['1'] * (MAX_PARTITIONS + 1))})",
            "operator or function: IN, number of operands: 51",
        ),
    ],
)
def test_what_keys_can_not_answer_is_refused(source, rest, message):
    with pytest.raises(ValidationException) as caught:
        plan(source, rest)
    assert message in caught.value.message


def test_fifty_partitions_may_be_read(source):
    assert len(plan(source, f"WHERE pk IN ({', '.join(f'{chr(39)}{n}{chr(39)}' for n in range(50))})").stretches) == 50
