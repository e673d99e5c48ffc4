"""What is wrong with a filter pattern, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.filtering.words import path_text

if TYPE_CHECKING:
    from cdc.mappings.filtering.words import Path

INVALID_PATTERN = "Invalid filter pattern definition."
"""All that AWS says of a wrong pattern (Lambda: CreateEventSourceMapping, InvalidParameterValueException; recorded)."""


class PatternError(Exception):
    """A pattern is wrong at `path`: what stands there, and what would be right."""

    def __init__(self, path: Path, wrong: str, right: str) -> None:
        place = f"{path_text(path)}: " if path else ""
        super().__init__(f"{place}{wrong}: expected {right}")


class FilterError(Exception):
    """A list of filters is wrong; the message is one line: the filter's number, the place in it, what would be right."""
