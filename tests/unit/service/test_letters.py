"""Dead letters from outside: finding, reading, redriving and purging them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.model.errors import InternalServerError, ServiceError
from cdc.service.letters import PURGE_LETTERS, UnknownLetterError
from cdc.store import dead_letters
from tests.unit.service.requests import declaration, give_up_batch

if TYPE_CHECKING:
    from cdc.service import Service

HOUR = 3600


@pytest.fixture
def letters(service: Service) -> list[int]:
    """Four dead letters: three of `a`, one of `b`."""
    service.declare_mappings([declaration("a"), declaration("b")])
    return [give_up_batch(service, name) for name in "aaba"]


def states(service: Service) -> list[str]:
    return [each.state for each in service.dead_letters.find()]


def revisions(service: Service) -> dict[str, int]:
    return {each.name: each.revision for each in service.mappings()}


def test_letters_are_found_by_mapping_state_and_id(service, letters):
    service.dead_letters.redrive([letters[0]])

    def found(*ids, **chosen):
        return [each.id for each in service.dead_letters.find(ids or None, **chosen)]

    assert found() == letters
    assert found(mapping_name="a") == [letters[0], letters[1], letters[3]]
    assert found(state="redriving") == [letters[0]]
    assert found(letters[2], 99) == [letters[2]]
    assert found(mapping_name="c") == []


def test_an_event_is_read_as_it_was_given_up(service, letters):
    assert service.dead_letters.event(letters[0]) == b'{"Records":[]}'
    with pytest.raises(UnknownLetterError, match="no dead letter has the id 99: `cdc dead-letters list` shows"):
        service.dead_letters.event(99)


def test_a_damaged_event_is_said_to_be_one(service, letters):
    service.writer.call(lambda each: each.cursor.execute("UPDATE dead_letters SET crc = crc + 1") and None)
    with pytest.raises(InternalServerError, match=f"dead letter {letters[0]} is damaged"):
        service.dead_letters.event(letters[0])


@pytest.mark.parametrize(
    ("ids", "mapping_name", "expected"),
    [
        ([0, 2, 0], None, ["redriving", "dead", "redriving", "dead"]),
        (None, "a", ["redriving", "redriving", "dead", "redriving"]),
        (None, None, ["redriving"] * 4),
    ],
)
def test_letters_are_redriven_as_chosen_and_their_mappings_hear_of_it(service, letters, ids, mapping_name, expected):
    before = revisions(service)
    wanted = None if ids is None else [letters[each] for each in ids]
    assert service.dead_letters.redrive(wanted, mapping_name=mapping_name) == expected.count("redriving")
    assert states(service) == expected
    heard = {name for name, revision in revisions(service).items() if revision > before[name]}
    assert heard == ({"a"} if mapping_name else {"a", "b"})


def test_what_is_on_its_way_or_done_is_not_redriven(service, letters):
    service.dead_letters.redrive([letters[0]])
    with pytest.raises(ServiceError, match=f"dead letter {letters[0]} is redriving: only one that is dead"):
        service.dead_letters.redrive([letters[1], letters[0]])
    with pytest.raises(UnknownLetterError, match="no dead letter has the id 98, 99: "):
        service.dead_letters.redrive([98, letters[1], 99])
    assert states(service) == ["redriving", "dead", "dead", "dead"]
    assert service.dead_letters.redrive(mapping_name="a") == 2


def test_letters_of_a_forgotten_mapping_stay_and_are_not_redriven(service, letters):
    service.dead_letters.redrive([letters[2]])
    service.declare_mappings([declaration("a")])
    service.forget_mapping("b")
    [left] = service.dead_letters.find(mapping_name="b")
    assert (left.state, left.redrive_error) == ("dead", "its mapping was forgotten")
    with pytest.raises(ServiceError, match=f"dead letter {letters[2]} is of mapping b, which was forgotten"):
        service.dead_letters.redrive([letters[2]])
    assert service.dead_letters.redrive() == 3


@pytest.mark.parametrize(
    ("ids", "chosen", "left"),
    [
        ([1, 2], {}, [0, 3]),
        (None, {"mapping_name": "a"}, [0, 2]),
        (None, {"state": "dead"}, [0]),
        (None, {}, [0]),
    ],
)
def test_letters_are_purged_as_chosen_but_for_those_on_their_way(service, letters, ids, chosen, left):
    service.dead_letters.redrive([letters[0]])
    wanted = None if ids is None else [letters[each] for each in ids]
    assert service.dead_letters.purge(wanted, **chosen) == 4 - len(left)
    assert [each.id for each in service.dead_letters.find()] == [letters[each] for each in left]


def test_a_letter_on_its_way_is_not_purged_by_its_id(service, letters):
    service.dead_letters.redrive([letters[0]])
    with pytest.raises(UnknownLetterError, match=f"the id {letters[0]}, 99, or it is being delivered again"):
        service.dead_letters.purge([letters[1], letters[0], 99])
    assert len(service.dead_letters.find()) == 4


def test_letters_are_purged_when_their_time_has_come(service, clock, letters):
    clock.advance(2 * HOUR)
    new = give_up_batch(service, "a")
    service.dead_letters.redrive([letters[0]])
    assert not service.dead_letters.purge_older(3 * HOUR)
    assert service.dead_letters.purge_older(HOUR)
    assert not service.dead_letters.purge_older(HOUR)
    assert [each.id for each in service.dead_letters.find()] == [letters[0], new]


def test_a_purge_deletes_a_bounded_number_at_once(service, clock, letters):
    for _ in range(PURGE_LETTERS):
        give_up_batch(service, "b")
    clock.advance(HOUR)
    assert service.dead_letters.purge_older(1)
    assert len(service.dead_letters.find()) == len(letters)


def test_a_status_counts_letters_until_they_are_redriven(service, letters):
    def counted() -> dict[str, int]:
        return {each["name"]: each["dead_letters"] for each in service.status()["mappings"]}

    assert counted() == {"a": 3, "b": 1}
    service.dead_letters.redrive([letters[0]])
    service.writer.call(lambda transaction: dead_letters.redriven(transaction, letters[0], "r"))
    assert counted() == {"a": 2, "b": 1}
