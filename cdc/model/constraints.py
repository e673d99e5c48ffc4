"""Kinds of values in requests: their JSON types, and the constraints that errors name.

Each kind of value has one quick test, which a request without fault passes and which costs next to nothing, and a slow
walk that finds and words the faults of one that did not pass.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from cdc.model import wire_types
from cdc.model.arns import table_name_of
from cdc.model.errors import SerializationException, ValidationException
from cdc.model.wire_types import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Accepts: TypeAlias = "Callable[[Any], object] | None"
"""The quick test of a value that has the right JSON type; None when every such value is acceptable."""

MAX_PROBLEMS = 10
"""Faults that one error names at most."""
MAX_DUMP_CHARACTERS = 1024
"""How much of a refused list or map an error repeats: the request may be 16 MB long."""

TABLE_NAME_PATTERN = "[a-zA-Z0-9_.-]+"
TABLE_NAME_MAX = 255
BAD_TABLE_NAME_LENGTH = "TableName must be at least 3 characters long and at most 255 characters long"

NOT_NULL = "Member must not be null"
_MIN_LENGTH = "Member must have length greater than or equal to {}"
_MAX_LENGTH = "Member must have length less than or equal to {}"
_CLASSES = "com.amazonaws.dynamodb.v20120810."


@dataclass(frozen=True, slots=True)
class Path:
    """Where in a request a value stands: as messages usually write it, and as the few that keep the wire's case do."""

    operation: str
    text: str = ""
    wire_text: str = ""

    def member(self, name: str) -> Path:
        """Step into a member of a structure."""
        lower = name[:1].lower() + name[1:]
        if not self.text:
            return Path(self.operation, lower, name)
        return Path(self.operation, f"{self.text}.{lower}", f"{self.wire_text}.{name}")

    def entry(self, key: object) -> Path:
        """Step into an element of a list, by its number from 1, or of a map, by its key."""
        return Path(self.operation, f"{self.text}.{key}.member", f"{self.wire_text}.{key}.member")

    def problem(self, value: str, constraint: str) -> str:
        """Word the fault of the value that stands here; `value` has its quotes, if any."""
        return f"Value {value} at '{self.text}' failed to satisfy constraint: {constraint}"

    def problem_unechoed(self, constraint: str) -> str:
        """Word a fault as the few checks do that neither repeat the value nor change the member's case."""
        return f"Value at '{self.wire_text}' failed to satisfy constraint: {constraint}"


class Kind:
    """What a member may be. A subclass sets the types, and the quick test if not all values of the type will do."""

    json_type: ClassVar[type]
    wire_type: ClassVar[str]  # the type as `wire_types.refuse` knows it
    java_type: str  # the type as the refusal of a list names it
    accepts: Accepts = None

    def has_type(self, raw: object) -> bool:
        """Whether the JSON type, of the outermost value, is right."""
        return isinstance(raw, self.json_type)

    def check_type(self, raw: object) -> None:
        """Check the JSON types of a value and all inside it; raises SerializationException."""
        if self.has_type(raw):
            self.check_inner_types(raw)
        elif isinstance(raw, list):
            raise SerializationException(f"Unrecognized collection type {self.java_type}")
        else:
            refuse(raw, self.wire_type)

    def check_inner_types(self, raw: Any) -> None:
        """Check the types inside a value; raises SerializationException."""

    def problems(self, value: Any, path: Path) -> Iterator[str]:  # noqa: ARG002  # most kinds have something to say
        """Find the faults of a value of the right types."""
        yield from ()

    def echo(self, value: Any) -> str:
        """Write a value, or null, as messages repeat it, which is Java's way."""
        return "null" if value is None else self.dump(value)

    def dump(self, value: Any) -> str:
        """Write a value that is not null."""
        return str(value)

    def fits(self, raw: object) -> bool:
        """Run the quick test on one value."""
        return type(raw) is self.json_type and (self.accepts is None or bool(self.accepts(raw)))


