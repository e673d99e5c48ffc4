"""What functions come to in a life of a poller: answers of every kind, and what each of them means."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from cdc.model.functions import Outcome
from tests.property.poller_model import STATE_BYTES
from tests.property.poller_words import DONE, FAILED, REPORTED, UNREACHED, Answer
from tests.unit.mappings.bench import FAILURE

if TYPE_CHECKING:
    from random import Random

    from tests.property.poller_words import Rules

WORKS, FLAKY, DOWN, POISON = "works", "is flaky", "is down", "fails at some records"
MODES = (WORKS, FLAKY, DOWN, POISON, POISON)
REFUSALS = ("TooManyRequestsException", "ResourceNotFoundException")
CRASHES = ("ValueError", "Sandbox.Timedout", "Runtime.ExitError", *REFUSALS)
SUCCESSES = (
    *(b"null", b"", b'""', b"{}", b"[]", b'{"batchItemFailures":[]}', b'{"batchItemFailures":null}'),
    *(b"nonsense {", b"17", b'"text"', b"[1,2]", b'{"other":[1]}', b"\xff\x00"),
)
ALL_FAILED = (
    *(b'[{"itemIdentifier":""}]', b'[{"itemIdentifier":null}]', b'[{"itemIdentifier":123}]', b'[{"foo":"x"}]'),
    *(b'[{"foo":null}]', b'[{"itemIdentifier":"no such record"}]', b'["x"]', b'"x"', b'{"a":1}', b"17"),
)


def make_up(chance: Random, mode: str, sequences: list[int], rules: Rules) -> tuple[Outcome, Answer]:
    """Make up what an invocation comes to."""
    if chance.random() < 0.05:
        return replace(FAILURE, error_type=chance.choice(REFUSALS), reached=False), Answer(UNREACHED)
    poison = [each for each in sequences if each % 7 == 3]
    fails = mode == DOWN or (mode == FLAKY and chance.random() < 0.5) or (mode == POISON and bool(poison))
    if fails and (not rules.report or chance.random() < 0.5):
        return replace(FAILURE, error_type=chance.choice(CRASHES)), Answer(FAILED)
    answer, failures = Answer(DONE), b"null"
    if fails and sequences and chance.random() < 0.7:
        failed = poison if mode == POISON else chance.sample(sequences, chance.randint(1, len(sequences)))
        failures = orjson.dumps([{"itemIdentifier": str(each + 10**20)} for each in failed])
        answer = Answer(REPORTED, min(failed))
    elif fails:
        answer, failures = Answer(FAILED), chance.choice(ALL_FAILED)
    elif not rules.window_ms or chance.random() < 0.1:  # without the state that a window needs
        return _ended(chance.choice(SUCCESSES)), answer
    if not rules.window_ms:
        return _ended(b'{"batchItemFailures":%b}' % failures), answer
    state = orjson.dumps({"seen": len(sequences), "more": "x" * chance.choice((0, 5, 50, STATE_BYTES))})
    return _ended(b'{"state":%b,"batchItemFailures":%b}' % (state, failures)), answer._replace(state=state)


def _ended(result: bytes) -> Outcome:
    return Outcome(ok=True, duration_ms=1.0, result=result)
