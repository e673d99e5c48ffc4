"""Settings of what goes on with tables behind their operations, and of the buckets of exports and imports."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdc.settings.rules import Checked, Kind, rule

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class TableSettings(Checked):
    """[tables]: how tables behave where AWS leaves it open, or does what few want on one machine."""

    ttl_sweep_interval_seconds: int = field(
        default=30,
        metadata=rule(
            Kind.WHOLE,
            "Pause between two searches for expired items of tables with TTL. AWS deletes within a few days; a search that "
            "finds nothing costs less than a read.",
            unit="seconds",
            low=1,
            high=86_400,
        ),
    )
    status_delay_seconds: float = field(
        default=0,
        metadata=rule(
            Kind.NUMBER,
            "How long a table stays CREATING, UPDATING or DELETING, and what is changed of it: an index or a stream. 0 is over "
            "at once; more lets a program find out whether it waits as it has to on AWS.",
            unit="seconds",
            high=3600,
        ),
    )
    enforce_throughput: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Whether requests beyond the provisioned units of a table or an index, or its on-demand maximum, are refused as "
            "AWS refuses them, so that a program can try out its retries. Off, since a machine of one's own has no reason to "
            "refuse.",
        ),
    )
    burst_seconds: int = field(
        default=300,
        metadata=rule(
            Kind.WHOLE,
            "How many seconds' worth of unused units can be used at once, where throughput is enforced. 300 as AWS; 1 makes "
            "refusals come soon.",
            unit="seconds",
            low=1,
            high=3600,
        ),
    )
    prefix_validation_messages: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Whether PutItem and UpdateItem put `1 validation error detected: ` before what they say of expressions, sets, "
            "NULLs and parameters that exclude each other, as some regions of AWS do since July 2026. A program that looks "
            "for a part of a message works with both; this lets it be tried.",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class S3Settings(Checked):
    """[s3]: where the buckets of ExportTableToPointInTime and ImportTable are. Without either key, both are refused."""

    folder: Path | None = field(
        default=None,
        metadata=rule(
            Kind.PATH,
            "A folder whose folders are the buckets. Whoever may export can write files in it, so there is no default.",
            form="the path of a folder",
        ),
    )
    endpoint_url: str | None = field(
        default=None,
        metadata=rule(
            Kind.TEXT,
            "Address of an S3-compatible server, which is used rather than the folder; its credentials are where boto3 looks "
            "for them. Needs the extra s3.",
            pattern=r"https?://[^\s]+",
            form='an address such as "http://localhost:9000"',
        ),
    )
