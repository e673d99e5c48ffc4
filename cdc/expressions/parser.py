"""What the three parsers share: a cursor over tokens, paths, calls, and the order in which faults are reported."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum, auto
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, ClassVar, TypeVar

from cdc.expressions.lexer import DIGITS, END, NAME, VALUE, WORD, Token, syntax_error, tokenise
from cdc.expressions.reserved import RESERVED_WORDS
from cdc.expressions.syntax import Function, InvalidExpressionError, Operand, Parsed, Path, Step, Tree, Value
from cdc.model.wire_types import utf8_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

MAX_EXPRESSION_BYTES = 4096
MAX_OPERATORS = 300
"""Operators and functions of one expression."""

MAX_OPERAND_NESTING = 64
"""Calls and parentheses inside each other in one operand: a bound of ours on recursion, far from any sensible use."""

MAX_PATH_STEPS = 32
MAX_LIST_INDEX = 2**31 - 1
MAX_CACHED_EXPRESSIONS = 512
"""Of each kind: a program has a few dozen texts. A tree of 4 KB text takes at most about 200 KB."""

CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
    "size": 1,
}
UPDATE_FUNCTIONS = {"if_not_exists": 2, "list_append": 2}

_T = TypeVar("_T")


class Fault(Enum):
    """A kind of fault that the text alone shows. Syntax errors are not among them: they end the parsing."""

    PARENTHESES = auto()
    FUNCTION = auto()
    MISUSE = auto()
    RESERVED = auto()
    SECTION = auto()
    DEPTH = auto()
    INDEX = auto()


def remembered(parse: Callable[[str], Parsed[Tree]]) -> Callable[[str], Parsed[Tree]]:
    """Decorate a parser of text: refuse an empty or oversized one, and remember what others gave, errors too."""

    @lru_cache(maxsize=MAX_CACHED_EXPRESSIONS)
    def outcome(text: str) -> Parsed[Tree] | str:
        try:
            return parse(text)
        except InvalidExpressionError as error:
            return str(error)

    @wraps(parse)
    def checked(text: str) -> Parsed[Tree]:
        if not text:
            raise InvalidExpressionError("The expression can not be empty;")
        size = len(text) if text.isascii() else utf8_size(text)
        if size > MAX_EXPRESSION_BYTES:
            raise InvalidExpressionError(
                f"Expression size has exceeded the maximum allowed size; expression size: {size}"
            )
        parsed = outcome(text)
        if isinstance(parsed, str):
            raise InvalidExpressionError(parsed)
        return parsed

    return checked


class Parser:
    """A recursive-descent parser of one expression. A kind of expression is a subclass."""

    keywords: ClassVar[frozenset[str]] = frozenset()
    operators: ClassVar[frozenset[str]] = frozenset()
    """Token kinds that count as an operator, as does every call."""

    priorities: ClassVar[tuple[Fault, ...]] = (Fault.RESERVED, Fault.DEPTH, Fault.INDEX)
    """The fault to report when there are several."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenise(text, self.keywords)
        self._index = 0
        self._names: dict[str, None] = {}
        self._values: dict[str, None] = {}
        self._faults: dict[Fault, str] = {}
        self._nesting = 0
        self._group_starts: dict[int, int] = {}
        self._refuse_too_many_operators()

    def _refuse_too_many_operators(self) -> None:
        count = 0
        for token, following in zip(self._tokens, self._tokens[1:], strict=False):
            if token.kind in self.operators or (token.kind == WORD and following.kind == "("):
                count += 1
        if count > MAX_OPERATORS:
            raise InvalidExpressionError(f"The expression contains too many operators; operator count: {count}")

    def finish(self, tree: Tree) -> Parsed[Tree]:
        """Return the parsed expression, or raise the most important of the faults that were met."""
        for fault in self.priorities:
            if fault in self._faults:
                raise InvalidExpressionError(self._faults[fault])
        return Parsed(tree, tuple(self._names), tuple(self._values))

    def fault(self, fault: Fault, message: str) -> None:
        """Note a fault; the first of each kind counts."""
        self._faults.setdefault(fault, message)

    # --- the cursor

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self._tokens[self._index]

    def at(self, kind: str) -> bool:
        """Tell whether the next token is of this kind."""
        return self._tokens[self._index].kind == kind

    def at_call(self) -> bool:
        """Tell whether a function's name and parenthesis come next."""
        return self.at(WORD) and self._tokens[self._index + 1].kind == "("

    def advance(self) -> Token:
        """Read the next token."""
        token = self._tokens[self._index]
        self._index += 1
        return token

    def accept(self, kind: str) -> bool:
        """Read the next token if it is of this kind."""
        if not self.at(kind):
            return False
        self._index += 1
        return True

    def expect(self, kind: str) -> Token:
        """Read a token of this kind; raises the syntax error for any other."""
        if not self.at(kind):
            self.refuse_token()
        return self.advance()

    def refuse_token(self) -> NoReturn:
        """Raise the syntax error of the next token."""
        raise syntax_error(self._text, self._tokens, self._index)

    def separated(self, element: Callable[[], _T]) -> tuple[_T, ...]:
        """Read one or more elements with commas between them."""
        elements = [element()]
        while self.accept(","):
            elements.append(element())
        return tuple(elements)

    # --- parentheses

    def open_group(self) -> int:
        """Read an opening parenthesis that groups, and return its place for `close_group`."""
        self.expect("(")
        return self._index - 1

    def close_group(self, start: int) -> None:
        """Read the closing parenthesis of the group that began at `start`."""
        self.expect(")")
        end = self._index - 1
        if self._group_starts.get(end - 1) == start + 1:
            self.fault(Fault.PARENTHESES, "The expression has redundant parentheses;")
        self._group_starts[end] = start

    def grouped(self, inner: Callable[[], Operand]) -> Operand:
        """Read an operand in parentheses."""
        start = self.open_group()
        with self._nested():
            operand = inner()
        self.close_group(start)
        return operand

    @contextmanager
    def _nested(self) -> Iterator[None]:
        self._nesting += 1
        if self._nesting > MAX_OPERAND_NESTING:
            raise InvalidExpressionError(f"The expression has too many nesting levels; nesting levels: {self._nesting}")
        yield
        self._nesting -= 1

    # --- operands

    def value(self) -> Value:
        """Read a `:value`."""
        token = self.expect(VALUE)
        self._values[token.text] = None
        return Value(token.text)

    def path(self) -> Path:
        """Read a document path."""
        if not self.at(WORD) and not self.at(NAME):
            self.refuse_token()
        steps: list[Step] = [self._name()]
        while True:
            if self.accept("."):
                steps.append(self._name())
            elif self.accept("["):
                steps.append(self._list_index())
                self.expect("]")
            else:
                break
        if len(steps) > MAX_PATH_STEPS:
            self.fault(Fault.DEPTH, f"The document path has too many nesting levels; nesting levels: {len(steps)}")
        return Path(tuple(steps))

    def _name(self) -> str:
        token = self.token
        if token.kind == NAME:
            self._names[token.text] = None
        elif not token.text[0].isalpha():  # keywords are names here, though reserved
            self.refuse_token()
        elif token.text.upper() in RESERVED_WORDS:
            self.fault(Fault.RESERVED, f"Attribute name is a reserved keyword; reserved keyword: {token.text}")
        return self.advance().text

    def _list_index(self) -> int:
        index = int(self.expect(DIGITS).text)
        if index > MAX_LIST_INDEX:
            self.fault(Fault.INDEX, f"List index is not within the allowable range; index: [{index}]")
        return index

    def call(self, argument: Callable[[str, int], Operand]) -> Function:
        """Read a function call; `argument` reads one operand, given the function's name and the operand's place."""
        name = self.advance().text
        self.expect("(")
        if name not in CONDITION_FUNCTIONS and name not in UPDATE_FUNCTIONS:
            self.fault(Fault.FUNCTION, f"Invalid function name; function: {name}")
        with self._nested():
            arguments = [argument(name, 0)]
            while self.accept(","):
                arguments.append(argument(name, len(arguments)))
        self.expect(")")
        return Function(name, tuple(arguments))

    def end(self) -> None:
        """Expect the end of the text."""
        self.expect(END)
