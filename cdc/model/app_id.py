"""The name by which the API knows requests of a function's process: the application id that AWS SDKs put into `User-Agent`.

SDKs take it from `AWS_SDK_UA_APP_ID` (AWS SDKs reference: Application ID) and write it as `app/<id>`.
"""

from __future__ import annotations

import re
from functools import lru_cache

VARIABLE = "AWS_SDK_UA_APP_ID"
APP_ID_MAX_CHARACTERS = 50
"""SDKs warn of longer ones."""
_PREFIX = "cdc-fn-"
MARK = f" app/{_PREFIX}".encode()
"""What a function's `User-Agent` has in it."""
_FOREIGN = re.compile(r"[^A-Za-z0-9_.-]")


@lru_cache(maxsize=1024)
def app_id_of(function_name: str) -> str:
    """Build the application id of a function. Functions whose names begin with the same 43 characters share one."""
    return (_PREFIX + _FOREIGN.sub("-", function_name))[:APP_ID_MAX_CHARACTERS]


def app_id_in(user_agent: bytes) -> str | None:
    """Find the application id of a function in the `User-Agent` of a request; None when it comes from elsewhere."""
    start = user_agent.find(MARK)
    if start < 0:
        return None
    return user_agent[start + len(b" app/") :].split(b" ", 1)[0].decode("latin-1")
