"""Text to syntax tree for condition, filter and key-condition expressions, which share one grammar."""

from __future__ import annotations

from typing import ClassVar

from cdc.expressions.lexer import END, VALUE
from cdc.expressions.parser import CONDITION_FUNCTIONS, UPDATE_FUNCTIONS, Fault, Parser, remembered
from cdc.expressions.syntax import (
    Between,
    Comparison,
    ConditionNode,
    Function,
    Junction,
    Membership,
    Negation,
    Operand,
    Parsed,
    Path,
    Value,
)

COMPARATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})


@remembered
def parse_condition(text: str) -> Parsed[ConditionNode]:
    """Parse a condition; raises InvalidExpressionError. DynamoDB: expressions, comparison operators and functions."""
    parser = _ConditionParser(text)
    return parser.finish(parser.condition())


class _Group:
    """What stands inside one pair of parentheses, or outside of all, as far as it was read."""

    def __init__(self, start: int | None = None) -> None:
        self.start = start
        self.negated = False
        self.conjuncts: list[ConditionNode] = []
        self.alternatives: list[ConditionNode] = []

    @property
    def empty(self) -> bool:
        """Whether nothing stands before what is read now."""
        return not (self.negated or self.conjuncts or self.alternatives)

    def add(self, node: ConditionNode, operator: str) -> None:
        """Take in a condition and the operator or end that follows it."""
        self.conjuncts.append(Negation(node) if self.negated else node)
        self.negated = False
        if operator != "AND":
            self.alternatives.append(_junction("AND", self.conjuncts))
            self.conjuncts = []

    def whole(self) -> ConditionNode:
        return _junction("OR", self.alternatives)


def _junction(operator: str, conditions: list[ConditionNode]) -> ConditionNode:
    """Join conditions, taking in those that are joined by the same operator already."""
    if len(conditions) == 1:
        return conditions[0]
    flat: list[ConditionNode] = []
    for condition in conditions:
        if isinstance(condition, Junction) and condition.operator == operator:
            flat += condition.conditions
        else:
            flat.append(condition)
    return Junction(operator, tuple(flat))


class _ConditionParser(Parser):
    """Keeps a stack of groups in place of recursion: boto3 nests one pair of parentheses for every AND."""

    keywords: ClassVar = frozenset({"AND", "OR", "NOT", "BETWEEN", "IN"})
    operators: ClassVar = COMPARATORS | {"AND", "OR", "NOT", "IN"}  # the AND of BETWEEN stands for it
    priorities: ClassVar = (
        Fault.PARENTHESES,
        Fault.FUNCTION,
        Fault.MISUSE,
        Fault.RESERVED,
        Fault.DEPTH,
        Fault.INDEX,
    )

    def condition(self) -> ConditionNode:
        """Read the whole text as one condition."""
        outer: list[_Group] = []
        group = _Group()
        while True:
            while self.accept("NOT"):
                group.negated = not group.negated
            if self.at("("):
                outer.append(group)
                group = _Group(self.open_group())
                continue
            node = self._predicate(self._atom())
            while self.at(")") and group.start is not None:
                node = self._closed(group, node)
                group = outer.pop()
                node = self._predicate(node)
            operator = self.token.kind
            if operator not in {"AND", "OR", END} or (operator == END and outer):
                self.refuse_token()
            group.add(self._condition(node), operator)
            if operator == END:
                return group.whole()
            self.advance()

    def _closed(self, group: _Group, node: ConditionNode | Operand) -> ConditionNode | Operand:
        """Read the parenthesis that ends a group; an operand may stand in one too, alone."""
        if not group.empty:
            group.add(self._condition(node), ")")
            node = group.whole()
        assert group.start is not None
        self.close_group(group.start)
        return node

    def _predicate(self, left: ConditionNode | Operand) -> ConditionNode | Operand:
        """Read what follows a first operand; without a comparator it stays what it is."""
        if isinstance(left, Path | Value | Function):
            if self.token.kind in COMPARATORS:
                operator = self.advance().kind
                return Comparison(operator, self._as_operand(left), self._operand())
            if self.accept("BETWEEN"):
                operand, lower = self._as_operand(left), self._operand()
                self.expect("AND")
                return Between(operand, lower, self._operand())
            if self.accept("IN"):
                return self._membership(self._as_operand(left))
        return left

    def _membership(self, operand: Operand) -> Membership:
        self.expect("(")
        options = self.separated(self._operand)
        self.expect(")")
        return Membership(operand, options)

    def _condition(self, node: ConditionNode | Operand) -> ConditionNode:
        """Check that a node stands where a condition may."""
        if isinstance(node, Comparison | Between | Membership | Negation | Junction):
            return node
        if not isinstance(node, Function):
            self.refuse_token()
        if node.name == "size":
            self._misused(node)
        return node

    def _as_operand(self, operand: Operand) -> Operand:
        """Check that a node stands where an operand may."""
        if isinstance(operand, Function) and operand.name in CONDITION_FUNCTIONS and operand.name != "size":
            self._misused(operand)
        return operand

    def _misused(self, function: Function) -> None:
        self.fault(
            Fault.MISUSE,
            f"The function is not allowed to be used this way in an expression; function: {function.name}",
        )

    def _operand(self) -> Operand:
        if self.at("("):
            return self.grouped(self._operand)
        return self._as_operand(self._atom())

    def _atom(self) -> Path | Value | Function:
        if self.at(VALUE):
            return self.value()
        if not self.at_call():
            return self.path()
        function = self.call(lambda _name, _place: self._operand())
        if function.name in UPDATE_FUNCTIONS:
            self.fault(
                Fault.MISUSE, f"The function is not allowed in a condition expression; function: {function.name}"
            )
        return function
