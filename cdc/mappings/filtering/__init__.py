"""Filters of a mapping: patterns, in Lambda's language, that say which records reach the function."""

from cdc.mappings.filtering.errors import INVALID_PATTERN, FilterError
from cdc.mappings.filtering.explain import Miss, Verdict
from cdc.mappings.filtering.filters import FILTERS_MAX, Filters, compile_filters

__all__ = ["FILTERS_MAX", "INVALID_PATTERN", "FilterError", "Filters", "Miss", "Verdict", "compile_filters"]
