"""What a function's process finds in its environment: the daemon's own, Lambda's variables, the function's."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cdc.functions.runner import MEMORY_LIMIT_MB

if TYPE_CHECKING:
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition


def log_group_name(definition: FunctionDefinition) -> str:
    """Return the name that CloudWatch would give the function's logs."""
    return f"/aws/lambda/{definition.name}"


def log_stream_name(now_ms: int) -> str:
    """Return a new name for the logs of one instance."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{day:%Y/%m/%d}/[$LATEST]{uuid.uuid4().hex}"


def environment_of(definition: FunctionDefinition, surroundings: Surroundings) -> dict[str, str]:
    """Build the environment of one process; the names that Lambda reserves win, a region of the user's own too."""
    region = surroundings.options.region
    reserved = {
        "AWS_LAMBDA_FUNCTION_NAME": definition.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": MEMORY_LIMIT_MB,
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group_name(definition),
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream_name(surroundings.clock.now_ms()),
        "LAMBDA_TASK_ROOT": os.fspath(definition.working_directory),
        "_HANDLER": definition.handler or " ".join(definition.command or ()),
    }
    return {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, **os.environ, **definition.environment, **reserved}
