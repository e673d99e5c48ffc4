"""What the clauses of a statement share: a cursor over its tokens, its names, paths and values."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from cdc.expressions.parser import MAX_LIST_INDEX, MAX_PATH_STEPS
from cdc.expressions.syntax import Path, Step, Value
from cdc.model.errors import ValidationException
from cdc.model.values import TOO_DEEP
from cdc.partiql.lexer import END, NAME, NUMBER, RESERVED, STRING, WORD, Token, malformed, place, tokenise
from cdc.partiql.syntax import Elements, Members, Parameter, Scalar, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

MAX_NESTING = 64
"""Parentheses, or values, inside each other: a bound of ours on recursion. Values may have 32 levels anyway."""

EMPTY_COMPONENT = "Path component cannot be an empty string"
_VALUE_STARTS = frozenset({STRING, NUMBER, "?", "-", "+", "[", "{", "<<", "TRUE", "FALSE", "NULL"})

_T = TypeVar("_T")


class TermParser:
    """A cursor over the tokens of one statement, with the templates of its values as far as they were read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenise(text)
        self._index = 0
        self._nesting = 0
        self.templates: dict[str, Template] = {}
        self.parameter_count = 0

    # --- the cursor

    @property
    def token(self) -> Token:
        """The token to be read next."""
        return self._tokens[self._index]

    @property
    def following(self) -> Token:
        """The token after that."""
        return self._tokens[min(self._index + 1, len(self._tokens) - 1)]

    def at(self, *kinds: str) -> bool:
        """Tell whether the next token is of one of these kinds."""
        return self.token.kind in kinds

    def at_word(self, word: str) -> bool:
        """Tell whether the next token is this keyword, which is a name elsewhere."""
        return self.token.kind == WORD and self.token.text.upper() == word

    def advance(self) -> Token:
        """Read the next token."""
        token = self.token
        self._index = min(self._index + 1, len(self._tokens) - 1)
        return token

    def accept(self, kind: str) -> bool:
        """Read the next token if it is of this kind."""
        found = self.at(kind)
        if found:
            self.advance()
        return found

    def accept_word(self, word: str) -> bool:
        """Read the next token if it is this keyword."""
        found = self.at_word(word)
        if found:
            self.advance()
        return found

    def expect(self, kind: str) -> Token:
        """Read a token of this kind; raises the error of any other."""
        if not self.at(kind):
            self.refuse_token()
        return self.advance()

    def expect_word(self, word: str) -> None:
        """Read this keyword; raises the error of any other token."""
        if not self.accept_word(word):
            self.refuse_token()

    def where(self, token: Token | None = None) -> str:
        """Write where a token stands, as `line:column:length`."""
        token = token or self.token
        return f"{place(self._text, token.start)}:{token.end - token.start}"

    def refuse_token(self) -> NoReturn:
        """Raise the error of the next token."""
        kind = self.token.kind
        what = "end of statement" if kind == END else "keyword" if kind in RESERVED else "token"
        raise malformed(f"Unexpected {what} at {self.where()}")

    def separated(self, element: Callable[[], _T]) -> tuple[_T, ...]:
        """Read one or more elements with commas between them."""
        elements = [element()]
        while self.accept(","):
            elements.append(element())
        return tuple(elements)

    @contextmanager
    def nested(self, error: ValidationException) -> Iterator[None]:
        """Go one level deeper; raises the error when that is too deep."""
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise error
        yield
        self._nesting -= 1

    # --- names and paths

    def name(self) -> str:
        """Read a name, bare or quoted."""
        if not self.at(WORD, NAME):
            self.refuse_token()
        text = self.advance().text
        if not text:
            raise ValidationException(EMPTY_COMPONENT)
        return text

    def path(self) -> Path:
        """Read a document path: names and list indexes."""
        start = self.token
        steps: list[Step] = [self.name()]
        while True:
            if self.accept("."):
                steps.append(self.name())
            elif self.at("[") and self.following.kind in {NUMBER, STRING}:
                self.advance()
                steps.append(self._member())
                self.expect("]")
            else:
                break
        if len(steps) > MAX_PATH_STEPS:
            raise ValidationException(
                f"The document path has too many nesting levels; nesting levels: {len(steps)} at {self.where(start)}"
            )
        return Path(tuple(steps))

    def _member(self) -> Step:
        """Read what stands in brackets: an index, or the name of a map's member as a string."""
        if self.at(STRING):
            text = self.advance().text
            if not text:
                raise ValidationException(EMPTY_COMPONENT)
            return text
        if not self.token.text.isdigit():
            self.refuse_token()
        text = self.advance().text
        if int(text) > MAX_LIST_INDEX:
            raise ValidationException(f"List index is not within the allowable range; index: [{text}]")
        return int(text)

    # --- values

    def at_value(self) -> bool:
        """Tell whether a literal or a parameter comes next."""
        return self.token.kind in _VALUE_STARTS

    def value(self) -> Value:
        """Read a literal or a parameter, and give it a placeholder."""
        return self.placeholder(self.template())

    def placeholder(self, template: Template) -> Value:
        """Give a value a placeholder of its own."""
        name = f":{len(self.templates)}"
        self.templates[name] = template
        return Value(name)

    def template(self) -> Template:
        """Read a literal or a parameter."""
        token = self.token
        if token.kind in {"-", "+"}:
            sign = "-" if self.advance().kind == "-" else ""
            return Scalar("N", sign + self.expect(NUMBER).text)
        if token.kind not in _VALUE_STARTS:
            self.refuse_token()
        self.advance()
        match token.kind:
            case "?":
                self.parameter_count += 1
                return Parameter(self.parameter_count - 1)
            case "[":
                return Elements(is_set=False, templates=self._until("]", self.template))
            case "<<":
                return Elements(is_set=True, templates=self._until(">>", self.template))
            case "{":
                return Members(self._until("}", self._entry))
            case "NULL":
                return Scalar("NULL", content=True)
            case "TRUE" | "FALSE":
                return Scalar("BOOL", content=token.kind == "TRUE")
            case kind:
                return Scalar("S" if kind == STRING else "N", token.text)

    def _until(self, end: str, element: Callable[[], _T]) -> tuple[_T, ...]:
        """Read elements with commas between them, maybe none, and the bracket that ends them."""
        if self.accept(end):
            return ()
        with self.nested(ValidationException(TOO_DEEP)):
            elements = self.separated(element)
        self.expect(end)
        return elements

    def _entry(self) -> tuple[str, Template]:
        """Read one member of a map; its name is a string, or in double quotes."""
        if not self.at(STRING, NAME):
            self.refuse_token()
        name = self.advance().text
        self.expect(":")
        return name, self.template()
