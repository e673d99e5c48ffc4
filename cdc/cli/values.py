"""Plain JSON for people and DynamoDB's typed JSON, each made from the other; numbers keep every digit."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from cdc.cli.errors import CommandError

EXAMPLE = """{"id": "1"}"""
_INDENT = 2


class Number(str):
    """A number of a JSON text, as it was written there: no float has been near it."""

    __slots__ = ()


def parse_object(text: str, *, typed: bool = False) -> dict[str, Any]:
    """Read a JSON object; in a plain one, numbers are `Number`.

    Raises: CommandError that names the position.
    """
    numbers: dict[str, Any] = {} if typed else {"parse_float": Number, "parse_int": Number}
    try:
        value = json.loads(text, parse_constant=_refuse_constant, **numbers)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg} at character {error.pos + 1}; expected an object such as {EXAMPLE}"
        raise CommandError(message) from None
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of thousands of digits
        raise CommandError(f"JSON that can't be read: {error}") from None
    if not isinstance(value, dict):
        raise CommandError(f"expected a JSON object such as {EXAMPLE}, not {text.strip()[:40]}")
    return value


def parse_item(text: str, *, typed: bool) -> dict[str, Any]:
    """Read an item or key, and give its values their DynamoDB types.

    Raises: CommandError.
    """
    value = parse_object(text, typed=typed)
    return value if typed else typed_item(value)


def read_item(argument: str, *, typed: bool) -> dict[str, Any]:
    """Read an item or key from an argument, or from standard input for `-`.

    Raises: CommandError.
    """
    if argument != "-":
        return parse_item(argument, typed=typed)
    try:
        return parse_item(sys.stdin.buffer.read().decode(), typed=typed)
    except UnicodeDecodeError as error:
        raise CommandError(f"standard input is not UTF-8 at byte {error.start + 1}") from None


def typed_item(item: dict[str, Any]) -> dict[str, Any]:
    """Give the values of a parsed plain object their DynamoDB types."""
    return {name: typed_value(value) for name, value in item.items()}


def typed_value(value: Any) -> dict[str, Any]:
    """Give one parsed plain value its DynamoDB type."""
    match value:
        case Number():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bool():
            return {"BOOL": value}
        case None:
            return {"NULL": True}
        case list():
            return {"L": [typed_value(each) for each in value]}
        case dict():
            return {"M": typed_item(value)}
    raise AssertionError(f"not a value of JSON: {value!r}")


def plain_text(item: dict[str, Any], *, pretty: bool = False) -> str:
    """Write an item as plain JSON: sets become lists, binary values base64 text."""
    return _object(item, 0 if pretty else None)


def item_text(item: dict[str, Any], *, typed: bool, pretty: bool) -> str:
    """Write an item as it is printed."""
    if not typed:
        return plain_text(item, pretty=pretty)
    return json.dumps(item, ensure_ascii=False, indent=_INDENT if pretty else None)


def show_item(item: dict[str, Any], *, typed: bool) -> None:
    """Print an item: on a terminal for reading, else on one line."""
    click.echo(item_text(item, typed=typed, pretty=sys.stdout.isatty()))


def _value(value: dict[str, Any], depth: int | None) -> str:
    ((kind, content),) = value.items()
    match kind:
        case "N":
            return str(content)
        case "NULL":
            return "null"
        case "L":
            return _block("[]", [_value(each, _deeper(depth)) for each in content], depth)
        case "NS":
            return _block("[]", content, depth)
        case "M":
            return _object(content, depth)
    return json.dumps(content, ensure_ascii=False)  # S, BOOL, B, SS, BS: what they hold is plain JSON


def _object(item: dict[str, Any], depth: int | None) -> str:
    members = [f"{json.dumps(name, ensure_ascii=False)}: {_value(each, _deeper(depth))}" for name, each in item.items()]
    return _block("{}", members, depth)


def _block(brackets: str, parts: list[str], depth: int | None) -> str:
    if depth is None or not parts:
        return brackets[0] + ", ".join(parts) + brackets[1]
    inner = "\n" + " " * _INDENT * (depth + 1)
    return brackets[0] + inner + f",{inner}".join(parts) + "\n" + " " * _INDENT * depth + brackets[1]


def _deeper(depth: int | None) -> int | None:
    return None if depth is None else depth + 1


def _refuse_constant(name: str) -> None:
    raise CommandError(f"not JSON: {name} is no number that DynamoDB has")
