"""How a function is read back (Lambda: FunctionConfiguration)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cdc.model.arns import function_arn
from cdc.model.function_names import LATEST_VERSION
from cdc.model.functions import log_group_name
from cdc.model.uploads import EPHEMERAL_STORAGE_MB

if TYPE_CHECKING:
    from cdc.lambda_api.call import Body
    from cdc.model.functions import FunctionDefinition, FunctionDescription
    from cdc.model.options import Options
    from cdc.model.uploads import UploadedFunction

ROLE = "arn:aws:iam::{account}:role/cdc"
"""Told of functions of the configuration, as every function has one in Lambda. There are no roles here."""
BEING_CREATED = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
BEING_UPDATED = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
"""What answers to changes say; by the time that they are read, the change is in force."""


def uploaded_configuration(function: UploadedFunction, options: Options, state: Body) -> Body:
    """Describe a function that was made over the API; `state` is what `state_of` tells, or one of the above."""
    settings, code = function.settings, function.code
    variables = settings.environment
    return {
        "FunctionName": function.name,
        "FunctionArn": function_arn(options, function.name),
        "Runtime": settings.runtime,
        "Role": settings.role,
        "Handler": settings.handler,
        "CodeSize": code.size_bytes,
        "Description": settings.description,
        "Timeout": settings.timeout,
        "MemorySize": settings.memory_size,
        "LastModified": _moment(function.modified_ms),
        "CodeSha256": code.sha256,
        "Version": LATEST_VERSION,
        **({} if variables is None else {"Environment": {"Variables": dict(variables)}}),
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        **state,
        "PackageType": "Zip",
        "Architectures": list(settings.architectures),
        "EphemeralStorage": {"Size": settings.ephemeral_storage},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group_name(function.name)},
    }


def declared_configuration(definition: FunctionDefinition, modified_ms: int, options: Options, state: Body) -> Body:
    """Describe a function of the configuration. It has no runtime of Lambda's, so `provided` stands for all."""
    variables = dict(definition.environment)
    return {
        "FunctionName": definition.name,
        "FunctionArn": function_arn(options, definition.name),
        "Runtime": "provided",
        "Role": ROLE.format(account=options.account_id),
        "Handler": definition.handler or " ".join(definition.program),
        "CodeSize": 0,
        "Description": "declared in the configuration",
        "Timeout": definition.timeout_seconds,
        "MemorySize": definition.memory_size,
        "LastModified": _moment(modified_ms),
        "CodeSha256": "",
        "Version": LATEST_VERSION,
        **({"Environment": {"Variables": variables}} if variables else {}),
        "TracingConfig": {"Mode": "PassThrough"},
        **state,
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": EPHEMERAL_STORAGE_MB},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": log_group_name(definition.name)},
    }


def state_of(description: FunctionDescription | None) -> Body:
    """Tell how a function is; None: it runs in another process, which is not asked."""
    if description is None or not description.start_error:
        return {"State": "Active", "LastUpdateStatus": "Successful"}
    return {
        "State": description.state,
        "StateReason": description.start_error,
        "StateReasonCode": "FunctionError",
        "LastUpdateStatus": "Successful",
    }


def _moment(ms: int) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}+0000"
