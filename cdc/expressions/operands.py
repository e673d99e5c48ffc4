"""What an expression reads while it is evaluated, and the checks that its values must pass before.

An expression is compiled once for its text and names. Values change with every request, so the compiled functions take
them as their first argument, and so do the checks: a bind is a look-up and a run through a few checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from cdc.expressions.syntax import InvalidExpressionError, Path
from cdc.model.values import AttributeValue, Item

if TYPE_CHECKING:
    from collections.abc import Collection

    from cdc.expressions.paths import DocumentPath

MAX_COMPILED_EXPRESSIONS = 512
"""Kept of each kind: a program has a few dozen, as a text comes with the same names each time."""

MAX_COMPILED_NAMES_LENGTH = 4096
"""An expression with more characters of names is compiled anew each time: names may be 2 MB, and would be kept too."""

Values: TypeAlias = Mapping[str, AttributeValue]
"""By placeholder, `:v`."""

Reader: TypeAlias = Callable[[Values, Item], AttributeValue | None]
"""Reads a value from an item, or computes one; None where there is none."""

Check: TypeAlias = Callable[[Values], None]
"""Raises InvalidExpressionError if the values are not acceptable."""

_T = TypeVar("_T")


def compiled_once(compile_names: Callable[[str, tuple[str, ...]], _T]) -> Callable[[str, tuple[str, ...]], _T]:
    """Decorate a function that compiles a text with the names of its placeholders: remember what it returned."""
    remembered = lru_cache(maxsize=MAX_COMPILED_EXPRESSIONS)(compile_names)

    @wraps(compile_names)
    def compiled(text: str, names: tuple[str, ...]) -> _T:
        if names and sum(map(len, names)) > MAX_COMPILED_NAMES_LENGTH:
            return compile_names(text, names)
        return remembered(text, names)

    return compiled


class _AsWritten(dict[str, str]):
    """Every name stands for itself."""

    def __missing__(self, name: str) -> str:
        return name


AS_WRITTEN: Mapping[str, str] = _AsWritten()
"""What names stand for in trees that have no placeholders: there, an attribute's own name may begin with `#`."""


def resolve_path(path: Path, names: Mapping[str, str]) -> DocumentPath:
    """Return a path with its `#placeholders` replaced, all of which must be defined."""
    return tuple(names[step] if isinstance(step, str) and step[0] == "#" else step for step in path.steps)


def path_reader(path: DocumentPath) -> Reader:
    """Return a function that reads the value at a path."""
    head = path[0]
    assert isinstance(head, str)
    if len(path) == 1:
        return lambda _values, item: item.get(head)
    rest = path[1:]

    def read(_values: Values, item: Item) -> AttributeValue | None:
        value = item.get(head)
        for step in rest:
            if value is None:
                return None
            if isinstance(step, str):
                value = value["M"].get(step) if "M" in value else None
            else:
                elements = value.get("L", ())
                value = elements[step] if step < len(elements) else None
        return value

    return read


def kind_of(value: AttributeValue) -> str:
    """Return the name of a value's type."""
    return next(iter(value))


def require_type(operator: str, types: Collection[str], placeholder: str) -> Check:
    """Check that a value has one of the types that an operator or function takes."""

    def check(values: Values) -> None:
        kind = kind_of(values[placeholder])
        if kind not in types:
            raise InvalidExpressionError(wrong_type(operator, kind))

    return check


def refuse(message: str) -> Check:
    """Fail, whatever the values are: for faults that are less important than a fault of a value before them."""

    def check(_values: Values) -> None:
        raise InvalidExpressionError(message)

    return check


def wrong_type(operator: str, kind: str) -> str:
    """Say that an operator or function does not take an operand's type."""
    return f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"


def wrong_count(operator: str, count: int) -> str:
    """Say that an operator or function has too few or too many operands."""
    return (
        "Incorrect number of operands for operator or function; "
        f"operator or function: {operator}, number of operands: {count}"
    )


def path_required(function: str) -> str:
    """Say that the first operand of a function is no document path."""
    return f"Operator or function requires a document path; operator or function: {function}"
