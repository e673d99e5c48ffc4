"""Structures of members, and the shape of an operation's request that checks one in the service's order."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from cdc.model import wire_types
from cdc.model.constraints import MAX_PROBLEMS, NOT_NULL, Kind, Path, TableName
from cdc.model.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a structure. Structures list theirs in the order in which their faults are reported."""

    name: str
    kind: Kind
    required: bool = False
    missing: str = ""  # the whole message when it is null or an empty map, in place of the usual one


@dataclass(frozen=True, slots=True, init=False)
class NotYet:
    """Members that the service knows and this version refuses, whatever their value."""

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        object.__setattr__(self, "names", names)


class Unsupported(Kind):
    """The value of a member that this version refuses."""

    json_type = type(None)
    wire_type = ""
    java_type = ""

    def __init__(self, name: str) -> None:
        self.name = name

    def check_type(self, raw: object) -> None:
        """Accept every type."""

    def problems(self, value: Any, path: Path) -> Iterator[str]:  # noqa: ARG002
        """Raise the ValidationException that names the member."""
        raise ValidationException(f"{path.operation}: {self.name} is not supported by this version of cdc")


class Structure(Kind):
    """An object with known members; unknown ones are ignored, and null counts as absent."""

    json_type = dict
    wire_type = wire_types.ATTRIBUTE_VALUE  # structures are refused with the same words

    def __init__(self, name: str, *members: Member | NotYet) -> None:
        self.name = name
        self.java_type = f"class com.amazonaws.dynamodb.v20120810.{name}"
        self.members = tuple(each for member in members for each in _expanded(member))
        self._required = tuple(member.name for member in self.members if member.required or member.missing)
        self._quick = {member.name: (member.kind.json_type, member.kind.accepts) for member in self.members}
        self.accepts = self.is_sound

    def is_sound(self, value: dict[str, Any]) -> bool:
        """Tell whether a structure is without fault, at once; a null member makes it say no, wrongly but seldom."""
        quick = self._quick
        for name, member in value.items():
            rule = quick.get(name)
            if rule is not None:
                json_type, accepts = rule
                if type(member) is not json_type or (accepts is not None and not accepts(member)):
                    return False
        for name in self._required:  # noqa: SIM110  # a generator costs 200 ns more
            if name not in value:
                return False
        return True

    def check_inner_types(self, raw: Any) -> None:
        """Check the types of the members; raises SerializationException."""
        for member in self.members:
            value = raw.get(member.name)
            if value is not None:
                member.kind.check_type(value)

    def problems(self, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of the members."""
        for member in self.members:
            yield from self.member_problems(member, value, path)

    def member_problems(self, member: Member, value: Any, path: Path) -> Iterator[str]:
        """Find the faults of one member of the structure `value`."""
        inner = value.get(member.name)
        if inner is not None:
            yield from member.kind.problems(inner, path.member(member.name))
        elif member.required:
            yield path.member(member.name).problem("null", NOT_NULL)

    def dump(self, value: Any) -> str:
        """Write a structure that is not null."""
        fields = (
            f"{member.name[:1].lower()}{member.name[1:]}={member.kind.echo(value[member.name])}"
            for member in self.members
            if value.get(member.name) is not None
        )
        return f"{self.name}({', '.join(fields)})"


def _expanded(member: Member | NotYet) -> tuple[Member, ...]:
    if isinstance(member, Member):
        return (member,)
    return tuple(Member(name, Unsupported(name)) for name in member.names)


class Shape:
    """The request of an operation."""

    def __init__(self, operation: str, *members: Member | NotYet) -> None:
        self.operation = operation
        self.structure = Structure(f"{operation}Input", *members)
        self._is_sound = self.structure.is_sound
        self._alone = [each for each in self.structure.members if isinstance(each.kind, TableName)]
        self._others = [each for each in self.structure.members if not isinstance(each.kind, TableName)]

    def check(self, request: dict[str, Any]) -> None:
        """Check a request's members: JSON types, then the table's name alone, then all other constraints together.

        What is inside items, keys and values is left to their parsing, unless something else is wrong.
        Raises: SerializationException, ValidationException (spec: Coral constraint messages, order of checks).
        """
        if not self._is_sound(request):
            self._explain(request)

    def check_types(self, request: dict[str, Any]) -> None:
        """Check the JSON types of everything in a request, items and values included.

        For an operation that has found another fault, since types come first. Raises SerializationException.
        """
        self.structure.check_type(request)

    def _explain(self, request: dict[str, Any]) -> None:
        self.check_types(request)
        for member in self.structure.members:
            if member.missing and request.get(member.name) in (None, {}):
                raise ValidationException(member.missing)
        for members in (self._alone, self._others):
            problems = list(islice(self._problems(members, request), MAX_PROBLEMS))
            if problems:
                errors = "error" if len(problems) == 1 else "errors"
                raise ValidationException(f"{len(problems)} validation {errors} detected: {'; '.join(problems)}")

    def _problems(self, members: list[Member], request: dict[str, Any]) -> Iterator[str]:
        path = Path(self.operation)
        for member in members:
            yield from self.structure.member_problems(member, request, path)
