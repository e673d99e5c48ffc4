"""Values and conditions that say the same in PartiQL and in expressions, for Hypothesis to make up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Value = dict[str, Any]

NAMES = ("a", "b", "c", "m.x", "l[0]")
"""What conditions and updates are about; `m` is a map and `l` a list, at times."""

SCALARS = st.one_of(
    st.integers(-2, 3).map(lambda number: {"N": str(number)}),
    st.sampled_from(["", "x", "xy", "it's", "ä"]).map(lambda text: {"S": text}),
    st.sampled_from(["", "eA==", "eHk="]).map(lambda text: {"B": text}),
    st.booleans().map(lambda flag: {"BOOL": flag}),
    st.just({"NULL": True}),
    st.sets(st.sampled_from(["1", "2", "30"]), min_size=1).map(lambda each: {"NS": sorted(each)}),
    st.sets(st.sampled_from(["x", "y'", "z"]), min_size=1).map(lambda each: {"SS": sorted(each)}),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda each: {"L": each}),
        st.dictionaries(st.sampled_from(["x", "y z", ""]), inner, max_size=2).map(lambda each: {"M": each}),
    ),
    max_leaves=4,
)
ORDERED = st.one_of(
    st.integers(-2, 3).map(lambda number: {"N": str(number)}),
    st.sampled_from(["", "x", "xy"]).map(lambda text: {"S": text}),
)


@dataclass
class Statement:
    """A statement as it is written: parameters gather in the order of its text."""

    parameters: list[Value] = field(default_factory=list)

    def value(self, value: Value, *, as_parameter: bool) -> str:
        """Write a value, as a parameter or as a literal; binary values have no literals."""
        if as_parameter:
            self.parameters.append(value)
            return "?"
        return self._literal(value)

    def _literal(self, value: Value) -> str:
        [(kind, content)] = value.items()
        match kind:
            case "S":
                return _quoted(content)
            case "N":
                return str(content)
            case "BOOL":
                return str(content).lower()
            case "NULL":
                return "NULL"
            case "L":
                return f"[{', '.join(map(self._literal, content))}]"
            case "M":
                members = [f"{_quoted(name)}: {self._literal(inner)}" for name, inner in content.items()]
                return "{" + ", ".join(members) + "}"
            case "SS":
                return f"<<{', '.join(map(_quoted, content))}>>"
            case "NS":
                return f"<<{', '.join(content)}>>"
            case _:
                return self.value(value, as_parameter=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@dataclass
class Expressions:
    """An expression as it is written: values gather under placeholders."""

    values: dict[str, Value] = field(default_factory=dict)

    def value(self, value: Value) -> str:
        """Give a value a placeholder."""
        name = f":v{len(self.values)}"
        self.values[name] = value
        return name

    def parameters(self) -> dict[str, Any]:
        """Return the request's members."""
        return {"ExpressionAttributeValues": self.values} if self.values else {}


@dataclass
class Both:
    """The two of them, side by side."""

    draw: Any
    statement: Statement = field(default_factory=Statement)
    expressions: Expressions = field(default_factory=Expressions)

    def value(self, value: Value) -> tuple[str, str]:
        """Write a value in both languages."""
        return self.statement.value(value, as_parameter=self.draw(st.booleans())), self.expressions.value(value)


def condition(both: Both, depth: int = 2) -> tuple[str, str]:
    """Make up a condition and write it in both languages."""
    draw = both.draw
    kind = draw(st.sampled_from(["leaf", "leaf", "AND", "OR", "NOT"])) if depth else "leaf"
    if kind == "NOT":
        mine, theirs = condition(both, depth - 1)
        return f"NOT ({mine})", f"NOT {theirs}"
    if kind == "leaf":
        return _leaf(both, draw(st.sampled_from(NAMES)))
    left, right = condition(both, depth - 1), condition(both, depth - 1)
    return f"({left[0]} {kind} {right[0]})", f"({left[1]} {kind} {right[1]})"


def _leaf(both: Both, name: str) -> tuple[str, str]:
    draw = both.draw
    match draw(
        st.sampled_from(["=", "<>", "<", "BETWEEN", "IN", "MISSING", "NULL", "begins_with", "contains", "size"])
    ):
        case "=":
            mine, theirs = both.value(draw(VALUES))
            return f"{name} = {mine}", f"{name} = {theirs}"
        case "<>":
            mine, theirs = both.value(draw(VALUES))
            return f"{name} <> {mine}", f"(attribute_exists({name}) AND {name} <> {theirs})"
        case "<":
            operator = draw(st.sampled_from(["<", "<=", ">", ">="]))
            mine, theirs = both.value(draw(ORDERED))
            return f"{name} {operator} {mine}", f"{name} {operator} {theirs}"
        case "BETWEEN":
            low, high = sorted(draw(st.tuples(st.integers(-2, 3), st.integers(-2, 3))))
            first, second = both.value({"N": str(low)}), both.value({"N": str(high)})
            return f"{name} BETWEEN {first[0]} AND {second[0]}", f"{name} BETWEEN {first[1]} AND {second[1]}"
        case "IN":
            written = [both.value(value) for value in draw(st.lists(VALUES, min_size=1, max_size=3))]
            mine, theirs = (", ".join(texts) for texts in zip(*written, strict=True))
            return f"{name} IN ({mine})", f"{name} IN ({theirs})"
        case "MISSING":
            return f"{name} IS MISSING", f"attribute_not_exists({name})"
        case "NULL":
            return f"{name} IS NULL", f"attribute_type({name}, {both.expressions.value({'S': 'NULL'})})"
        case "size":
            mine, theirs = both.value({"N": str(draw(st.integers(0, 3)))})
            return f"size({name}) = {mine}", f"size({name}) = {theirs}"
        case function:
            text = draw(st.sampled_from(["x", "y'", "it"]))
            mine, theirs = both.value({"S": text})
            return f"{function}({name}, {mine})", f"{function}({name}, {theirs})"
