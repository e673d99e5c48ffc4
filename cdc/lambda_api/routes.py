"""Which operation a method and a path mean, of all that Lambda has; and those of them that there are here."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, unquote

from cdc.lambda_api import concurrency, functions, mappings, tags, uploads
from cdc.model.lambda_errors import InvalidParameterValueException, UnknownRouteException

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdc.lambda_api.call import Answer, Call, Context

    Operation = Callable[[Call, Context], Answer]

INVOKE = "Invoke"
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "CreateEventSourceMapping": mappings.create_event_source_mapping,
        "GetEventSourceMapping": mappings.get_event_source_mapping,
        "ListEventSourceMappings": mappings.list_event_source_mappings,
        "UpdateEventSourceMapping": mappings.update_event_source_mapping,
        "DeleteEventSourceMapping": mappings.delete_event_source_mapping,
        "GetFunction": functions.get_function,
        "GetFunctionConfiguration": functions.get_function_configuration,
        "ListFunctions": functions.list_functions,
        "ListVersionsByFunction": functions.list_versions_by_function,
        "CreateFunction": uploads.create_function,
        "UpdateFunctionCode": uploads.update_function_code,
        "UpdateFunctionConfiguration": uploads.update_function_configuration,
        "DeleteFunction": uploads.delete_function,
        "PutFunctionConcurrency": concurrency.put_function_concurrency,
        "GetFunctionConcurrency": concurrency.get_function_concurrency,
        "DeleteFunctionConcurrency": concurrency.delete_function_concurrency,
        "ListTags": tags.list_tags,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
    }
)
"""The operations that answer at once; Invoke answers later."""

_ROUTES = """
CreateEventSourceMapping POST /2015-03-31/event-source-mappings
ListEventSourceMappings GET /2015-03-31/event-source-mappings
GetEventSourceMapping GET /2015-03-31/event-source-mappings/{UUID}
UpdateEventSourceMapping PUT /2015-03-31/event-source-mappings/{UUID}
DeleteEventSourceMapping DELETE /2015-03-31/event-source-mappings/{UUID}
Invoke POST /2015-03-31/functions/{FunctionName}/invocations
ListFunctions GET /2015-03-31/functions
CreateFunction POST /2015-03-31/functions
GetFunction GET /2015-03-31/functions/{FunctionName}
DeleteFunction DELETE /2015-03-31/functions/{FunctionName}
GetFunctionConfiguration GET /2015-03-31/functions/{FunctionName}/configuration
UpdateFunctionConfiguration PUT /2015-03-31/functions/{FunctionName}/configuration
UpdateFunctionCode PUT /2015-03-31/functions/{FunctionName}/code
ListTags GET /2017-03-31/tags/{Resource}
TagResource POST /2017-03-31/tags/{Resource}
UntagResource DELETE /2017-03-31/tags/{Resource}
AddLayerVersionPermission POST /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy
AddPermission POST /2015-03-31/functions/{FunctionName}/policy
CheckpointDurableExecution POST /2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint
CreateAlias POST /2015-03-31/functions/{FunctionName}/aliases
CreateCapacityProvider POST /2025-11-30/capacity-providers
CreateCodeSigningConfig POST /2020-04-22/code-signing-configs
CreateFunctionUrlConfig POST /2021-10-31/functions/{FunctionName}/url
DeleteAlias DELETE /2015-03-31/functions/{FunctionName}/aliases/{Name}
DeleteCapacityProvider DELETE /2025-11-30/capacity-providers/{CapacityProviderName}
DeleteCodeSigningConfig DELETE /2020-04-22/code-signing-configs/{CodeSigningConfigArn}
DeleteDurableExecution DELETE /2025-12-01/durable-executions/{DurableExecutionArn}
DeleteFunctionCodeSigningConfig DELETE /2020-06-30/functions/{FunctionName}/code-signing-config
DeleteFunctionConcurrency DELETE /2017-10-31/functions/{FunctionName}/concurrency
DeleteFunctionEventInvokeConfig DELETE /2019-09-25/functions/{FunctionName}/event-invoke-config
DeleteFunctionUrlConfig DELETE /2021-10-31/functions/{FunctionName}/url
DeleteLayerVersion DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}
DeleteProvisionedConcurrencyConfig DELETE /2019-09-30/functions/{FunctionName}/provisioned-concurrency
DeleteResourcePolicy DELETE /2026-07-09/resource-policy/{ResourceArn}
GetAccountSettings GET /2016-08-19/account-settings
GetAlias GET /2015-03-31/functions/{FunctionName}/aliases/{Name}
GetCapacityProvider GET /2025-11-30/capacity-providers/{CapacityProviderName}
GetCodeSigningConfig GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}
GetDurableExecution GET /2025-12-01/durable-executions/{DurableExecutionArn}
GetDurableExecutionHistory GET /2025-12-01/durable-executions/{DurableExecutionArn}/history
GetDurableExecutionState GET /2025-12-01/durable-executions/{DurableExecutionArn}/state
GetFunctionCodeSigningConfig GET /2020-06-30/functions/{FunctionName}/code-signing-config
GetFunctionConcurrency GET /2019-09-30/functions/{FunctionName}/concurrency
GetFunctionEventInvokeConfig GET /2019-09-25/functions/{FunctionName}/event-invoke-config
GetFunctionRecursionConfig GET /2024-08-31/functions/{FunctionName}/recursion-config
GetFunctionScalingConfig GET /2025-11-30/functions/{FunctionName}/function-scaling-config
GetFunctionUrlConfig GET /2021-10-31/functions/{FunctionName}/url
GetLayerVersion GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}
GetLayerVersionPolicy GET /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy
GetPolicy GET /2015-03-31/functions/{FunctionName}/policy
GetProvisionedConcurrencyConfig GET /2019-09-30/functions/{FunctionName}/provisioned-concurrency
GetResourcePolicy GET /2026-07-09/resource-policy/{ResourceArn}
GetRuntimeManagementConfig GET /2021-07-20/functions/{FunctionName}/runtime-management-config
InvokeAsync POST /2014-11-13/functions/{FunctionName}/invoke-async
InvokeWithResponseStream POST /2021-11-15/functions/{FunctionName}/response-streaming-invocations
ListAliases GET /2015-03-31/functions/{FunctionName}/aliases
ListCapacityProviders GET /2025-11-30/capacity-providers
ListCodeSigningConfigs GET /2020-04-22/code-signing-configs
ListDurableExecutionsByFunction GET /2025-12-01/functions/{FunctionName}/durable-executions
ListFunctionEventInvokeConfigs GET /2019-09-25/functions/{FunctionName}/event-invoke-config/list
ListFunctionUrlConfigs GET /2021-10-31/functions/{FunctionName}/urls
ListFunctionVersionsByCapacityProvider GET /2025-11-30/capacity-providers/{CapacityProviderName}/function-versions
ListFunctionsByCodeSigningConfig GET /2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions
ListLayerVersions GET /2018-10-31/layers/{LayerName}/versions
ListLayers GET /2018-10-31/layers
ListVersionsByFunction GET /2015-03-31/functions/{FunctionName}/versions
PauseDurableExecution POST /2025-12-01/durable-executions/{DurableExecutionArn}/pause
PublishLayerVersion POST /2018-10-31/layers/{LayerName}/versions
PublishVersion POST /2015-03-31/functions/{FunctionName}/versions
PutFunctionCodeSigningConfig PUT /2020-06-30/functions/{FunctionName}/code-signing-config
PutFunctionConcurrency PUT /2017-10-31/functions/{FunctionName}/concurrency
PutFunctionEventInvokeConfig PUT /2019-09-25/functions/{FunctionName}/event-invoke-config
PutFunctionRecursionConfig PUT /2024-08-31/functions/{FunctionName}/recursion-config
PutFunctionScalingConfig PUT /2025-11-30/functions/{FunctionName}/function-scaling-config
PutProvisionedConcurrencyConfig PUT /2019-09-30/functions/{FunctionName}/provisioned-concurrency
PutResourcePolicy PUT /2026-07-09/resource-policy/{ResourceArn}
PutRuntimeManagementConfig PUT /2021-07-20/functions/{FunctionName}/runtime-management-config
RemoveLayerVersionPermission DELETE /2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}
RemovePermission DELETE /2015-03-31/functions/{FunctionName}/policy/{StatementId}
ResumeDurableExecution POST /2025-12-01/durable-executions/{DurableExecutionArn}/resume
SendDurableExecutionCallbackFailure POST /2025-12-01/durable-execution-callbacks/{CallbackId}/fail
SendDurableExecutionCallbackHeartbeat POST /2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat
SendDurableExecutionCallbackSuccess POST /2025-12-01/durable-execution-callbacks/{CallbackId}/succeed
StopDurableExecution POST /2025-12-01/durable-executions/{DurableExecutionArn}/stop
UpdateAlias PUT /2015-03-31/functions/{FunctionName}/aliases/{Name}
UpdateCapacityProvider PUT /2025-11-30/capacity-providers/{CapacityProviderName}
UpdateCodeSigningConfig PUT /2020-04-22/code-signing-configs/{CodeSigningConfigArn}
UpdateFunctionEventInvokeConfig POST /2019-09-25/functions/{FunctionName}/event-invoke-config
UpdateFunctionUrlConfig PUT /2021-10-31/functions/{FunctionName}/url
"""
"""Operations with their methods and paths, as in the model of the service."""


class Route(NamedTuple):
    """An operation, and where it is."""

    operation: str
    method: str
    path: re.Pattern[str]


class Target(NamedTuple):
    """What a request asks for."""

    operation: str
    path: dict[str, str]  # the members that the path holds
    query: dict[str, list[str]]


def find(method: str, target: str) -> Target:
    """Find the operation that a request asks for.

    Raises: UnknownRouteException; InvalidParameterValueException for an operation of Lambda's that is not here.
    """
    path, _, query = target.partition("?")
    path = path.rstrip("/")
    for route in ROUTES:
        if route.method == method and (match := route.path.fullmatch(path)) is not None:
            if route.operation not in OPERATIONS and route.operation != INVOKE:
                raise InvalidParameterValueException(f"{route.operation} is not supported by this version of cdc")
            members = {name: unquote(value) for name, value in match.groupdict().items()}
            return Target(route.operation, members, parse_qs(query, keep_blank_values=True))
    raise UnknownRouteException(f"No operation of Lambda has the method {method} and the path {path}")


def _routes() -> tuple[Route, ...]:
    routes = []
    for line in _ROUTES.split("\n"):
        if line:
            operation, method, path = line.split()
            routes.append(Route(operation, method, re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))))
    return tuple(routes)


ROUTES = _routes()
