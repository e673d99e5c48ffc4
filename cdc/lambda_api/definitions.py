"""How a function that was made over the API is run: its runtime, in the words of Lambda, as one of cdc's ways."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.model.functions import FunctionDefinition
from cdc.model.lambda_errors import InvalidParameterValueException

if TYPE_CHECKING:
    from cdc.model.uploads import Code, UploadedFunction

PYTHON = re.compile(r"python3\.\d+")
NODE = re.compile(r"nodejs\d*(\.x)?")
PROVIDED = re.compile(r"provided(\.al2|\.al2023)?")
BOOTSTRAP = "bootstrap"
RIGHT = "python3.x, nodejsN.x or provided.al2023"
_PACKAGE = Path(__file__).resolve().parents[1]
_PYTHON_HANDLER = re.compile(r"(?P<module>[^\W\d]\w*(?:[./][^\W\d]\w*)*)\.(?P<name>[^\W\d]\w*)")
_FILE_HANDLER = re.compile(r"[^\s\0]+\.[^\s.\0]+")


def code_folder_of(path: Path) -> Path:
    """Name the folder of all code that was uploaded for a database file: beside it."""
    return path.absolute().with_name(f"{path.name}.functions")


def folder_of(code: Code, code_folder: Path) -> Path:
    """Return where the code of a function is."""
    return code_folder / code.folder


def definition_of(function: UploadedFunction, code_folder: Path) -> FunctionDefinition:
    """Say how to run a function. Its settings have been checked.

    A Python one runs in a worker, by the interpreter that runs this; Node in the client of the Runtime API that is
    shipped; `provided` is its own `bootstrap`.
    """
    settings, folder = function.settings, folder_of(function.code, code_folder)
    handler: str | None = settings.handler
    runtime: tuple[str, ...] | None = None
    if PYTHON.fullmatch(settings.runtime):
        module, _, name = settings.handler.rpartition(".")
        handler = f"{module}:{name}"
    elif NODE.fullmatch(settings.runtime):
        runtime = ("node", os.fspath(node_client()), settings.handler)
    else:
        runtime = (os.fspath(folder / BOOTSTRAP),)
    return FunctionDefinition(
        name=function.name,
        handler=handler,
        runtime=runtime,
        timeout_seconds=settings.timeout,
        memory_size=settings.memory_size,
        environment=settings.environment,
        reserved_concurrency=settings.reserved_concurrency,
        working_directory=folder,
        reload_on_change=function.code.hot,
    )


def check_runtime(runtime: str, handler: str) -> None:
    """Refuse a runtime that can't be run here, and a handler that it would not find.

    Raises: InvalidParameterValueException.
    """
    if PYTHON.fullmatch(runtime):
        if _PYTHON_HANDLER.fullmatch(handler) is None:
            raise InvalidParameterValueException(
                f"Handler {handler} names no function of a Python module: expected such as app.handler"
            )
    elif NODE.fullmatch(runtime):
        if _FILE_HANDLER.fullmatch(handler) is None:
            raise InvalidParameterValueException(
                f"Handler {handler} names no export of a JavaScript file: expected such as index.handler"
            )
    elif PROVIDED.fullmatch(runtime) is None:
        raise InvalidParameterValueException(
            f"Functions of the runtime {runtime} can't be made over the API of cdc: expected {RIGHT}, or declare the "
            "function with its own runtime in the configuration"
        )


def node_client() -> Path:
    """Return the client of the Runtime API for Node: in the wheel, or in the checkout that this is."""
    wheel = _PACKAGE / "_config" / "examples"
    examples = wheel if wheel.is_dir() else _PACKAGE.parent / "examples"
    return examples / "node" / "runtime.mjs"
