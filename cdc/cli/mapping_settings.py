"""`cdc mappings show|create|update|delete`: mappings and their settings, as over the Lambda API."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import open_file
from cdc.cli.errors import CommandError
from cdc.cli.options import with_settings
from cdc.settings import MappingSettings
from cdc.settings.rules import rule_of
from cdc.settings.sections import keys_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.lambda_api.call import Context
    from cdc.service import Service
    from cdc.settings import Settings

_NUMBERS = {
    "batch_size": "BatchSize",
    "maximum_batching_window_in_seconds": "MaximumBatchingWindowInSeconds",
    "parallelization_factor": "ParallelizationFactor",
    "maximum_record_age_in_seconds": "MaximumRecordAgeInSeconds",
    "maximum_retry_attempts": "MaximumRetryAttempts",
    "tumbling_window_in_seconds": "TumblingWindowInSeconds",
}
_SWITCHES = {"enabled": "Enabled", "bisect_batch_on_function_error": "BisectBatchOnFunctionError"}
_KEYS = keys_of(MappingSettings)


def _setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting, and pass what they come to as `body`, the members of a Lambda request."""

    @functools.wraps(function)
    def run(
        *args: Any,
        report_batch_item_failures: bool | None,
        event_count: bool | None,
        filters: tuple[str, ...],
        no_filters: bool,
        on_failure: str | None,
        **rest: Any,
    ) -> Any:
        named = {name: rest.pop(name) for name in (*_NUMBERS, *_SWITCHES)}
        body = {(_NUMBERS | _SWITCHES)[name]: value for name, value in named.items() if value is not None}
        if report_batch_item_failures is not None:
            body["FunctionResponseTypes"] = ["ReportBatchItemFailures"] if report_batch_item_failures else []
        if event_count is not None:
            body["MetricsConfig"] = {"Metrics": ["EventCount"] if event_count else []}
        if filters or no_filters:
            body["FilterCriteria"] = {"Filters": [{"Pattern": pattern} for pattern in filters]}
        if on_failure is not None:
            body["DestinationConfig"] = {"OnFailure": {"Destination": on_failure} if on_failure else {}}
        return function(*args, body=body, **rest)

    options = [
        *(click.option(_flag(name), type=int, help=_help(name)) for name in _NUMBERS),
        *(
            click.option(f"{_flag(name)}/--no-{name.replace('_', '-')}", default=None, help=_help(name))
            for name in _SWITCHES
        ),
        click.option(
            "--report-batch-item-failures/--no-report-batch-item-failures",
            default=None,
            help="Whether the function's answer says which records it failed at.",
        ),
        click.option("--event-count/--no-event-count", default=None, help="Whether /metrics has the event counts."),
        click.option("--filter", "filters", multiple=True, metavar="JSON", help="A pattern; may be given ten times."),
        click.option("--no-filters", is_flag=True, help="Deliver every record."),
        click.option(
            "--on-failure", metavar="TEXT", help="Where a message about each batch goes that is given up; '': none."
        ),
    ]
    for option in reversed(options):
        run = option(run)
    return run


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _help(name: str) -> str:
    rule = rule_of(_KEYS[name])
    return f"{rule.help.partition('. ')[0].rstrip('.')}: {rule.right}."


@click.command("show")
@click.argument("name")
@with_settings
def show(name: str, settings: Settings) -> None:
    """Print a mapping with all its settings, as Lambda's GetEventSourceMapping does: JSON.

    \b
    Example:
      cdc mappings show audit | jq .MaximumRetryAttempts
    """  # noqa: D301
    with open_file(settings) as service:
        _print(_call("GetEventSourceMapping", service, settings, name))


