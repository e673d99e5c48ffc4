"""What may stand in requests that make and change functions (Lambda: CreateFunction, UpdateFunctionCode, …)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cdc.lambda_api.checks import Anything, Listed, Pairs, Structure, Switch, Text, Whole
from cdc.lambda_api.mapping_shapes import TAGS
from cdc.model.functions import MEMORY_SIZE_MAX, MEMORY_SIZE_MIN, TIMEOUT_SECONDS_MAX
from cdc.model.lambda_errors import InvalidParameterValueException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.lambda_api.call import Body
    from cdc.lambda_api.checks import Kind

ENVIRONMENT_BYTES_MAX = 4096
"""Lambda's bound for names and values together."""
NAME = Text(
    1,
    140,
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
)
SHORT_NAME = Text(1, 64)
"""Of the name alone, without what may stand before and behind it."""
_BASE64 = Text(1)
_VARIABLE = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
_RESERVED = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_LAMBDA_MAX_CONCURRENCY"),
    }
)
"""Variables that no function may set (spec: lambda-runtime-api, 5)."""

_CONFIGURATION: dict[str, Kind] = {
    "Runtime": Text(1),
    "Role": Text(0, 10_000, r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"),
    "Handler": Text(0, 128, r"[^\s]+"),
    "Description": Text(0, 256),
    "Timeout": Whole(1, TIMEOUT_SECONDS_MAX),
    "MemorySize": Whole(MEMORY_SIZE_MIN, MEMORY_SIZE_MAX),
    "Environment": Structure({"Variables": Pairs(Text(1), Text())}),
    "EphemeralStorage": Structure({"Size": Whole(512, 10_240)}, frozenset({"Size"})),
}
_CODE: dict[str, Kind] = {
    "ZipFile": _BASE64,
    "S3Bucket": Text(3, 63, r"[0-9A-Za-z\.\-_]*(?<!\.)"),
    "S3Key": Text(1, 1024),
}
_UNSUPPORTED: Mapping[str, object] = MappingProxyType(
    {
        **dict.fromkeys(("Publish", "PublishTo", "KMSKeyArn", "Layers", "FileSystemConfigs", "CodeSigningConfigArn")),
        **dict.fromkeys(("ImageConfig", "TenancyConfig", "CapacityProviderConfig", "DurableConfig", "RuntimeConfig")),
        **dict.fromkeys(("AcceleratorConfig", "S3ObjectVersion", "ImageUri", "SourceKMSKeyArn")),
        "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
        "DeadLetterConfig": {"TargetArn": ""},
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None"},
        "LoggingConfig": {"LogFormat": "Text"},
        "PackageType": "Zip",
        "S3ObjectStorageMode": "COPY",
    }
)
"""Members that cdc refuses, with the value, besides none and nothing, that asks for what it does anyway."""
_OTHERS: dict[str, Kind] = dict.fromkeys(_UNSUPPORTED, Anything())
_ARCHITECTURES = Listed(Text(choices=("x86_64", "arm64")), 1, 1)

CREATE = Structure(
    MappingProxyType(
        {
            "FunctionName": NAME,
            "Code": Structure(MappingProxyType({**_CODE, **_OTHERS})),
            "Tags": TAGS,
            "Architectures": _ARCHITECTURES,
            **_CONFIGURATION,
            **_OTHERS,
        }
    ),
    frozenset({"FunctionName", "Role", "Code"}),
)
UPDATE_CONFIGURATION = Structure(MappingProxyType({**_CONFIGURATION, "RevisionId": Text(), **_OTHERS}))
UPDATE_CODE = Structure(
    MappingProxyType({**_CODE, "Architectures": _ARCHITECTURES, "DryRun": Switch(), "RevisionId": Text(), **_OTHERS})
)


def refuse_unsupported(body: Body) -> None:
    """Refuse what a function can't have here. Raises: InvalidParameterValueException."""
    for name, harmless in _UNSUPPORTED.items():
        value = body.get(name)
        if value and value != harmless and not _asks_for_no_more(value, harmless):
            raise InvalidParameterValueException(f"{name} is not supported by cdc: leave it out")


def check_environment(variables: Mapping[str, str]) -> None:
    """Refuse variables that Lambda refuses. Raises: InvalidParameterValueException."""
    prefix = (
        "Lambda was unable to configure your environment variables because the environment variables you have provided"
    )
    reserved = sorted(variables.keys() & _RESERVED)
    if reserved:
        raise InvalidParameterValueException(
            f"{prefix} contains reserved keys that are currently not supported for modification. Reserved keys used in this "
            f"request: {', '.join(reserved)}"
        )
    wrong = next((name for name in variables if _VARIABLE.fullmatch(name) is None), None)
    if wrong is not None:
        raise InvalidParameterValueException(
            f"The environment variable {wrong!r} has a name that none can have: expected letters, digits and _ after a "
            "letter, two characters at least"
        )
    if any("\0" in value for value in variables.values()):
        raise InvalidParameterValueException("An environment variable can't hold a NUL character")
    size = sum(len(name.encode()) + len(value.encode()) for name, value in variables.items())
    if size > ENVIRONMENT_BYTES_MAX:
        raise InvalidParameterValueException(f"{prefix} exceeded the 4KB limit. Bytes measured: {size}")


def _asks_for_no_more(value: Any, harmless: object) -> bool:
    """Tell whether all members of an object are empty, or as they are in the harmless one."""
    if not isinstance(value, dict) or not isinstance(harmless, dict):
        return False
    return all(not each or each == harmless.get(name) for name, each in value.items())
