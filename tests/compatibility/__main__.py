"""Write `docs/compatibility.md` anew; run by `scripts/compatibility`."""

from __future__ import annotations

import sys

from tests.compatibility.page import PAGE, NotesError, page

try:
    PAGE.write_text(page())
except NotesError as error:
    sys.exit(f"docs/compatibility.toml: {error}")
