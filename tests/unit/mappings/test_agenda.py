"""Ready things come in the order in which they became ready; a new plan replaces the old one."""

from __future__ import annotations

import pytest

from cdc.mappings.agenda import Agenda


@pytest.fixture
def agenda() -> Agenda[str]:
    return Agenda()


def taken(agenda):
    return list(iter(agenda.take, None))


def test_what_is_ready_comes_first_come_first_served_and_once(agenda):
    for name in "abca":
        agenda.now(name)
    assert agenda.has_ready
    assert taken(agenda) == ["a", "b", "c"]
    assert not agenda.has_ready


def test_a_time_makes_ready(agenda):
    agenda.at("b", 2)
    agenda.at("a", 1)
    agenda.ring(0.5)
    assert (taken(agenda), agenda.next_time) == ([], 1)
    agenda.ring(2)
    assert (taken(agenda), agenda.next_time) == (["a", "b"], None)


def test_a_later_plan_replaces_an_earlier_one(agenda):
    agenda.at("a", 1)
    agenda.at("a", 5)
    agenda.ring(1)
    assert (taken(agenda), agenda.next_time) == ([], 5)
    agenda.at("a", 2)
    agenda.ring(3)
    assert taken(agenda) == ["a"]
    agenda.ring(9)
    assert taken(agenda) == []


def test_ready_stays_ready_whatever_is_planned(agenda):
    agenda.at("a", 1)
    agenda.now("a")
    agenda.at("a", 100)
    agenda.ring(1)
    assert (taken(agenda), agenda.next_time) == (["a"], None)


@pytest.mark.parametrize("plan", [lambda agenda: agenda.now("a"), lambda agenda: agenda.at("a", 1)])
def test_what_is_forgotten_never_comes(agenda, plan):
    plan(agenda)
    agenda.forget("a")
    agenda.forget("unknown")
    agenda.ring(1)
    assert (taken(agenda), agenda.next_time, agenda.has_ready) == ([], None, False)
    agenda.now("a")
    assert taken(agenda) == ["a"]
