"""The constraints of the Lambda API's model, checked as Lambda does: JSON types first, then all that is wrong together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from cdc.model.lambda_errors import ConstraintException, InvalidRequestContentException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

NOT_NULL = "Member must not be null"
_SHOWN_CHARACTERS = 1000
"""Of a wrong value in a message."""


class Kind(Protocol):
    """What a member may be."""

    def wrong_type(self, value: Any) -> str | None:
        """Say what JSON was expected in place of a value; None when its type is right."""

    def faults(self, value: Any, path: str) -> Iterator[str]:
        """Give the constraints that a value of the right type breaks."""


@dataclass(frozen=True)
class Text:
    """A text."""

    low: int = 0  # characters
    high: int | None = None
    pattern: str | None = None
    choices: Sequence[str] = ()

    @property
    def choice_rule(self) -> str:
        """What is broken by a text that is none of the choices."""
        return f"Member must satisfy enum value set: [{', '.join(self.choices)}]"

    def wrong_type(self, value: Any) -> str | None:
        """Accept texts."""
        return None if isinstance(value, str) else "a text"

    def faults(self, value: str, path: str) -> Iterator[str]:
        """Check choices, length and pattern."""
        if self.choices:
            if value not in self.choices:
                yield _fault(value, path, self.choice_rule)
            return
        if len(value) < self.low:
            yield _fault(value, path, f"Member must have length greater than or equal to {self.low}")
        if self.high is not None and len(value) > self.high:
            yield _fault(value, path, f"Member must have length less than or equal to {self.high}")
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            yield _fault(value, path, f"Member must satisfy regular expression pattern: {self.pattern}")


@dataclass(frozen=True)
class Whole:
    """A whole number."""

    low: int
    high: int

    def wrong_type(self, value: Any) -> str | None:
        """Accept whole numbers, and no booleans."""
        return None if type(value) is int else "a whole number"

    def faults(self, value: int, path: str) -> Iterator[str]:
        """Check the bounds."""
        if value < self.low:
            yield _fault(value, path, f"Member must have value greater than or equal to {self.low}")
        if value > self.high:
            yield _fault(value, path, f"Member must have value less than or equal to {self.high}")


class Switch:
    """True or false."""

    def wrong_type(self, value: Any) -> str | None:
        """Accept booleans."""
        return None if isinstance(value, bool) else "true or false"

    def faults(self, value: Any, path: str) -> Iterator[str]:  # noqa: ARG002
        """Give none."""
        return iter(())


class Anything:
    """What is looked at elsewhere, or refused whatever it is."""

    def wrong_type(self, value: Any) -> str | None:  # noqa: ARG002
        """Accept every type."""
        return None

    def faults(self, value: Any, path: str) -> Iterator[str]:  # noqa: ARG002
        """Give none."""
        return iter(())


@dataclass(frozen=True)
class Listed:
    """A list of members of one kind."""

    member: Kind
    high: int | None = None
    low: int = 0

    def wrong_type(self, value: Any) -> str | None:
        """Accept lists whose members have the right type."""
        if not isinstance(value, list):
            return "a list"
        return next((wrong for each in value if (wrong := self.member.wrong_type(each))), None)

    def faults(self, value: list[Any], path: str) -> Iterator[str]:
        """Check the length and each member."""
        if len(value) < self.low:
            yield _fault(value, path, f"Member must have length greater than or equal to {self.low}")
        if self.high is not None and len(value) > self.high:
            yield _fault(value, path, f"Member must have length less than or equal to {self.high}")
        if isinstance(self.member, Text) and self.member.choices:  # Lambda says these of the list as a whole
            if not set(value) <= set(self.member.choices):
                rule = f"Member must satisfy constraint: [{self.member.choice_rule}, {NOT_NULL}]"
                yield _fault(value, path, rule)
            return
        for number, each in enumerate(value, start=1):
            yield from self.member.faults(each, f"{path}.{number}.member")


@dataclass(frozen=True)
class Pairs:
    """A map with free keys."""

    key: Text
    value: Text

    def wrong_type(self, value: Any) -> str | None:
        """Accept objects of texts."""
        if not isinstance(value, dict):
            return "an object"
        return next((wrong for each in value.values() if (wrong := self.value.wrong_type(each))), None)

    def faults(self, value: dict[str, str], path: str) -> Iterator[str]:
        """Check each key and value."""
        for key, each in value.items():
            yield from self.key.faults(key, f"{path}.{key}.key")
            yield from self.value.faults(each, f"{path}.{key}.value")


@dataclass(frozen=True)
class Structure:
    """An object with known members; unknown ones are ignored, and null counts as absent."""

    members: Mapping[str, Kind] = field(default_factory=lambda: MappingProxyType({}))
    required: frozenset[str] = frozenset()

    def wrong_type(self, value: Any) -> str | None:
        """Accept objects whose members have the right type."""
        if not isinstance(value, dict):
            return "an object"
        for name, kind in self.members.items():
            if value.get(name) is not None and (wrong := kind.wrong_type(value[name])):
                return f"{wrong} as {name}"
        return None

    def faults(self, value: dict[str, Any], path: str) -> Iterator[str]:
        """Check each member."""
        for name, kind in self.members.items():
            where = f"{path}.{_lowered(name)}" if path else _lowered(name)
            if value.get(name) is not None:
                yield from kind.faults(value[name], where)
            elif name in self.required:
                yield _fault(None, where, NOT_NULL)


def check(structure: Structure, request: dict[str, Any]) -> None:
    """Check the members of a request.

    Raises: InvalidRequestContentException for a wrong type; ConstraintException (spec: ValidationException).
    """
    wrong = structure.wrong_type(request)
    if wrong is not None:
        raise InvalidRequestContentException(f"Could not parse request body into json: expected {wrong}")
    refuse(list(structure.faults(request, "")))


def check_value(kind: Kind, value: Any, name: str) -> None:
    """Check a value that is no member of the body. Raises: ConstraintException."""
    refuse(list(kind.faults(value, name)))


def refuse(faults: list[str]) -> None:
    """Raise the error that lists faults, if there are any."""
    if faults:
        errors = "error" if len(faults) == 1 else "errors"
        raise ConstraintException(f"{len(faults)} validation {errors} detected: {'; '.join(faults)}")


def _fault(value: Any, path: str, constraint: str) -> str:
    if value is None:
        return f"Value null at '{path}' failed to satisfy constraint: {constraint}"
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    shown = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"


def _lowered(name: str) -> str:
    return name if name.isupper() else name[:1].lower() + name[1:]
