"""DynamoDB expressions: text to syntax tree to evaluation. Pure."""

from __future__ import annotations

from cdc.expressions.condition import Condition, bind_condition
from cdc.expressions.key_condition import TABLE_CONDITIONS, KeyCondition, KeyRange, bind_key_condition
from cdc.expressions.paths import DocumentPath
from cdc.expressions.projection import Projection, bind_projection
from cdc.expressions.substitutions import Substitutions, refuse_mixed_parameters
from cdc.expressions.update import Update, bind_update

__all__ = [
    "TABLE_CONDITIONS",
    "Condition",
    "DocumentPath",
    "KeyCondition",
    "KeyRange",
    "Projection",
    "Substitutions",
    "Update",
    "bind_condition",
    "bind_key_condition",
    "bind_projection",
    "bind_update",
    "refuse_mixed_parameters",
]
