"""What the operations need to know of the configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Names and defaults that tables and streams are made with."""

    region: str = "us-east-1"
    account_id: str = "000000000000"
    shards: int | None = None  # of a new stream; None: 4 on demand, by capacity when provisioned
    retention_seconds: int = DAY_SECONDS
    endpoint: str = "localhost"  # host and port of the API, as DescribeEndpoints tells them
    status_delay_ms: int = 0  # how long a table stays CREATING, UPDATING or DELETING
    prefixes_validation: bool = False  # whether PutItem and UpdateItem put a prefix before some of their refusals
    enforces_throughput: bool = False  # whether requests beyond a table's units are refused
    burst_seconds: int = 300  # how many seconds' worth of unused units can be used at once
    bucket_folder: Path | None = None  # where the buckets of exports and imports are folders
    s3_endpoint_url: str | None = None  # of the server that has them, which comes before the folder
    table_retention_seconds: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        """Refuse what would keep nothing, or have nowhere to put it."""
        seconds = min((self.retention_seconds, *self.table_retention_seconds.values()))
        if seconds < 1:
            raise ValueError(f"a retention of {seconds} seconds keeps nothing: at least 1 second is needed")
        if self.shards is not None and self.shards < 1:
            raise ValueError(
                f"{self.shards} shards can hold nothing: at least 1 is needed, or None for DynamoDB's number"
            )

    def retention_of(self, table_name: str) -> int:
        """Seconds that the stream records of a table are kept."""
        return self.table_retention_seconds.get(table_name, self.retention_seconds)
