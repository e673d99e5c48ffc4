"""Every setting, section by section, with its default, bound and reason; `config/cdc.toml` shows the same."""

from __future__ import annotations

import re
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdc.settings.credentials import CredentialSettings
from cdc.settings.destinations import DestinationSettings
from cdc.settings.rules import Checked, Kind, SettingsError, nearest, rule, shown
from cdc.settings.server import ServerSettings
from cdc.settings.tables import S3Settings, TableSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = r"[A-Za-z0-9_-]{1,64}"  # Lambda's rule for the name of a function
_TABLE = r"[A-Za-z0-9_.-]{3,255}"  # DynamoDB's rule for the name of a table
_HANDLER = r"[^\W\d]\w*([./][^\W\d]\w*)*:[^\W\d]\w*"  # Lambda's, but for the colon


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings(Checked):
    """[database]: where everything is kept."""

    path: Path = field(
        default=Path("cdc.db"),
        metadata=rule(
            Kind.PATH,
            "The SQLite file that holds tables, streams, checkpoints and dead letters. It is created when missing.",
            pattern=r"(?!.*://)(?!:memory:)[^\0]+",
            form="the path of a file",
            flag="--database",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class RetentionSettings(Checked):
    """[retention]: how long stream records stay readable."""

    hours: float = field(
        default=24,
        metadata=rule(
            Kind.NUMBER,
            "Age at which a stream record can't be read any more. 24 hours as AWS; longer costs disk space alone.",
            unit="hours",
            low=0.001,
            high=876_000,
        ),
    )
    purge_interval_seconds: int = field(
        default=60,
        metadata=rule(
            Kind.WHOLE,
            "Pause between two removals of expired records. It decides when disk space comes back, not what can be read; "
            "a minute keeps each removal small.",
            unit="seconds",
            low=1,
            high=86_400,
        ),
    )
    dead_letters_hours: float = field(
        default=336,
        metadata=rule(
            Kind.NUMBER,
            "How long a batch that was given up is kept, with its records. 14 days, as long as SQS keeps a message at most: "
            "somebody has to see it first.",
            unit="hours",
            low=0.001,
            high=876_000,
        ),
    )
    tables: Mapping[str, float] = field(
        default_factory=dict,
        metadata=rule(
            Kind.NUMBER_TABLE,
            "Retention of single tables, by name, where it differs from `hours`.",
            low=0.001,
            high=876_000,
            names=_TABLE,
            form="a table of table names with hours from 0.001 to 876000, such as { orders = 72 }",
        ),
    )


@dataclass(frozen=True, kw_only=True)
class StreamSettings(Checked):
    """[streams]: how new streams are laid out."""

    shards: int | None = field(
        default=None,
        metadata=rule(
            Kind.WHOLE,
            "Shards of a new stream. Unset does as AWS: 4 for an on-demand table, by capacity for a provisioned one. "
            "More shards let more batches run at a time; each costs every poll a look.",
            unit="shards",
            low=1,
            high=256,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class LoggingSettings(Checked):
    """[logging]: what the daemon says on standard error."""

    level: str = field(
        default="info",
        metadata=rule(
            Kind.TEXT,
            "The least important message that is logged. info is a few lines at start and one for each failed batch.",
            choices=("debug", "info", "warning", "error"),
        ),
    )
    format: str = field(
        default="text",
        metadata=rule(Kind.TEXT, "text is for people, json for log collectors.", choices=("text", "json")),
    )


@dataclass(frozen=True, kw_only=True)
class FunctionSettings(Checked):
    """[[functions]]: a handler, and how it is run."""

    name: str = field(
        metadata=rule(Kind.TEXT, "The name that mappings use.", pattern=_NAME, form="1 to 64 letters, digits, - and _"),
    )
    handler: str | None = field(
        default=None,
        metadata=rule(
            Kind.TEXT,
            "A Python callable handler(event, context), found in the working directory or on PYTHONPATH. "
            "A function has a handler, a command or a runtime. Beside a runtime it may be any text, which that one finds "
            "in _HANDLER.",
            pattern=r"\S{1,128}",
            form='a text "module:callable"',
        ),
    )
    command: tuple[str, ...] | None = field(
        default=None,
        metadata=rule(
            Kind.TEXTS,
            "A program and its arguments, run without a shell once for each batch: the event as JSON on standard input, "
            "the answer on standard output; any exit status but 0 fails the batch.",
            form='a list of texts such as ["sh", "audit.sh"]',
        ),
    )
    runtime: tuple[str, ...] | None = field(
        default=None,
        metadata=rule(
            Kind.TEXTS,
            "A program and its arguments that stays and fetches batches from the Lambda Runtime API, as Lambda's clients "
            "for each language do: existing Lambda code runs as it is.",
            form='a list of texts such as ["python", "-m", "awslambdaric", "app.handler"]',
        ),
    )
    timeout_seconds: int = field(
        default=3,
        metadata=rule(
            Kind.WHOLE,
            "How long one invocation may take; then it is ended and its batch is tried again. Default and bound are Lambda's.",
            unit="seconds",
            low=1,
            high=900,
        ),
    )
    memory_size: int = field(
        default=128,
        metadata=rule(
            Kind.WHOLE,
            "What the handler is told that it has. Nothing enforces it here; default and bounds are Lambda's.",
            unit="MB",
            low=128,
            high=10_240,
        ),
    )
    reserved_concurrency: int | None = field(
        default=None,
        metadata=rule(
            Kind.WHOLE,
            "How many invocations run at once at most, each in an instance of its own; the others wait. Unset, 10: as many "
            "as a shard of a mapping can ask for, and few enough not to fill the machine. 0 throttles the function: nothing "
            "is lost, and its mappings wait.",
            unit="instances",
            low=0,
            high=1000,
        ),
    )
    idle_timeout_seconds: int = field(
        default=600,
        metadata=rule(
            Kind.WHOLE,
            "After how long without an invocation an instance is ended, so that an idle daemon holds no processes. Lambda "
            "keeps them for about as long.",
            unit="seconds",
            low=1,
            high=86_400,
        ),
    )
    environment: Mapping[str, str] = field(
        default_factory=dict,
        metadata=rule(
            Kind.TEXT_TABLE,
            "Variables added to the environment of the handler.",
            names=r"[^=\0]+",
            form='a table of texts such as { STAGE = "test" }',
        ),
    )
    working_directory: Path = field(
        default=Path(),
        metadata=rule(Kind.PATH, "The folder that the handler runs in.", form="the path of a folder"),
    )
    in_process: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Run a Python handler inside the daemon: saves a process and a hop, but it can't be ended when it overruns.",
        ),
    )
    reload_on_change: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "For development: before an invocation, look whether a source file in the working directory has changed, and if "
            "so start the handler anew.",
        ),
    )
    log_invocations: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Log START, END and REPORT of each invocation, as Lambda does. Off, since a busy mapping has many.",
        ),
    )

    def __post_init__(self) -> None:
        """Check the rules of single keys, then those between keys."""
        super().__post_init__()
        python = self.handler if self.runtime is None else None
        if sum(each is not None for each in (python, self.command, self.runtime)) != 1:
            raise SettingsError(
                'expected one of handler = "module:callable", command = ["program", "argument"] and runtime = ["program"]'
            )
        if python is not None and not re.fullmatch(_HANDLER, python):
            raise SettingsError(f'handler = {shown(python)}: expected a text "module:callable"')
        for key, example in (("command", '["sh", "audit.sh"]'), ("runtime", '["node", "runtime.mjs"]')):
            if getattr(self, key) == ():
                raise SettingsError(f"{key} = []: expected a program, such as {example}")
        if self.in_process and python is None:
            raise SettingsError("in_process = true: expected a handler, as a program is always a process of its own")
        if self.reload_on_change and self.command is not None:
            raise SettingsError("reload_on_change = true: a command is started anew for each batch without it")
        if self.reload_on_change and self.in_process:
            raise SettingsError(
                "reload_on_change = true: expected in_process = false, as the daemon can't be started anew"
            )


