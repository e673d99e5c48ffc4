"""The shapes agree with the service's model, as botocore ships it."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from cdc.model.constraints import Enum, Integer, Kind, String, Timestamp
from cdc.model.request_shapes import Shape, Structure
from cdc.streams import shapes

SHAPES = [value for value in vars(shapes).values() if isinstance(value, Shape)]


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.get_session().get_service_model("dynamodbstreams")


def agree(kind: Kind, theirs: Any) -> None:
    match kind:
        case Structure():
            assert {member.name for member in kind.members} == set(theirs.members)
            for member in kind.members:
                agree(member.kind, theirs.members[member.name])
        case Enum():
            assert set(kind.words) == set(theirs.metadata["enum"])
        case String():
            bounds = (theirs.metadata.get("min", 0), theirs.metadata.get("max"))
            assert (theirs.type_name, kind.minimum, kind.maximum) == ("string", *bounds)
        case Integer():  # the upper bounds are the server's
            assert (theirs.type_name, kind.minimum) == ("integer", theirs.metadata["min"])
        case _:
            assert (theirs.type_name, type(kind)) == ("timestamp", Timestamp)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.operation)
def test_a_shape_knows_every_member_of_the_services_model_and_its_bounds(shape, model):
    theirs = model.operation_model(shape.operation).input_shape
    agree(shape.structure, theirs)
    required = {member.name for member in shape.structure.members if member.required}
    assert required == set(theirs.required_members)


def test_there_is_a_shape_for_each_operation(model):
    assert {shape.operation for shape in SHAPES} == set(model.operation_names)
