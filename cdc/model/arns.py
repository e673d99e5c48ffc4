"""Amazon resource names of tables, streams and functions: building and taking apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from cdc.model.options import Options

_TABLE = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/([a-zA-Z0-9_.-]+)")
_STREAM = re.compile(r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/([a-zA-Z0-9_.-]+)/stream/([0-9T:.-]+)")
_PART = re.compile(
    r"arn:aws[a-z-]*:dynamodb:[a-z0-9-]+:\d{12}:table/([a-zA-Z0-9_.-]+)/(backup|export|import)/([0-9a-f-]+)"
)


class StreamName(NamedTuple):
    """What a stream's ARN names."""

    table_name: str
    label: str


def table_arn(options: Options, table_name: str) -> str:
    """ARN of a table."""
    return f"arn:aws:dynamodb:{options.region}:{options.account_id}:table/{table_name}"


def index_arn(options: Options, table_name: str, index_name: str) -> str:
    """ARN of a secondary index."""
    return f"{table_arn(options, table_name)}/index/{index_name}"


def stream_arn(options: Options, table_name: str, label: str) -> str:
    """ARN of a stream."""
    return f"{table_arn(options, table_name)}/stream/{label}"


def function_arn(options: Options, function_name: str) -> str:
    """ARN of a function."""
    return f"arn:aws:lambda:{options.region}:{options.account_id}:function:{function_name}"


def table_name_of(name_or_arn: str) -> str:
    """Reduce a table's name or ARN, which item operations take alike, to the name."""
    if not name_or_arn.startswith("arn:"):
        return name_or_arn
    match = _TABLE.fullmatch(name_or_arn)
    return match[1] if match else name_or_arn


def parse_stream_arn(arn: str) -> StreamName | None:
    """Take a stream's ARN apart; None when it is malformed."""
    match = _STREAM.fullmatch(arn)
    return StreamName(match[1], match[2]) if match else None


def account_of(arn: str) -> str:
    """Return the account that an ARN names."""
    return arn.split(":", 5)[4]


def part_arn(options: Options, table_name: str, kind: str, part_id: str) -> str:
    """ARN of a table's backup, export or import."""
    return f"{table_arn(options, table_name)}/{kind}/{part_id}"


def part_id_of(arn: str, kind: str) -> str | None:
    """Take the last part of the ARN of a backup, export or import; None when it is the ARN of something else."""
    match = _PART.fullmatch(arn)
    return match[3] if match and match[2] == kind else None
