"""Errors of operands that conditions and updates word alike."""

from __future__ import annotations

from cdc.expressions.syntax import InvalidExpressionError


def wrong_type(operator: str, kind: str) -> InvalidExpressionError:
    """Build the error of an operand whose type an operator or function does not take."""
    return InvalidExpressionError(
        f"Incorrect operand type for operator or function; operator or function: {operator}, operand type: {kind}"
    )


def wrong_count(operator: str, count: int) -> InvalidExpressionError:
    """Build the error of an operator or function with too few or too many operands."""
    return InvalidExpressionError(
        "Incorrect number of operands for operator or function; "
        f"operator or function: {operator}, number of operands: {count}"
    )


def path_required(function: str) -> InvalidExpressionError:
    """Build the error of a function whose first operand is no document path."""
    return InvalidExpressionError(f"Operator or function requires a document path; operator or function: {function}")
