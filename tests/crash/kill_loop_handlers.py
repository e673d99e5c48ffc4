"""The handlers of the kill loop: a Python one that journals each record with fsync, and a command that does the same."""

from __future__ import annotations

import os
from typing import Any

# A line begins on a new line even when a killed handler left a part of one, and its end shows that it is whole.
# Some invocations last longer than others, so that a kill meets them.
COMMAND = r"""
journal() { dd bs=1M iflag=fullblock oflag=append conv=notrunc,fsync status=none of="$KILL_LOOP_JOURNAL"; }
me="$KILL_LOOP_GENERATION $$ $AWS_LAMBDA_REQUEST_ID"
printf '\n%s start 0 ;\n' "$me" | journal
{ echo; grep -Eo '"SequenceNumber": *"[0-9]+"' | sed -E "s/.*\"([0-9]+)\"/$me record \1 ;/"; } | journal
case $$ in *7) sleep 0.3 ;; esac
printf '\n%s end 0 ;\n' "$me" | journal
"""

_skip_every = int(os.environ.get("KILL_LOOP_SKIP", "0"))
_seen = 0


def record(event: dict[str, Any], context: Any) -> None:
    """Write the sequence number of each record, each on the disk before the next."""
    global _seen  # noqa: PLW0603  # a worker's own count, for the broken handler
    journal = os.open(os.environ["KILL_LOOP_JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    me = f"{os.environ['KILL_LOOP_GENERATION']} {os.getpid()} {context.aws_request_id}"
    try:
        _append(journal, f"{me} start 0 ;")
        for each in event["Records"]:
            _seen += 1
            if not _skip_every or _seen % _skip_every:
                _append(journal, f"{me} record {each['dynamodb']['SequenceNumber']} ;")
        _append(journal, f"{me} end 0 ;")
    finally:
        os.close(journal)


def _append(journal: int, line: str) -> None:
    os.write(journal, f"\n{line}\n".encode())
    os.fdatasync(journal)
