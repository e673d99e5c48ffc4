"""A function that can't run can't be defined."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.model.functions import FunctionDefinition


def define(**members):
    return FunctionDefinition(**{"name": "f", "working_directory": Path(), **members})


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({}, "needs one of handler, command and runtime"),
        ({"handler": "h:f", "command": ("x",)}, "needs one of handler, command and runtime"),
        ({"name": "", "handler": "h:f"}, "name is empty"),
        ({"handler": "h.f"}, "must be 'module:callable'"),
        ({"handler": "h:f", "timeout_seconds": 0}, "1 to 900, not 0"),
        ({"handler": "h:f", "timeout_seconds": 901}, "1 to 900, not 901"),
        ({"command": ()}, "command is empty"),
        ({"runtime": ()}, "runtime is empty"),
        ({"runtime": ("x",), "command": ("x",)}, "needs one of handler, command and runtime"),
        ({"handler": "h:f", "memory_size": 127}, "memory_size must be 128 to 10240, not 127"),
        ({"handler": "h:f", "reserved_concurrency": -1}, "reserved_concurrency must be 0 to 1000, not -1"),
        ({"handler": "h:f", "idle_timeout_seconds": 0}, "idle_timeout_seconds must be 1 to 86400, not 0"),
        ({"command": ("x",), "reload_on_change": True}, "reload_on_change needs a process that outlives an invocation"),
        ({"handler": "h:f", "in_process": True, "reload_on_change": True}, "reload_on_change needs a process"),
        ({"runtime": ("x",), "in_process": True}, "in_process needs a handler, not a runtime"),
        ({"command": ("x",), "in_process": True}, "in_process needs a handler"),
        ({"command": ("x\0",)}, "NUL"),
        ({"command": ("x",), "environment": {"A=B": ""}}, "can't be empty or contain '='"),
    ],
)
def test_an_impossible_definition_is_refused(members, text):
    with pytest.raises(ValueError, match=text):
        define(**members)


@pytest.mark.parametrize("handler", ["h:f", "package.module:f", "package/module:f", "_a1:_b2"])
def test_a_handler_is_a_module_and_a_callable(handler):
    assert define(handler=handler).handler == handler


def test_the_default_timeout_is_lambdas():
    assert define(handler="h:f").timeout_seconds == 3


def test_equal_definitions_are_equal_and_the_environment_is_a_copy_that_cannot_change():
    environment = {"A": "1"}
    one, two = (define(handler="h:f", environment=environment) for _ in range(2))
    environment["A"] = "2"
    assert one == two
    assert one.environment["A"] == "1"
    assert one != define(handler="h:f", environment=environment)
    with pytest.raises(TypeError):
        one.environment["A"] = "3"
