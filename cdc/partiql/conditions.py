"""WHERE: from tokens to the syntax tree of a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.expressions.condition_parser import COMPARATORS
from cdc.expressions.syntax import (
    Arithmetic,
    Between,
    Comparison,
    ConditionNode,
    Function,
    Junction,
    Membership,
    Negation,
    Operand,
    Path,
    Value,
)
from cdc.partiql.lexer import WORD, malformed
from cdc.partiql.syntax import Scalar
from cdc.partiql.terms import MAX_NESTING, TermParser

if TYPE_CHECKING:
    from collections.abc import Callable

FUNCTIONS = frozenset({"begins_with", "contains", "size", "attribute_type"})
_TOO_DEEP = f"More than {MAX_NESTING} parentheses inside each other"


class ConditionParser(TermParser):
    """Reads conditions. AND binds tighter than OR, NOT tighter than both."""

    def condition(self) -> ConditionNode:
        """Read a condition."""
        return self._as_condition(self._alternatives())

    def _alternatives(self) -> ConditionNode | Operand:
        return self._joined("OR", self._conjunction)

    def _conjunction(self) -> ConditionNode | Operand:
        return self._joined("AND", self._negation)

    def _joined(self, operator: str, part: Callable[[], ConditionNode | Operand]) -> ConditionNode | Operand:
        """Read parts with an operator between them; a single one stays what it is."""
        node = part()
        if not self.at(operator):
            return node
        nodes = [self._as_condition(node)]
        while self.accept(operator):
            nodes.append(self._as_condition(part()))
        return Junction(operator, tuple(nodes))

    def _negation(self) -> ConditionNode | Operand:
        negated, seen = False, False
        while self.accept("NOT"):
            negated, seen = not negated, True
        node = self._predicate()
        if not seen:
            return node
        condition = self._as_condition(node)
        return Negation(condition) if negated else condition

    def _predicate(self) -> ConditionNode | Operand:
        """Read a first operand and what follows it; without a comparator it stays what it is."""
        node = self._primary()
        left = _operand_of(node)
        if left is None:
            return node
        kind = "<>" if self.token.kind == "!=" else self.token.kind
        if kind in COMPARATORS:
            self.advance()
            return self._comparison(kind, left)
        if self.accept("BETWEEN"):
            lower = self._operand()
            self.expect("AND")
            return Between(left, lower, self._operand())
        if self.accept("IN"):
            return self._membership(left)
        if self.accept("IS"):
            return self._existence(left)
        return left

    def _comparison(self, operator: str, left: Operand) -> ConditionNode:
        if operator in {"=", "<>"} and isinstance(left, Path) and self.accept("MISSING"):
            return Function("attribute_exists" if operator == "<>" else "attribute_not_exists", (left,))
        right = self._operand()
        comparison = Comparison(operator, left, right)
        if operator != "<>":
            return comparison
        # Unlike that of expressions, this one is false of an attribute that is missing.
        present = [Function("attribute_exists", (operand,)) for operand in (left, right) if isinstance(operand, Path)]
        return Junction("AND", (*present, comparison)) if present else comparison

    def _membership(self, left: Operand) -> Membership:
        if not self.at("(", "[", "<<"):
            self.refuse_token()
        end = {"(": ")", "[": "]", "<<": ">>"}[self.advance().kind]
        options = self.separated(self._operand)
        self.expect(end)
        return Membership(left, options)

    def _existence(self, left: Operand) -> ConditionNode:
        negated = self.accept("NOT")
        if not isinstance(left, Path) or not self.at("MISSING", "NULL"):
            self.refuse_token()
        if self.advance().kind == "MISSING":
            return Function("attribute_exists" if negated else "attribute_not_exists", (left,))
        is_null = Function("attribute_type", (left, self.placeholder(Scalar("S", "NULL"))))
        return Negation(is_null) if negated else is_null

    def _primary(self) -> ConditionNode | Operand:
        """Read what stands in parentheses, a call, a value or a path."""
        if self.accept("("):
            with self.nested(malformed(_TOO_DEEP)):
                node = self._alternatives()
            self.expect(")")
            return node
        if self.at(WORD) and self.following.kind == "(":
            return self._call()
        return self.value() if self.at_value() else self.path()

    def _call(self) -> Function:
        token = self.advance()
        name = token.text.lower()
        if name not in FUNCTIONS:
            raise malformed(f"Unknown function {token.text} at {self.where(token)}")
        self.expect("(")
        with self.nested(malformed(_TOO_DEEP)):
            arguments = self.separated(self._operand)
        self.expect(")")
        return Function(name, arguments)

    def _operand(self) -> Operand:
        """Read an operand, which may stand in parentheses."""
        start = self.token
        operand = _operand_of(self._primary())
        if operand is None:
            raise malformed(f"Unexpected condition at {self.where(start)}")
        return operand

    def _as_condition(self, node: ConditionNode | Operand) -> ConditionNode:
        """Check that a node stands where a condition may."""
        if isinstance(node, Path | Value | Arithmetic) or _operand_of(node) is not None:
            self.refuse_token()
        return node


def _operand_of(node: ConditionNode | Operand) -> Operand | None:
    """Return a node that is an operand: a path, a value or a size."""
    if isinstance(node, Path | Value) or (isinstance(node, Function) and node.name == "size"):
        return node
    return None