class String(Kind):
    """Text, of a length and a pattern."""

    json_type = str
    wire_type = wire_types.STRING
    java_type = "class java.lang.String"

    def __init__(self, minimum: int = 0, maximum: int | None = None, pattern: str | None = None) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.pattern = None if pattern is None else re.compile(pattern)
        if minimum or maximum is not None or pattern is not None:
            self.accepts = lambda value: not self.broken(value)

    def constraints(self) -> list[str]:
        """List what is demanded of the text."""
        texts = [_MAX_LENGTH.format(self.maximum)] if self.maximum is not None else []
        texts += [_MIN_LENGTH.format(self.minimum)] if self.minimum else []
        return texts + ([_pattern_text(self.pattern)] if self.pattern else [])

    def broken(self, value: str) -> list[str]:
        """List what `value` fails to satisfy."""
        texts = [_pattern_text(self.pattern)] if self.pattern and not self.pattern.fullmatch(value) else []
        return texts + _broken_length(len(value), self.minimum, self.maximum)

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of a text."""
        yield from (path.problem(f"'{value}'", constraint) for constraint in self.broken(value))


class TableName(String):
    """The name of a table, or its ARN where the operation takes one. Its faults are reported before all others."""

    def __init__(self, minimum: int = 1, *, arn: bool = True, bad_length: str | None = None) -> None:
        super().__init__(minimum, TABLE_NAME_MAX, TABLE_NAME_PATTERN)
        self.arn = arn
        self.bad_length = bad_length  # the whole message about a wrong length, of operations that have their own
        quick = re.compile(f"[a-zA-Z0-9_.-]{{{minimum},{TABLE_NAME_MAX}}}").fullmatch
        self.accepts = (lambda value: quick(value) or table_name_of(value) != value) if arn else quick

    def broken(self, value: str) -> list[str]:
        """List what `value` fails to satisfy; an empty name is only too short."""
        if self.arn and table_name_of(value) != value:
            return []
        return super().broken(value) if value else [_MIN_LENGTH.format(self.minimum)]

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of a name; raises ValidationException for a wrong length if that has a text of its own."""
        is_arn = self.arn and table_name_of(value) != value
        if self.bad_length and not is_arn and _broken_length(len(value), self.minimum, self.maximum):
            raise ValidationException(self.bad_length)
        return super().problems(value, path)


class Enum(String):
    """One of a set of words, listed in the service's order."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self.words = words
        self.accepts = frozenset(words).__contains__

    def broken(self, value: str) -> list[str]:
        """List what `value` fails to satisfy."""
        return [] if value in self.words else [f"Member must satisfy enum value set: [{', '.join(self.words)}]"]


class Boolean(Kind):
    """True or false."""

    json_type = bool
    wire_type = wire_types.BOOLEAN
    java_type = "class java.lang.Boolean"

    def dump(self, value: Any) -> str:
        """Write a value that is not null."""
        return str(value).lower()


class Integer(Kind):
    """A whole number within bounds."""

    json_type = int
    wire_type = "Integer"
    java_type = "class java.lang.Integer"

    def __init__(self, minimum: int | None = None, maximum: int | None = None, *, zero_unechoed: bool = False) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.zero_unechoed = zero_unechoed  # the fault of a zero has the other wording
        self.accepts = lambda value: not self._broken(value)

    def has_type(self, raw: object) -> bool:
        """Whether the JSON type is right; Python's booleans are numbers, JSON's are not."""
        return isinstance(raw, int) and not isinstance(raw, bool)

    def _broken(self, value: int) -> str | None:
        if self.minimum is not None and value < self.minimum:
            return f"Member must have value greater than or equal to {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            return f"Member must have value less than or equal to {self.maximum}"
        return None

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the fault of a number."""
        constraint = self._broken(value)
        if constraint is not None:
            unechoed = self.zero_unechoed and value == 0
            yield path.problem_unechoed(constraint) if unechoed else path.problem(f"'{value}'", constraint)


class Long(Integer):
    """A whole number of 64 bits."""

    wire_type = "Long"
    java_type = "class java.lang.Long"


class Timestamp(Kind):
    """Seconds since 1970, with a fraction or without."""

    json_type = float
    wire_type = "Date"
    java_type = "class java.util.Date"

    def has_type(self, raw: object) -> bool:
        """Whether the JSON type is a number."""
        return isinstance(raw, int | float) and not isinstance(raw, bool)


class AttributeMap(Kind):
    """An item or a key, whose content `cdc.model.values` checks: here it is looked at only if something else is wrong."""

    json_type = dict
    wire_type = wire_types.MAP
    java_type = f"java.util.Map<java.lang.String, {_CLASSES}AttributeValue>"

    def check_inner_types(self, raw: Any) -> None:
        """Check the types inside; raises SerializationException."""
        wire_types.check_map(raw)

    def dump(self, value: Any) -> str:
        """Write an item without its values: they may nest deeper than Python's stack."""
        names = islice(value, MAX_DUMP_CHARACTERS)
        return _cut("{" + ", ".join(f"{name}=AttributeValue" for name in names) + "}")


class AttributeValueOf(Kind):
    """One attribute value, whose content `cdc.model.values` checks: as with a map of them."""

    json_type = dict
    wire_type = wire_types.ATTRIBUTE_VALUE
    java_type = f"class {_CLASSES}AttributeValue"

    def check_inner_types(self, raw: Any) -> None:
        """Check the types inside; raises SerializationException."""
        wire_types.check_value(raw)

    def dump(self, value: Any) -> str:  # noqa: ARG002  # it may nest deeper than Python's stack
        """Write a value without its content."""
        return "AttributeValue"


