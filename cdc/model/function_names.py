"""The ways to name a function, with or without a qualifier: by its name, a part of its ARN, or the whole ARN."""

from __future__ import annotations

import re
from typing import NamedTuple

LATEST_VERSION = "$LATEST"
"""The one version that there is of each function."""
NAME_PATTERN = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
"""Lambda's, of what names a function (Lambda: NamespacedFunctionName)."""
_MEMBERS = re.compile(NAME_PATTERN)
_NAME, _QUALIFIER = 11, 13


class FunctionName(NamedTuple):
    """What a caller called a function."""

    name: str
    qualifier: str | None  # version or alias; None when the caller gave none

    @property
    def is_latest(self) -> bool:
        """Whether it names the version that there is."""
        return self.qualifier in {None, LATEST_VERSION}


def parse_function_name(text: str) -> FunctionName | None:
    """Take a function's name or ARN apart, whatever its account and region; None when it is malformed."""
    match = _MEMBERS.fullmatch(text)
    return None if match is None else FunctionName(match[_NAME], match[_QUALIFIER])
