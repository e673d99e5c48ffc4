"""Random values, and random expressions on the attributes that the items of programs have."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from random import Random

TEXTS = ("x", "xy", "y", "é", "")
NUMBERS = ("0", "1", "-1.5", "10", "1e2", "007", "0.1")
BYTES = (b"", b"\x00", b"x\xff")
PATHS = ("a", "b", "v", "w", "l[0]", "l[1].k", "m.k", "m.l[0]", "m", "s", "#n", "#n.k", "gone", "pk", "l")
COMPARATORS = ("=", "<>", "<", "<=", ">", ">=")
SCALARS = (("S", TEXTS[:4]), ("N", NUMBERS))
SET_KINDS = ("SS", "NS", "BS")


@dataclass
class Expressions:
    """The expressions of one request, whose names and values share two maps."""

    random: Random
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def members(self) -> dict[str, Any]:
        """Return the two maps, where they are not empty."""
        maps = {"ExpressionAttributeNames": self.names, "ExpressionAttributeValues": self.values}
        return {name: each for name, each in maps.items() if each}

    def value(self, value: dict[str, Any] | None = None) -> str:
        """Name a value, a random one if none is given."""
        name = f":{'abcdefghijklmnopqrstuvwxyz'[len(self.values) % 26]}{len(self.values)}"
        self.values[name] = value or any_value(self.random)
        return name

    def path(self, among: tuple[str, ...] = PATHS) -> str:
        """Write a path."""
        path = self.random.choice(among)
        if path.startswith("#n"):
            self.names["#n"] = self.random.choice(["v", "w", "m", "name"])
        return path

    def operand(self) -> str:
        """Write what can be compared."""
        match self.random.randrange(16):
            case 0:
                return f"size({self.path()})"
            case 1:
                return self.path()
            case 2 | 3 | 4:
                return self.value()
            case _:
                return self.value({kind: self.random.choice(among) for kind, among in [self.random.choice(SCALARS)]})

    def condition(self, depth: int = 2, among: tuple[str, ...] = PATHS) -> str:
        """Write a condition."""
        draw = self.random
        if depth and draw.random() < 0.4:
            match draw.randrange(3):
                case 0:
                    return f"NOT {self.condition(depth - 1, among)}"
                case 1:
                    return f"({self.condition(depth - 1, among)}) OR {self.condition(depth - 1, among)}"
                case _:
                    return f"{self.condition(depth - 1, among)} AND {self.condition(depth - 1, among)}"
        return self.predicate(among)

    def predicate(self, among: tuple[str, ...]) -> str:
        """Write a condition without AND, OR and NOT."""
        draw, path = self.random, self.path(among)
        match draw.randrange(9):
            case 0:
                return f"attribute_exists({path})"
            case 1:
                return f"attribute_not_exists({path})"
            case 2:
                return f"begins_with({path}, {self.value({'S': draw.choice(TEXTS)})})"
            case 3:
                return f"contains({path}, {self.value()})"
            case 4:
                kind = draw.choice(["S", "N", "B", "SS", "NS", "L", "M", "BOOL", "NULL", "X"])
                return f"attribute_type({path}, {self.value({'S': kind})})"
            case 5:
                low, high = sorted(draw.sample(range(5), 2))
                return f"{path} BETWEEN {self.value({'N': str(low)})} AND {self.value({'N': str(high)})}"
            case 6:
                return f"{path} IN ({self.value()}, {self.value()})"  # a path here ends dynalite when it is missing
            case _:
                return f"{path} {draw.choice(COMPARATORS)} {self.operand()}"

    def projection(self) -> str:
        """Write one to three paths."""
        return ", ".join(self.path() for _ in range(self.random.randint(1, 3)))

    def update(self) -> str:
        """Write an update of one to three sections."""
        sections = self.random.sample(["SET", "SET", "REMOVE", "ADD", "DELETE"], self.random.randint(1, 3))
        return " ".join(
            f"{section} {', '.join(self.change(section) for _ in range(self.random.randint(1, 2)))}"
            for section in sections
        )

    def change(self, section: str) -> str:
        """Write one action of a section."""
        draw = self.random
        path = self.path()
        match section:
            case "REMOVE":
                return path
            case "ADD":
                return f"{path} {self.value(draw.choice([{'N': '1'}, any_set(draw), any_value(draw)]))}"
            case "DELETE":
                return f"{path} {self.value(any_set(draw))}"
        # Nothing goes into itself: dynalite would not copy it, and end.
        other = self.path() if path.isalpha() else draw.choice(("a", "b", "pk", "gone"))
        match draw.randrange(7):
            case 0:
                return f"{path} = {other}"
            case 1:
                return f"{path} = {other} {draw.choice('+-')} {self.value({'N': draw.choice(NUMBERS)})}"
            case 2:
                return f"{path} = if_not_exists({other}, {self.value()})"
            case 3:
                return f"{path} = list_append({other}, {self.value({'L': [any_value(draw)]})})"
            case _:
                return f"{path} = {self.value()}"


def any_set(draw: Random) -> dict[str, Any]:
    """Write a set of one or two elements."""
    kind = draw.choice(SET_KINDS)
    among = {"SS": TEXTS[:4], "NS": NUMBERS[:4], "BS": tuple(encoded(each) for each in BYTES[1:])}[kind]
    return {kind: draw.sample(among, draw.randint(1, 2))}


def encoded(data: bytes) -> str:
    """Write bytes as on the wire."""
    return base64.b64encode(data).decode()


def any_value(draw: Random, depth: int = 2) -> dict[str, Any]:
    """Write a value; a wrong one now and then."""
    match draw.randrange(12 if depth else 6):
        case 0 | 1 | 2:
            return {"S": draw.choice(TEXTS)}
        case 3 | 4:
            return {"N": draw.choice(NUMBERS) if draw.random() < 0.97 else "x1"}
        case 5:
            return draw.choice([{"BOOL": True}, {"NULL": True}, {"B": encoded(draw.choice(BYTES))}, {"BOOL": False}])
        case 6 | 7:
            return any_set(draw) if draw.random() < 0.9 else draw.choice([{"SS": []}, {"NS": ["1", "1.0"]}, {}])
        case 8 | 9:
            return {"L": [any_value(draw, depth - 1) for _ in range(draw.randrange(3))]}
        case _:
            return {"M": {name: any_value(draw, depth - 1) for name in draw.sample(["k", "l", "z"], draw.randrange(3))}}