class ListOf(Kind):
    """A list of values of one kind, of a length."""

    json_type = list
    wire_type = wire_types.LIST

    def __init__(
        self, kind: Kind, minimum: int = 0, maximum: int | None = None, *, maximum_unechoed: bool = False
    ) -> None:
        self.kind = kind
        self.minimum = minimum
        self.maximum = maximum
        self.maximum_unechoed = maximum_unechoed  # the fault of a list too long has the other wording
        self.java_type = f"java.util.List<{kind.java_type.removeprefix('class ')}>"
        self.accepts = lambda value: not self._broken(value) and all(map(kind.fits, value))

    def _broken(self, value: list[Any]) -> list[str]:
        return _broken_length(len(value), self.minimum, self.maximum)

    def check_inner_types(self, raw: Any) -> None:
        """Check the types of the elements; raises SerializationException."""
        for element in raw:
            if element is not None:
                self.kind.check_type(element)

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of the list and its elements."""
        for constraint in self._broken(value):
            unechoed = self.maximum_unechoed and value
            yield path.problem_unechoed(constraint) if unechoed else path.problem(f"'{self.echo(value)}'", constraint)
        for number, element in enumerate(value, start=1):
            yield from _entry_problems(self.kind, element, path.entry(number))

    def dump(self, value: Any) -> str:
        """Write a list, cut when it is long."""
        return _cut(f"[{', '.join(map(self.kind.echo, islice(value, MAX_DUMP_CHARACTERS)))}]")


class MapOf(Kind):
    """A map from names to values of one kind; if it has `keys`, the names satisfy them.

    With `value_length`, the bounds of lists as values, a list of another length is a fault of the map.
    """

    json_type = dict
    wire_type = wire_types.MAP

    def __init__(
        self,
        kind: Kind,
        minimum: int = 0,
        maximum: int | None = None,
        *,
        keys: String | None = None,
        value_length: tuple[int, int] | None = None,
    ) -> None:
        self.kind = kind
        self.minimum = minimum
        self.maximum = maximum
        self.keys = keys
        self.value_length = value_length
        self.java_type = f"java.util.Map<java.lang.String, {kind.java_type.removeprefix('class ')}>"
        plain = not minimum and maximum is None and keys is None and value_length is None
        self.accepts = self._values_fit if plain else self._accepts

    def _values_fit(self, value: dict[Any, Any]) -> bool:
        return all(map(self.kind.fits, value.values()))

    def _accepts(self, value: dict[Any, Any]) -> bool:
        return next(self._broken(value), None) is None and self._values_fit(value)

    def _broken(self, value: dict[Any, Any]) -> Iterator[str]:
        yield from _broken_length(len(value), self.minimum, self.maximum)
        if self.keys is not None and not all(map(self.keys.fits, value)):
            yield f"Map keys must satisfy constraint: [{', '.join(self.keys.constraints())}]"
        if self.value_length is not None:
            low, high = self.value_length
            if not all(low <= len(each) <= high for each in value.values() if isinstance(each, list)):
                bounds = f"{_MAX_LENGTH.format(high)}, {_MIN_LENGTH.format(low)}"
                yield f"Map value must satisfy constraint: [{bounds}]"

    def check_inner_types(self, raw: Any) -> None:
        """Check the types of names and values; raises SerializationException."""
        for name, value in raw.items():
            if not isinstance(name, str):
                refuse(name, wire_types.STRING)
            if value is not None:
                self.kind.check_type(value)

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of the map and its values."""
        for constraint in self._broken(value):
            yield path.problem(f"'{self.echo(value)}'", constraint)
        for name, each in value.items():
            yield from _entry_problems(self.kind, each, path.entry(name))

    def dump(self, value: Any) -> str:
        """Write a map, cut when it is long."""
        entries = islice(value.items(), MAX_DUMP_CHARACTERS)
        return _cut("{" + ", ".join(f"{name}={self.kind.echo(each)}" for name, each in entries) + "}")


def _entry_problems(kind: Kind, value: Any, path: Path) -> Iterator[str]:
    if value is None:
        yield path.problem("null", NOT_NULL)
    else:
        yield from kind.problems(value, path)


def _broken_length(length: int, minimum: int, maximum: int | None) -> list[str]:
    if length < minimum:
        return [_MIN_LENGTH.format(minimum)]
    return [_MAX_LENGTH.format(maximum)] if maximum is not None and length > maximum else []


def _pattern_text(pattern: re.Pattern[str]) -> str:
    return f"Member must satisfy regular expression pattern: {pattern.pattern}"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DUMP_CHARACTERS else text[:MAX_DUMP_CHARACTERS] + "..."
