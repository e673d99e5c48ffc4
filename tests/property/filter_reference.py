"""A plain matcher of filter patterns, to hold the compiled one against: fields of a record, and all choices among them.

A pattern becomes lists of leaves, one for each choice among its `$or` alternatives. A record becomes, for each leaf, the
values at its path, each with the array elements that it is in. A list of leaves matches when one can choose for each
a value that passes, and all in the same element where they stand in the same object of the pattern; a leaf that takes
absence may have no value there instead.
"""

from __future__ import annotations

import itertools
import re
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

OPERATORS = {"prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists", "wildcard", "cidr"}
COMPARE = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


class Leaf(NamedTuple):
    keys: tuple[str, ...]
    objects: tuple[int, ...]  # which object of the pattern each key stands in
    alternatives: list[Any]


class Field(NamedTuple):
    value: Any
    elements: tuple[int, ...]  # of the arrays above it, by key; -1 where there is no array


def matches(pattern: dict[str, Any], record: dict[str, Any]) -> bool:
    return any(satisfiable(leaves, record) for leaves in choices(pattern, (), (), itertools.count()))


def choices(pattern, keys, objects, numbers):
    """List the leaves of a pattern, once for each choice among alternatives."""
    number = next(numbers)
    parts = []
    for key, content in pattern.items():
        path, places = (*keys, key), (*objects, number)
        if isinstance(content, dict):
            parts.append(list(choices(content, path, places, numbers)))
        elif key == "$or" and any(isinstance(each, dict) and set(each) - OPERATORS for each in content):
            parts.append([leaves for each in content for leaves in renumbered(each, keys, objects, numbers, number)])
        else:
            parts.append([[Leaf(path, places, content)]])
    for chosen in itertools.product(*parts):
        yield [leaf for leaves in chosen for leaf in leaves]


def renumbered(pattern, keys, objects, numbers, number):
    """List the leaves of an alternative, whose keys stand in the object around it."""
    for leaves in choices(pattern, keys, objects, numbers):
        for leaf in leaves:
            assert len(leaf.objects) > len(objects)
        at = len(objects)
        yield [leaf._replace(objects=(*leaf.objects[:at], number, *leaf.objects[at + 1 :])) for leaf in leaves]


def satisfiable(leaves: list[Leaf], record: dict[str, Any]) -> bool:
    fields = [list(fields_at(record, leaf.keys)) for leaf in leaves]
    options = [
        [field for field in found if any(passes(each, field.value) for each in leaf.alternatives)]
        + [None] * ({"exists": False} in leaf.alternatives)
        for leaf, found in zip(leaves, fields, strict=True)
    ]
    return any(consistent(leaves, fields, chosen) for chosen in itertools.product(*options))


def consistent(leaves, fields, chosen) -> bool:
    """Tell whether what was chosen is in the same elements, and nothing is where there has to be nothing."""
    present = [(leaf, field) for leaf, field in zip(leaves, chosen, strict=True) if field is not None]
    if not all(together(a, b) for a, b in itertools.combinations(present, 2)):
        return False
    for leaf, found, field in zip(leaves, fields, chosen, strict=True):
        if field is None and any(all(together((leaf, each), other) for other in present) for each in found):
            return False
    return True


def together(one, other) -> bool:
    (leaf, field), (other_leaf, other_field) = one, other
    for i in range(1, min(len(leaf.objects), len(other_leaf.objects))):
        if leaf.objects[i] != other_leaf.objects[i]:
            return True
        if field.elements[i - 1] != other_field.elements[i - 1]:
            return False
    return True


def fields_at(value: Any, keys: tuple[str, ...]):
    """Give the values at a path, in all elements of arrays."""
    if not keys:
        flat = flatten(value) if isinstance(value, list) else [value]
        yield from (Field(each, ()) for each in flat if not isinstance(each, dict))
        return
    if not isinstance(value, dict) or keys[0] not in value:
        return
    child = value[keys[0]]
    if len(keys) == 1:
        yield from (Field(each.value, (-1,)) for each in fields_at(child, ()))
        return
    elements = list(enumerate(flatten(child))) if isinstance(child, list) else [(-1, child)]
    for number, element in elements:
        yield from (Field(each.value, (number, *each.elements)) for each in fields_at(element, keys[1:]))


def flatten(values: list[Any]) -> list[Any]:
    parts = (flatten(value) if isinstance(value, list) else [value] for value in values)
    return [value for part in parts for value in part]


def passes(alternative, value):  # noqa: C901, PLR0912  # one case an operator
    if not isinstance(alternative, dict):
        return isinstance(alternative, bool) == isinstance(value, bool) and alternative == value
    ((name, operand),) = alternative.items()
    text = value if isinstance(value, str) else None
    match name:
        case "exists":
            return bool(operand)
        case "anything-but":
            if isinstance(operand, dict):
                ((inner, texts),) = operand.items()
                rejected = [{inner: each} for each in (texts if isinstance(texts, list) else [texts])]
            else:
                rejected = operand if isinstance(operand, list) else [operand]
            return not any(passes(each, value) for each in rejected)
        case "numeric":
            number = isinstance(value, int | float) and not isinstance(value, bool)
            pairs = zip(operand[::2], operand[1::2], strict=True)
            return number and all(COMPARE[sign](value, bound) for sign, bound in pairs)
    if text is None:
        return False
    if isinstance(operand, dict):
        operand, text = operand["equals-ignore-case"].casefold(), text.casefold()
    match name:
        case "prefix":
            return text[: len(operand)] == operand
        case "suffix":
            return text[max(0, len(text) - len(operand)) :] == operand
        case "equals-ignore-case":
            return text.casefold() == operand.casefold()
        case "wildcard":
            pieces = re.findall(r"\\.|.", operand, re.DOTALL)
            regex = "".join(".*" if piece == "*" else re.escape(piece[-1]) for piece in pieces)
            return re.fullmatch(regex, text, re.DOTALL) is not None
        case "cidr":
            try:
                return ip_address(text) in ip_network(operand, strict=False)
            except ValueError:
                return False
    raise AssertionError(name)
