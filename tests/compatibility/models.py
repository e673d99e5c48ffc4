"""How far each operation of the SDK's own model goes here, found by walking model and request shapes side by side."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import botocore.session

from cdc.model.constraints import Kind, ListOf, MapOf
from cdc.model.errors import ServiceError
from cdc.model.request_shapes import Shape, Structure, Unsupported
from cdc.service.operations import STREAMS, TABLES, TARGETS, find_operation

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICES = {"dynamodb": TABLES, "dynamodbstreams": STREAMS}
"""The SDK's names of the services, with what their targets begin with."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of a service's model."""

    service: str
    name: str
    refusal: str | None  # code and message, of one that is refused whatever it asks
    refused_members: tuple[str, ...] = ()  # such as `TableCreationParameters.VectorIndexes`
    ignored_members: tuple[str, ...] = ()  # of which the request's shape knows nothing: there must be none


def operations() -> list[Operation]:
    """List the operations of all services, each service's in the order of their names."""
    shapes, session = request_shapes(), botocore.session.get_session()
    found = []
    for service, prefix in SERVICES.items():
        model = session.get_service_model(service)
        for name in sorted(model.operation_names):
            if f"{prefix}.{name}" in TARGETS:
                shape = model.operation_model(name).input_shape
                found.append(_working(service, name, shapes[name], shape))
            else:
                found.append(Operation(service=service, name=name, refusal=_refusal(f"{prefix}.{name}")))
    return found


def request_shapes() -> dict[str, Shape]:
    """Find the shape of each operation's request, in whichever module it stands."""
    modules = [module for name, module in sys.modules.items() if name.startswith("cdc.")]
    values = (value for module in modules for value in vars(module).values())
    return {value.operation: value for value in values if isinstance(value, Shape)}


def _refusal(target: str) -> str:
    try:
        find_operation(target)
    except ServiceError as error:
        return f"{error.code}: {error.message}"
    raise AssertionError(f"{target} is refused and yet found")


def _working(service: str, name: str, ours: Shape, theirs: Any) -> Operation:
    members = list(_differences(ours.structure, theirs, ""))
    return Operation(
        service=service,
        name=name,
        refusal=None,
        refused_members=tuple(path for path, ignored in members if not ignored),
        ignored_members=tuple(path for path, ignored in members if ignored),
    )


def _differences(ours: Kind, theirs: Any, path: str) -> Iterator[tuple[str, bool]]:
    """Yield the members of the model that are refused, and those that are ignored, by their paths."""
    if isinstance(ours, Structure):
        known = {member.name: member.kind for member in ours.members}
        for name, shape in theirs.members.items():
            place = f"{path}.{name}".lstrip(".")
            if name not in known or isinstance(known[name], Unsupported):
                yield place, name not in known
            else:
                yield from _differences(known[name], shape, place)
    elif isinstance(ours, ListOf):
        yield from _differences(ours.kind, theirs.member, path)
    elif isinstance(ours, MapOf):
        yield from _differences(ours.kind, theirs.value, path)
