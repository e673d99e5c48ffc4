"""What a function's process finds in its environment: the daemon's own, Lambda's variables, the function's."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cdc.model.app_id import VARIABLE as APP_ID_VARIABLE
from cdc.model.app_id import app_id_of
from cdc.model.functions import log_group_name

if TYPE_CHECKING:
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition


_LAMBDAS = ("AWS_LAMBDA_", "_LAMBDA_", "LAMBDA_", "_HANDLER", "_X_AMZN_")
"""How names begin that mean something to a runtime client; some switch it to modes for which nothing is here."""


def log_stream_name(now_ms: int) -> str:
    """Return a new name for the logs of one instance."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{day:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"


def environment_of(definition: FunctionDefinition, surroundings: Surroundings) -> dict[str, str]:
    """Build the environment of one process (Lambda: reserved and unreserved variables).

    The names that Lambda reserves win; its region, time zone and the like give way to the daemon's own environment and
    to the function's. What the daemon itself has of Lambda's names is of no concern to a function.
    """
    region = surroundings.options.region
    unreserved = {
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",  # else X-Ray's SDK raises, as nobody has begun a segment
        "TZ": ":UTC",
        # By which the API knows what a function writes, for the self-trigger guard.
        APP_ID_VARIABLE: app_id_of(definition.name),
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_LAMBDAS)}
    folder = os.fspath(definition.working_directory)
    reserved = {
        "AWS_LAMBDA_FUNCTION_NAME": definition.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(definition.memory_size),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group_name(definition.name),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(surroundings.clock.now_ms()),
        "LAMBDA_TASK_ROOT": folder,
        "LAMBDA_RUNTIME_DIR": folder,
        "_HANDLER": handler_of(definition),
    }
    if definition.reload_on_change:
        # Compiled files tell a change by whole seconds and size: two edits within a second would look like one.
        reserved["PYTHONDONTWRITEBYTECODE"] = "1"
    return {**unreserved, **inherited, **surroundings.environment, **definition.environment, **reserved}


def handler_of(definition: FunctionDefinition) -> str:
    """Return what `_HANDLER` says; the last argument of a runtime is its handler, as of `python -m awslambdaric a.b`."""
    if definition.handler is not None:
        return definition.handler if definition.runtime is not None else definition.handler.replace(":", ".")
    return " ".join(definition.command or definition.program[-1:])
