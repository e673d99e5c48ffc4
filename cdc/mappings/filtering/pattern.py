"""A filter pattern as a tree: branches follow the keys of a record, and leaves have alternatives for what stands there."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cdc.mappings.filtering.words import listed, shown

if TYPE_CHECKING:
    from collections.abc import Callable

Scalar: TypeAlias = str | int | float | bool | None
Node: TypeAlias = "Branch | Leaf"
Alternative: TypeAlias = "Equal | AnythingBut | Operator"

COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def is_number(value: object) -> bool:
    """Tell whether a value is a number of JSON; Python's booleans are numbers, JSON's are not."""
    return value.__class__ is int or value.__class__ is float


@dataclass(frozen=True, slots=True)
class Branch:
    """An object of a pattern: all its members have to match, and one of its `$or` alternatives if it has any."""

    members: tuple[tuple[str, Node], ...]
    either: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """A list of a pattern: one of the alternatives has to match the value, or one of the values of an array."""

    alternatives: tuple[Alternative, ...]

    @property
    def takes_absence(self) -> bool:
        """Whether it matches where no value is. (`exists` false; Lambda: recorded)."""
        return Exists(present=False) in self.alternatives

    @property
    def words(self) -> str:
        """What it wants."""
        return listed((each.words for each in self.alternatives), "or")


class Operator(Protocol):
    """A test of one value: a text, number, boolean or null of a record."""

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""

    @property
    def words(self) -> str:
        """What the value has to be."""


@dataclass(frozen=True, slots=True)
class Equal:
    """The very value: texts in the same case, numbers as numbers, so that 300 is 300.0."""

    value: Scalar

    @property
    def words(self) -> str:
        """What the value has to be."""
        return shown(self.value)


@dataclass(frozen=True, slots=True)
class AnythingBut:
    """A value, of any kind, that none of the alternatives `rejected` matches."""

    rejected: tuple[Alternative, ...]

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"anything but {listed((each.words for each in self.rejected), 'and')}"


@dataclass(frozen=True, slots=True)
class Prefix:
    """A text that starts so."""

    text: str
    ignores_case: bool = False

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""
        if not isinstance(value, str):
            return False
        if self.ignores_case:
            return value.casefold().startswith(self.text.casefold())
        return value.startswith(self.text)

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"a text that starts with {shown(self.text)}{' in any case' if self.ignores_case else ''}"


@dataclass(frozen=True, slots=True)
class Suffix:
    """A text that ends so."""

    text: str
    ignores_case: bool = False

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""
        if not isinstance(value, str):
            return False
        if self.ignores_case:
            return value.casefold().endswith(self.text.casefold())
        return value.endswith(self.text)

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"a text that ends with {shown(self.text)}{' in any case' if self.ignores_case else ''}"


@dataclass(frozen=True, slots=True)
class EqualIgnoringCase:
    """The same text, whatever is a capital letter in it."""

    text: str

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""
        return isinstance(value, str) and value.casefold() == self.text.casefold()

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"{shown(self.text)} in any case"


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A text that has the parts one after the other, with anything between two of them."""

    text: str  # as the pattern has it
    parts: tuple[str, ...]  # what stands between its stars

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes. The leftmost place of each part will do, so nothing is tried twice."""
        if not isinstance(value, str):
            return False
        first, *between = self.parts
        if not between:
            return value == first
        last = between.pop()
        start, end = len(first), len(value) - len(last)
        if start > end or not value.startswith(first) or not value.endswith(last):
            return False
        for part in between:
            found = value.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"a text like {shown(self.text)}"


@dataclass(frozen=True, slots=True)
class Numeric:
    """A number within bounds. A text is none, so the N values of an item never match (Lambda: recorded)."""

    bounds: tuple[tuple[str, float], ...]  # sign, from COMPARISONS, and number

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""
        return is_number(value) and all(COMPARISONS[sign](value, bound) for sign, bound in self.bounds)  # type: ignore[arg-type]

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"a number {' and '.join(f'{sign} {shown(bound)}' for sign, bound in self.bounds)}"


@dataclass(frozen=True, slots=True)
class Exists:
    """A value, whatever it is, or none: `matches` is asked of values that are there."""

    present: bool

    def matches(self, value: Scalar, /) -> bool:  # noqa: ARG002  # that there is one says all
        """Tell whether the value passes."""
        return self.present

    @property
    def words(self) -> str:
        """What the value has to be."""
        return "any value" if self.present else "no value"


@dataclass(frozen=True, slots=True)
class Cidr:
    """A text that is an address of a network."""

    network: IPv4Network | IPv6Network

    def matches(self, value: Scalar, /) -> bool:
        """Tell whether the value passes."""
        try:
            return isinstance(value, str) and ip_address(value) in self.network
        except ValueError:
            return False

    @property
    def words(self) -> str:
        """What the value has to be."""
        return f"an address in {self.network}"
