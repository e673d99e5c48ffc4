"""Values, places and lists in words, each short enough for one line of a message."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    Path = tuple[str, ...]

SHOWN_CHARACTERS = 80
"""Of a value: enough to recognise it, and one line of a terminal with the rest."""
LISTED = 5
"""Members of a list that are named; of more, their number is."""
_PLAIN_KEY = re.compile(r"[\w$:/-]{1,80}(\[\*\])*")


def shown(value: object) -> str:
    """Write a value as JSON, cut when it is long; signs that a terminal would obey or can't show are escaped."""
    text = json.dumps(value, ensure_ascii=False)
    cut = text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in cut)


def path_text(path: Path) -> str:
    """Write where something stands, as keys with dots between; a key with other signs than a name's is quoted."""
    return ".".join(key if _PLAIN_KEY.fullmatch(key) else shown(key) for key in path)


def listed(texts: Iterable[str], last: str) -> str:
    """List texts with `last`, such as "or", before the last one."""
    items = list(texts)
    if len(items) > LISTED:
        items = [*items[:LISTED], f"{len(items) - LISTED} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"
