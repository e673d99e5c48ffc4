"""DynamoDB expressions: text to syntax tree to evaluation. Pure."""

from __future__ import annotations

from cdc.expressions.condition import Condition, bind_condition
from cdc.expressions.key_condition import TABLE_CONDITIONS, KeyCondition, KeyRange, bind_key_condition
from cdc.expressions.legacy_condition import bind_conditions, bind_key_conditions, parse_conditions, parse_expected
from cdc.expressions.legacy_update import bind_attribute_updates
from cdc.expressions.paths import DocumentPath
from cdc.expressions.projection import Projection, bind_projection, project_attributes
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
    "bind_attribute_updates",
    "bind_condition",
    "bind_conditions",
    "bind_key_condition",
    "bind_key_conditions",
    "bind_projection",
    "bind_update",
    "parse_conditions",
    "parse_expected",
    "project_attributes",
    "refuse_mixed_parameters",
]
