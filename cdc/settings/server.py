"""The settings of the HTTP side, each with its default, bound and reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from cdc.settings.rules import Checked, Kind, rule


@dataclass(frozen=True, kw_only=True)
class ServerSettings(Checked):
    """[server]: the HTTP side."""

    host: str = field(
        default="127.0.0.1",
        metadata=rule(
            Kind.TEXT,
            "Address to listen on. The default is reached from this machine alone; callers from others need an access key of "
            "[[credentials]].",
            pattern=r"[A-Za-z0-9.:_-]+",
            form="an address or a host name",
            flag="--host",
        ),
    )
    port: int = field(
        default=8000,
        metadata=rule(
            Kind.WHOLE,
            "Port to listen on; 0 picks a free one and prints it. 8000 is the port of DynamoDB local.",
            high=65535,
            flag="--port",
        ),
    )
    allowed_hosts: tuple[str, ...] = field(
        default=(),
        metadata=rule(
            Kind.TEXTS,
            "Names that a request may call this server by, besides its address and localhost. Other names are refused, "
            "so that a web page can't reach it through a name of its own.",
            pattern=r"[A-Za-z0-9._:\[\]-]+",
            form="a list of host names",
        ),
    )
    allowed_origins: tuple[str, ...] = field(
        default=(),
        metadata=rule(
            Kind.TEXTS,
            "Web origins whose pages may call this server from a browser. None by default: tables are no public resource.",
            pattern=r"[a-z][a-z0-9+.-]*://[^\s/]+",
            form='a list of origins such as "http://localhost:3000"',
        ),
    )
    region: str = field(
        default="us-east-1",
        metadata=rule(
            Kind.TEXT,
            "The region in ARNs and events. Clients may name any region; the default is the one most of them fall back to.",
            pattern=r"[a-z0-9-]{1,32}",
            form='a region such as "us-east-1"',
        ),
    )
    account_id: str = field(
        default="000000000000",
        metadata=rule(
            Kind.TEXT,
            "The account in ARNs and events. Zeros are no account of AWS, so local ARNs are recognised at sight.",
            pattern=r"[0-9]{12}",
            form="a text of 12 digits",
        ),
    )
    allow_function_upload: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Whether the Lambda API makes, changes and deletes functions. Off, since it runs what is uploaded.",
        ),
    )
    async_retry_seconds: float = field(
        default=60,
        metadata=rule(
            Kind.NUMBER,
            "Pause before an invocation in the background (InvocationType Event) that failed is tried again; the second "
            "and last time after twice as long. The default is Lambda's.",
            unit="seconds",
            high=3600,
        ),
    )
    gather_threads: bool = field(
        default=True,
        metadata=rule(
            Kind.SWITCH,
            "Whether this process's busiest threads are kept on one processor while they are busy. Python runs one of them at "
            "a time, and handing over between processors costs more than it gains. Linux only.",
        ),
    )
    drain_seconds: int = field(
        default=30,
        metadata=rule(
            Kind.WHOLE,
            "How long a stop waits for requests and batches in flight; what remains is delivered again after the next start. "
            "Service managers commonly end a process by force some time after 30 seconds.",
            unit="seconds",
            high=900,
        ),
    )
