"""No request, whatever its members hold, makes a check fail with anything but the service's errors."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from cdc.model.errors import ServiceError
from cdc.model.options import Options
from cdc.model.request_shapes import Shape
from cdc.tables import shapes
from cdc.tables.definitions import create_table, update_table

SHAPES = [value for value in vars(shapes).values() if isinstance(value, Shape)]
WORDS = ["", "a", "a b", "flights", "HASH", "S", "PROVISIONED", "PAY_PER_REQUEST", "KEYS_ONLY"]
MEMBERS = ["AttributeName", "KeyType", "AttributeType", "StreamEnabled", "StreamViewType", "Keys", "PutRequest", "Item"]
SCALARS = st.none() | st.booleans() | st.sampled_from([-1, 0, 1, 2.5, 10**13]) | st.sampled_from(WORDS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS) | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def requests(draw):
    shape = draw(st.sampled_from(SHAPES))
    names = [member.name for member in shape.structure.members]
    request = draw(st.dictionaries(st.sampled_from(names), VALUES))
    if draw(st.booleans()):
        request["TableName"] = "flights"
    return shape, request


@given(requests())
def test_a_check_passes_or_raises_a_services_error(drawn):
    shape, request = drawn
    with suppress(ServiceError):
        shape.check(request)
        if shape is shapes.CREATE_TABLE:
            create_table(request, Options())
        if shape is shapes.UPDATE_TABLE:
            update_table(request, Options())
