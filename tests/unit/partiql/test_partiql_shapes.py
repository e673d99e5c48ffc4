"""The shapes of the PartiQL operations agree with the service's model, as botocore ships it."""

from __future__ import annotations

import botocore.session
import pytest

from cdc.model.request_shapes import Shape
from cdc.partiql import shapes
from tests.unit.tables.test_shapes import agree

SHAPES = [value for value in vars(shapes).values() if isinstance(value, Shape)]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.operation)
def test_a_shape_knows_every_member_of_the_services_model_and_its_bounds(shape):
    model = botocore.session.get_session().get_service_model("dynamodb")
    agree(shape.structure, model.operation_model(shape.operation).input_shape)
    assert {shape.operation for shape in SHAPES} >= {"ExecuteStatement", "BatchExecuteStatement"}
