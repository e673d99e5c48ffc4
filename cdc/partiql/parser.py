"""Statements: from text to syntax tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.expressions.syntax import Action, Arithmetic, ConditionNode, Function, Operand, Path
from cdc.model.errors import ValidationException
from cdc.partiql.conditions import ConditionParser
from cdc.partiql.lexer import END, WORD, Token, malformed
from cdc.partiql.syntax import (
    Delete,
    Exists,
    Insert,
    Members,
    Ordering,
    Parameter,
    Parsed,
    Returning,
    Select,
    Statement,
    Target,
    Update,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_SET_FUNCTIONS = frozenset({"set_add", "set_delete"})
"""These stand alone on the right-hand side, as ADD and DELETE do in expressions."""
_UNSUPPORTED_CLAUSES = frozenset({"LIMIT", "OFFSET", "GROUP", "HAVING"})
_TABLE_ONLY = "This operation is not supported on an index"


def parse_statement(text: str) -> Parsed:
    """Parse a statement; raises ValidationException. (DynamoDB: PartiQL for DynamoDB.)."""
    parser = _StatementParser(text)
    statement = parser.statement()
    return Parsed(statement, parser.templates, parser.parameter_count)


class _StatementParser(ConditionParser):
    """Reads one statement."""

    def statement(self) -> Statement:
        """Read the whole text."""
        statement = self._by_first_word()
        self.accept(";")
        if self.at(WORD) and self.token.text.upper() in _UNSUPPORTED_CLAUSES:
            raise ValidationException(f"Unsupported clause: {self.token.text.upper()} at {self.where()}")
        self.expect(END)
        return statement

    def _by_first_word(self) -> Statement:
        if self.accept("SELECT"):
            return self._select()
        if self.accept("INSERT"):
            return self._insert()
        if self.accept("UPDATE"):
            return self._update()
        if self.accept("DELETE"):
            return self._delete()
        if self.accept("EXISTS"):
            self.expect("(")
            self.expect("SELECT")
            select = self._select()
            self.expect(")")
            return Exists(select)
        raise malformed("Expected data manipulation")

    # --- SELECT

    def _select(self) -> Select:
        paths = None if self.accept("*") else self.separated(self._selected)
        self.expect("FROM")
        target, _ = self._target()
        condition = self._where()
        orderings: tuple[Ordering, ...] = ()
        if self.accept("ORDER"):
            self.expect_word("BY")
            orderings = self.separated(self._ordering)
        return Select(target, paths, condition, orderings)

    def _selected(self) -> Path:
        if self.at(WORD) and self.following.kind == "(":
            raise ValidationException(f"Unexpected path component at {self.where()}")
        return self.path()

    def _ordering(self) -> Ordering:
        name = self.name()
        descending = self.accept_word("DESC")
        if not descending:
            self.accept_word("ASC")
        return Ordering(name, descending)

    def _target(self) -> tuple[Target, Token]:
        """Read what follows FROM, INTO or UPDATE; return it with its first token."""
        start = self.token
        names = [self.name()]
        while self.accept("."):
            names.append(self.name())
        if len(names) > 2:
            raise ValidationException("A path may contain at most 2 components in the FROM clause")
        return Target(*names), start

    def _where(self) -> ConditionNode | None:
        return self.condition() if self.accept("WHERE") else None

    # --- writes

    def _insert(self) -> Insert:
        self.expect_word("INTO")
        target, start = self._target()
        if target.index_name is not None:
            raise ValidationException(
                "FROM clause may only contain a single table name in data manipulation statements at "
                f"{self.where(start)}"
            )
        self.expect_word("VALUE")
        if not self.at("{", "?"):
            self.refuse_token()
        item = self.template()
        assert isinstance(item, Members | Parameter)
        return Insert(target, item)

    def _update(self) -> Update:
        target = self._written()
        actions: list[Action] = []
        while self.at("SET", "REMOVE"):
            read = self._assignment if self.advance().kind == "SET" else self._removal
            actions += self.separated(read)
        if not actions:
            self.refuse_token()
        condition = self._where()
        return Update(target, tuple(actions), condition, self._returning())

    def _delete(self) -> Delete:
        self.expect("FROM")
        target = self._written()
        condition, returning = self._where(), self._returning()
        if returning is not None and (returning.modified or returning.new):
            raise ValidationException(
                f"Invalid returning clause: {returning}. Only RETURNING ALL OLD * is allowed in DELETE statements."
            )
        return Delete(target, condition, returning)

    def _written(self) -> Target:
        target, _ = self._target()
        if target.index_name is not None:
            raise ValidationException(_TABLE_ONLY)
        return target

    def _returning(self) -> Returning | None:
        if not self.accept("RETURNING"):
            return None
        modified = self.accept_word("MODIFIED")
        if not modified:
            self.expect_word("ALL")
        new = self.accept_word("NEW")
        if not new:
            self.expect_word("OLD")
        self.expect("*")
        return Returning(modified, new)

    def _removal(self) -> Action:
        return Action("REMOVE", self.path())

    def _assignment(self) -> Action:
        path = self.path()
        self.expect("=")
        if self.at(WORD) and self.following.kind == "(" and self.token.text.lower() in _SET_FUNCTIONS:
            return Action("SET", path, self._call_of(self._set_arguments))
        return Action("SET", path, self._sum())

    def _sum(self) -> Operand:
        """Read a term, or two with a sign between them."""
        left = self._term()
        if not self.at("+", "-"):
            return left
        operator = self.advance().kind
        return Arithmetic(operator, left, self._term())

    def _term(self) -> Operand:
        if self.at(WORD) and self.following.kind == "(":
            if self.token.text.lower() != "list_append":
                raise malformed(f"Unexpected function {self.token.text} at {self.where()}")
            return self._call_of(lambda: self.separated(self._sum))
        return self.value() if self.at_value() else self.path()

    def _call_of(self, arguments: Callable[[], tuple[Operand, ...]]) -> Function:
        """Read a call, whose arguments are read so."""
        token = self.advance()
        self.expect("(")
        with self.nested(malformed(f"Too many calls inside each other at {self.where(token)}")):
            read = arguments()
        self.expect(")")
        return Function(token.text.lower(), read)

    def _set_arguments(self) -> tuple[Operand, ...]:
        path = self.path()
        self.expect(",")
        return path, self.value()