@dataclass(frozen=True, kw_only=True)
class MappingSettings(Checked):
    """[[mappings]]: which table's stream goes to which function, and how."""

    name: str = field(
        metadata=rule(
            Kind.TEXT,
            "The name that the checkpoint is kept under: a mapping removed and added again goes on where it was.",
            pattern=_NAME,
            form="1 to 64 letters, digits, - and _",
        ),
    )
    table: str = field(
        metadata=rule(
            Kind.TEXT,
            "The table whose stream is read. The mapping waits for it while it does not exist.",
            pattern=_TABLE,
            form="the name of a table: 3 to 255 letters, digits, -, _ and .",
        ),
    )
    function: str = field(
        metadata=rule(
            Kind.TEXT, "The name of a function of this file.", pattern=_NAME, form="the name of a function of this file"
        ),
    )
    starting_position: str = field(
        metadata=rule(
            Kind.TEXT,
            "Where a new mapping begins: at the oldest record kept, or after the last one at the moment it is made.",
            choices=("TRIM_HORIZON", "LATEST"),
        ),
    )
    batch_size: int = field(
        default=100,
        metadata=rule(
            Kind.WHOLE,
            "Most records in one invocation. Default and bound are Lambda's.",
            unit="records",
            low=1,
            high=10_000,
        ),
    )
    maximum_batching_window_in_seconds: int = field(
        default=0,
        metadata=rule(
            Kind.WHOLE,
            "How long to wait for a batch to fill; 0 delivers at once. Default and bound are Lambda's.",
            unit="seconds",
            high=300,
        ),
    )
    filters: tuple[str, ...] = field(
        default=(),
        metadata=rule(
            Kind.JSON_TEXTS,
            "Patterns that decide which records reach the function: those that match one of them. The others are passed "
            "over. `cdc filters test` tries them on records. The language and the bounds are Lambda's.",
            form="a list of at most 10 patterns of at most 4096 characters, each a JSON text or an inline table, such as "
            """['{"eventName": ["INSERT"]}']""",
        ),
    )
    parallelization_factor: int = field(
        default=1,
        metadata=rule(
            Kind.WHOLE,
            "Batches of a shard that may be in flight at a time. Records of one item stay in order, in one of so many "
            "lanes. Default and bound are Lambda's.",
            unit="lanes",
            low=1,
            high=10,
        ),
    )
    maximum_record_age_in_seconds: int = field(
        default=-1,
        metadata=rule(
            Kind.WHOLE,
            "Age from which on a record is given up instead of delivered. Default and bound are Lambda's.",
            unit="seconds",
            low=60,
            high=604_800,
            unlimited=True,
        ),
    )
    maximum_retry_attempts: int = field(
        default=-1,
        metadata=rule(
            Kind.WHOLE,
            "How often a batch that failed is tried again before it is given up and kept as a dead letter. Default and "
            "bound are Lambda's.",
            unit="attempts",
            high=10_000,
            unlimited=True,
        ),
    )
    bisect_batch_on_function_error: bool = field(
        default=False,
        metadata=rule(
            Kind.SWITCH,
            "Try a batch that failed again as two halves, to find the record that it fails at. A split is no retry.",
        ),
    )
    function_response_types: tuple[str, ...] = field(
        default=(),
        metadata=rule(
            Kind.TEXTS,
            "What the function's answer may say: with ReportBatchItemFailures, which records it failed at.",
            choices=("ReportBatchItemFailures",),
            form='a list that is empty or ["ReportBatchItemFailures"]',
        ),
    )
    tumbling_window_in_seconds: int = field(
        default=0,
        metadata=rule(
            Kind.WHOLE,
            "Length of the windows in time by which records are batched, with a state that the function passes on from "
            "batch to batch; 0 is none. Default and bound are Lambda's.",
            unit="seconds",
            high=900,
        ),
    )
    metrics: tuple[str, ...] = field(
        default=(),
        metadata=rule(
            Kind.TEXTS,
            "Which metrics of Lambda's MetricsConfig /metrics has of the mapping.",
            choices=("EventCount",),
            form='a list that is empty or ["EventCount"]',
        ),
    )
    enabled: bool = field(
        default=True,
        metadata=rule(
            Kind.SWITCH, "Whether it delivers. Off keeps the checkpoint, and the records as long as retention does."
        ),
    )
    on_failure: str | None = field(
        default=None,
        metadata=rule(
            Kind.DESTINATION,
            "Where a message about each batch goes that is given up; unset sends none. The path of a file starts at this "
            "file's folder. A message is sent until it arrives: `cdc outbox list` shows how that goes.",
        ),
    )

    def __post_init__(self) -> None:
        """Check the rules of single keys, then those between keys."""
        super().__post_init__()
        if self.tumbling_window_in_seconds and self.parallelization_factor > 1:
            raise SettingsError(
                f"tumbling_window_in_seconds = {self.tumbling_window_in_seconds}: expected 0 with a parallelization_factor "
                "above 1, as a window's state belongs to a whole shard"
            )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that is set. `sources` tells for each dotted key where its value came from."""

    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    retention: RetentionSettings = field(default_factory=RetentionSettings)
    streams: StreamSettings = field(default_factory=StreamSettings)
    destinations: DestinationSettings = field(default_factory=DestinationSettings)
    tables: TableSettings = field(default_factory=TableSettings)
    s3: S3Settings = field(default_factory=S3Settings)
    logging: LoggingSettings = field(default_factory=LoggingSettings)
    functions: tuple[FunctionSettings, ...] = ()
    mappings: tuple[MappingSettings, ...] = ()
    credentials: tuple[CredentialSettings, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Check what holds between tables of an array, and between functions and mappings."""
        for array, part in ARRAYS.items():
            names = [getattr(each, part.name_key) for each in getattr(self, array)]
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                what = part.name_key.replace("_", " ")
                raise SettingsError(f'{array}: two have the {what} "{twice}": expected {what}s that differ')
        functions = [function.name for function in self.functions]
        for mapping in self.mappings:
            if mapping.function not in functions:
                hint = nearest(mapping.function, functions)
                raise SettingsError(
                    f'mappings.{mapping.name}.function = "{mapping.function}": no such function; {hint}'
                )


SECTIONS: dict[str, type[Checked]] = {
    "database": DatabaseSettings,
    "server": ServerSettings,
    "retention": RetentionSettings,
    "streams": StreamSettings,
    "destinations": DestinationSettings,
    "tables": TableSettings,
    "s3": S3Settings,
    "logging": LoggingSettings,
}
ARRAYS: dict[str, type[Checked]] = {
    "functions": FunctionSettings,
    "mappings": MappingSettings,
    "credentials": CredentialSettings,
}


def keys_of(section: type[Checked]) -> dict[str, Field[Any]]:
    """Return the keys of a section by name, in the order they are declared."""
    return {key.name: key for key in fields(section)}  # type: ignore[arg-type]  # every subclass is a dataclass