@click.command("create")
@click.option(
    "--table", required=True, metavar="NAME", help="The table whose stream is read: the one that is enabled now."
)
@click.option("--function", "function_name", required=True, metavar="NAME", help="The function to invoke.")
@click.option(
    "--starting-position",
    type=click.Choice(["TRIM_HORIZON", "LATEST"]),
    required=True,
    help="At the oldest record kept, or after the last one there is now.",
)
@_setting_options
@with_settings
def create(table: str, function_name: str, starting_position: str, body: dict[str, Any], settings: Settings) -> None:
    """Create a mapping that lives in the file, as Lambda's CreateEventSourceMapping does; print it as JSON.

    It is named by its UUID. One in the configuration has a name of its own, and follows its table to another stream.

    \b
    Example:
      cdc mappings create --table orders --function audit --starting-position LATEST --batch-size 10
    """  # noqa: D301
    with open_file(settings) as service:
        arn = service.describe_table(TableName=table)["Table"].get("LatestStreamArn")
        if arn is None:
            raise CommandError(f"table {table} has no stream: enable it first, with UpdateTable")
        body |= {"EventSourceArn": arn, "FunctionName": function_name, "StartingPosition": starting_position}
        created = _call("CreateEventSourceMapping", service, settings, body=body)
        _print(_call("GetEventSourceMapping", service, settings, created["UUID"]))


@click.command("update")
@click.argument("name")
@click.option("--function", "function_name", metavar="NAME", help="Another function to invoke.")
@_setting_options
@with_settings
def update(name: str, function_name: str | None, body: dict[str, Any], settings: Settings) -> None:
    """Change settings of a mapping that lives in the file; print it as JSON. What isn't named stays.

    Mappings of the configuration are changed there. NAME is the UUID that `list` shows.

    \b
    Examples:
      cdc mappings update 3b241101-e2bb-4255-8caf-4136c566a962 --batch-size 50 --maximum-retry-attempts 3
      cdc mappings update 3b241101-e2bb-4255-8caf-4136c566a962 --filter '{"eventName": ["INSERT"]}'
    """  # noqa: D301
    if function_name is not None:
        body["FunctionName"] = function_name
    if not body:
        raise click.UsageError("Name a setting to change.")
    with open_file(settings) as service:
        _call("UpdateEventSourceMapping", service, settings, name, body)
        _print(_call("GetEventSourceMapping", service, settings, name))


@click.command("delete")
@click.argument("name")
@with_settings
def delete(name: str, settings: Settings) -> None:
    """Delete a mapping that lives in the file, with its checkpoints; its dead letters stay.

    \b
    Example:
      cdc mappings delete 3b241101-e2bb-4255-8caf-4136c566a962
    """  # noqa: D301
    with open_file(settings) as service:
        _call("DeleteEventSourceMapping", service, settings, name)
    click.echo(f"deleted {name}")


COMMANDS = (show, create, update, delete)


def _call(
    operation: str, service: Service, settings: Settings, name: str | None = None, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Run an operation of the Lambda API on the file."""
    from cdc.lambda_api.call import Call  # noqa: PLC0415  # only these commands need it
    from cdc.lambda_api.routes import OPERATIONS  # noqa: PLC0415
    from cdc.service.control import find_mapping  # noqa: PLC0415

    path = {} if name is None else {"UUID": find_mapping(service, name).uuid}
    call = Call(path=path, query={}, headers={}, body=json.dumps(body or {}).encode(), request_id="")
    answer = OPERATIONS[operation](call, _context(service, settings)).body
    assert isinstance(answer, dict)
    return answer


def _context(service: Service, settings: Settings) -> Context:
    from cdc.lambda_api.call import Context  # noqa: PLC0415
    from cdc.lambda_api.definitions import code_folder_of  # noqa: PLC0415
    from cdc.lambda_api.directory import Directory  # noqa: PLC0415
    from cdc.service.configuration import definition_of  # noqa: PLC0415
    from cdc.service.core import new_id  # noqa: PLC0415

    folder = code_folder_of(service.path)
    directory = Directory(service.database, folder, None)
    directory.configure(map(definition_of, settings.functions), {})
    return Context(
        service=service,
        directory=directory,
        functions=None,
        code_folder=folder,
        allow_upload=False,
        new_id=new_id,
        mappings_changed=_nothing,
        functions_changed=_nothing,
        invocation_added=_nothing,
    )


def _nothing() -> None:
    """Tell nobody: a running process that delivers looks at the file itself."""


def _print(mapping: dict[str, Any]) -> None:
    click.echo(json.dumps(mapping, indent=2, ensure_ascii=False))
