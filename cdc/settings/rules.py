"""What a key accepts: its kind, unit and bounds, and the words for what would be right."""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import Field, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cdc.model.destinations import FORMS, DestinationError, parse_destination

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN_CHARACTERS = (
    80  # of a wrong value in a message: enough to recognise it, and one line of a terminal with the rest
)

HIDDEN = "(hidden)"
"""What is shown in place of a secret."""


class SettingsError(Exception):
    """A setting is wrong; the message is one line with the place, the key, the value and what would be right."""

    def __init__(self, text: str) -> None:
        super().__init__("".join(each if each.isprintable() else repr(each)[1:-1] for each in text))


class Kind(Enum):
    """The shape of a value; its text opens the sentence that says what would be right."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number"
    SWITCH = "true or false"
    PATH = "a path"
    DESTINATION = FORMS
    TEXTS = "a list"
    TEXT_TABLE = "a table of texts"
    NUMBER_TABLE = "a table of numbers"
    JSON_TEXTS = "a list of JSON texts"  # an inline table stands for the JSON object with its keys


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What one key accepts. `help` says what it is for and why the default is what it is."""

    kind: Kind
    help: str
    unit: str = ""
    low: float = 0
    high: float = 0
    unlimited: bool = False  # -1 is accepted besides, and means no limit
    choices: tuple[str, ...] = ()
    pattern: str = r"[^\0]+"  # of a text, or of each text in a list
    names: str = ""  # pattern of the names in a table
    form: str = ""  # the pattern in words
    flag: str = ""  # the command line's name for it, where it has a short one
    secret: bool = False  # is never shown

    @property
    def right(self) -> str:
        """Say in words what would be accepted."""
        if self.form:
            return self.form
        if self.choices:
            return "one of " + ", ".join(f'"{choice}"' for choice in self.choices)
        if self.kind in {Kind.WHOLE, Kind.NUMBER}:
            unit = f" of {self.unit}" if self.unit else ""
            limit = ", or -1 for no limit" if self.unlimited else ""
            return f"{self.kind.value}{unit} from {self.low:g} to {self.high:g}{limit}"
        return str(self.kind.value)

    def accepts(self, value: object) -> bool:
        """Tell whether `value` has the kind, form and bounds of this key."""
        match self.kind:
            case Kind.SWITCH:
                return isinstance(value, bool)
            case Kind.WHOLE | Kind.NUMBER:
                return self._is_number(value)
            case Kind.TEXT:
                return self._is_text(value)
            case Kind.PATH:
                return isinstance(value, str | Path) and self._is_text(str(value))
            case Kind.DESTINATION:
                return isinstance(value, str) and _is_destination(value)
            case Kind.TEXTS:
                return isinstance(value, list | tuple) and all(map(self._is_text, value))
            case Kind.TEXT_TABLE | Kind.NUMBER_TABLE:
                return isinstance(value, dict) and all(map(self._is_pair, value.items()))
            case Kind.JSON_TEXTS:
                return isinstance(value, list | tuple) and all(json_text(each) is not None for each in value)

    def shown(self, value: object) -> str:
        """Write a value on one short line, unless it is secret."""
        return HIDDEN if self.secret and value is not None else shown(value)

    def from_text(self, text: str) -> object:
        """Turn the text of an environment variable or a flag into a value; one that can't be turned is not accepted."""
        parts = [part.strip() for part in text.split(",") if part.strip()]
        match self.kind:
            case Kind.SWITCH:
                return {"true": True, "false": False}.get(text, text)
            case Kind.WHOLE | Kind.NUMBER:
                return _number(text)
            case Kind.TEXTS:
                return parts
            case Kind.TEXT_TABLE | Kind.NUMBER_TABLE:
                pairs = [part.partition("=") for part in parts]
                texts = self.kind is Kind.TEXT_TABLE
                return {name.strip(): value if texts else _number(value.strip()) for name, _, value in pairs}
        return text

    def _is_number(self, value: object) -> bool:
        whole = type(value) is int  # not isinstance: a bool is no number here
        if not whole and (self.kind is Kind.WHOLE or not isinstance(value, float)):
            return False
        return (self.unlimited and value == -1) or self.low <= value <= self.high  # type: ignore[operator]  # int or float

    def _is_text(self, value: object) -> bool:
        if self.choices:
            return value in self.choices
        return isinstance(value, str) and re.fullmatch(self.pattern, value) is not None

    def _is_pair(self, pair: tuple[object, object]) -> bool:
        name, value = pair
        fits = isinstance(name, str) and re.fullmatch(self.names, name) is not None
        if self.kind is Kind.NUMBER_TABLE:
            return fits and self._is_number(value)
        return fits and isinstance(value, str) and "\0" not in value


class Checked:
    """Refuses values outside the rules, so that wrong settings can't be built in code either."""

    name_key: ClassVar[str] = "name"
    """The key that tells one table of an array from the others."""

    def __post_init__(self) -> None:
        for key in fields(self):  # type: ignore[arg-type]  # every subclass is a dataclass
            value, accepted = getattr(self, key.name), rule_of(key)
            unset = value is None and key.default is None
            if not unset and not accepted.accepts(value):
                raise SettingsError(f"{key.name} = {accepted.shown(value)}: expected {accepted.right}")


def rule(kind: Kind, text: str, **options: Any) -> dict[str, Rule]:
    """Build the metadata of a field from its rule."""
    return {"rule": Rule(kind=kind, help=text, **options)}


def rule_of(key: Field[Any]) -> Rule:
    """Return the rule of a field of a `Checked` class."""
    found: Rule = key.metadata["rule"]
    return found


def json_text(value: object) -> str | None:
    """Return the JSON text that a text is, or that a table of the file stands for; None for anything else.

    What a text holds is looked at by those who know what has to be in it.
    """
    if isinstance(value, dict):
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError):  # TOML has dates and infinity, JSON has not
            return None
    return value if isinstance(value, str) else None


def shown(value: object) -> str:
    """Write a value on one short line, as TOML does where that is easy."""
    text = json.dumps(value, default=str)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """Name the known name that `name` was perhaps meant to be, or all of them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if names else "there is none"


def _is_destination(text: str) -> bool:
    try:
        parse_destination(text)
    except DestinationError:
        return False
    return True


def _number(text: str) -> object:
    if re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[+-]?[0-9]{1,18}\.[0-9]{1,18}", text) else text
