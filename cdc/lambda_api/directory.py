"""Which functions there are: those that the configuration declares, and those that were made over the API."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cdc.lambda_api.definitions import definition_of
from cdc.store import uploads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from cdc.functions.manager import Functions
    from cdc.model.functions import FunctionDefinition
    from cdc.model.uploads import UploadedFunction
    from cdc.store.database import Database

log = logging.getLogger(__name__)


class Directory:
    """All functions by name. A declared one stands before an uploaded one of the same name. For any thread."""

    def __init__(self, database: Database, code_folder: Path, functions: Functions | None) -> None:
        """`functions` None: functions run in another process, or nowhere."""
        self._database = database
        self._code_folder = code_folder
        self._functions = functions
        self._lock = threading.Lock()
        self._declared: dict[str, FunctionDefinition] = {}
        self._environment: Mapping[str, str] = {}
        self._loaded: list[UploadedFunction] = []
        self._names: frozenset[str] = frozenset()  # of those
        self._shadowed: frozenset[str] = frozenset()

    def configure(self, declared: Iterable[FunctionDefinition], environment: Mapping[str, str]) -> None:
        """Take what the configuration declares, and variables for all functions; have them run so."""
        with self._lock:
            self._declared = {definition.name: definition for definition in declared}
            self._environment = environment
            self._apply(self._load())

    def refresh(self) -> bool:
        """Have functions run as they are stored by now; tell whether anything had changed."""
        with self._lock:
            found = self._load()
            if found == self._loaded:
                return False
            self._apply(found)
            return True

    def declared(self, name: str) -> FunctionDefinition | None:
        """Return a function of the configuration."""
        return self._declared.get(name)

    def all_declared(self) -> Mapping[str, FunctionDefinition]:
        """Return the functions of the configuration, by name."""
        return self._declared

    def uploaded(self, name: str) -> UploadedFunction | None:
        """Read a function that was made over the API, and is not hidden by one of the configuration."""
        if name in self._declared:
            return None
        with self._database.reading() as connection:
            return uploads.load_function(connection, name)

    def all_uploaded(self) -> list[UploadedFunction]:
        """Read all of them, by name."""
        return [function for function in self._load() if function.name not in self._declared]

    def all_stored(self) -> list[UploadedFunction]:
        """Read all of them, those hidden by the configuration included."""
        return self._load()

    def exists(self, name: str) -> bool:
        """Tell whether there is a function of this name, as of the last refresh: every invocation asks."""
        return name in self._declared or name in self._names

    def _load(self) -> list[UploadedFunction]:
        with self._database.reading() as connection:
            return uploads.load_functions(connection)

    def _apply(self, found: list[UploadedFunction]) -> None:
        self._loaded, self._names = found, frozenset(function.name for function in found)
        shadowed = self._names & self._declared.keys()
        for name in sorted(shadowed - self._shadowed):
            log.warning("function %s of the configuration hides the one that was made over the API", name)
        self._shadowed = shadowed
        if self._functions is None:
            return
        visible = [function for function in found if function.name not in shadowed]
        uploaded = [definition_of(function, self._code_folder) for function in visible]
        self._functions.configure([*self._declared.values(), *uploaded], self._environment)
