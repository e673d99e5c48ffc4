"""The requests of the PartiQL operations: members and bounds of the service's model."""

from __future__ import annotations

from cdc.model.constraints import AttributeValueOf, Boolean, Enum, Integer, ListOf, String
from cdc.model.request_shapes import Member, Shape, Structure
from cdc.tables.shapes import MAX_ACTIONS

_STATEMENT = Member("Statement", String(1, 8192), required=True)
_PARAMETERS = Member("Parameters", ListOf(AttributeValueOf(), 1))
_CONSISTENT = Member("ConsistentRead", Boolean())
_CAPACITY = Member("ReturnConsumedCapacity", Enum("INDEXES", "TOTAL", "NONE"))
_ON_FAILURE = Member("ReturnValuesOnConditionCheckFailure", Enum("ALL_OLD", "NONE"))

EXECUTE_STATEMENT = Shape(
    "ExecuteStatement",
    _STATEMENT,
    _PARAMETERS,
    _CONSISTENT,
    Member("NextToken", String(1, 32_768)),
    _CAPACITY,
    Member("Limit", Integer(1)),
    _ON_FAILURE,
)
EXECUTE_TRANSACTION = Shape(
    "ExecuteTransaction",
    Member(
        "TransactStatements",
        ListOf(Structure("ParameterizedStatement", _STATEMENT, _PARAMETERS, _ON_FAILURE), 1, MAX_ACTIONS),
        required=True,
    ),
    Member("ClientRequestToken", String(1, 36)),
    _CAPACITY,
)
BATCH_EXECUTE_STATEMENT = Shape(
    "BatchExecuteStatement",
    Member(
        "Statements",
        ListOf(Structure("BatchStatementRequest", _STATEMENT, _PARAMETERS, _CONSISTENT, _ON_FAILURE), 1, 25),
        required=True,
    ),
    _CAPACITY,
)
