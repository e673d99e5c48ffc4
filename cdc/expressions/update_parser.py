"""Text to syntax tree for update expressions."""

from __future__ import annotations

from typing import ClassVar

from cdc.expressions.lexer import END, VALUE
from cdc.expressions.parser import Fault, Parser, remembered
from cdc.expressions.syntax import Action, Arithmetic, Operand, Parsed

SECTIONS = frozenset({"SET", "REMOVE", "ADD", "DELETE"})


@remembered
def parse_update(text: str) -> Parsed[tuple[Action, ...]]:
    """Parse an update into its actions; raises InvalidExpressionError. DynamoDB: update expressions."""
    parser = _UpdateParser(text)
    return parser.finish(parser.update())


class _UpdateParser(Parser):
    keywords: ClassVar = SECTIONS
    operators: ClassVar = frozenset({"+", "-"})
    priorities: ClassVar = (
        Fault.PARENTHESES,
        Fault.RESERVED,
        Fault.FUNCTION,
        Fault.SECTION,
        Fault.DEPTH,
        Fault.INDEX,
    )

    def update(self) -> tuple[Action, ...]:
        """Read the whole text as sections, each once and in any order."""
        actions: list[Action] = []
        seen: set[str] = set()
        readers = {"SET": self._assignment, "REMOVE": self._removal, "ADD": self._addition, "DELETE": self._deletion}
        while True:
            section = self.token.kind
            if section not in SECTIONS:
                self.refuse_token()
            self.advance()
            if section in seen:
                self.fault(Fault.SECTION, f'The "{section}" section can only be used once in an update expression;')
            seen.add(section)
            actions += self.separated(readers[section])
            if self.accept(END):
                return tuple(actions)

    def _assignment(self) -> Action:
        path = self.path()
        self.expect("=")
        return Action("SET", path, self._sum())

    def _removal(self) -> Action:
        return Action("REMOVE", self.path())

    def _addition(self) -> Action:
        return Action("ADD", self.path(), self.value())

    def _deletion(self) -> Action:
        return Action("DELETE", self.path(), self.value())

    def _sum(self) -> Operand:
        """Read a term, or two with a sign between them."""
        left = self._term()
        if not self.at("+") and not self.at("-"):
            return left
        operator = self.advance().kind
        return Arithmetic(operator, left, self._term())

    def _term(self) -> Operand:
        if self.at("("):
            return self.grouped(self._sum)
        if self.at(VALUE):
            return self.value()
        if self.at_call():
            return self.call(self._argument)
        return self.path()

    def _argument(self, function: str, place: int) -> Operand:
        return self._sum() if function == "if_not_exists" and place else self._term()
