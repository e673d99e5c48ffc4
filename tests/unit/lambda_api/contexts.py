"""The Lambda API on a service, without HTTP: functions that are made up, ids that count, and what was noticed."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from cdc.lambda_api.api import LambdaApi
from cdc.lambda_api.call import Context
from cdc.lambda_api.definitions import code_folder_of
from cdc.lambda_api.directory import Directory
from cdc.model.errors import ServiceError
from cdc.model.functions import FunctionDefinition, FunctionDescription, Outcome, TooManyRequestsError

if TYPE_CHECKING:
    from cdc.lambda_api.call import Answer
    from cdc.model.functions import Invocation
    from cdc.service import Service


class FakeFunctions:
    """Stands in for `Functions`: keeps what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.definitions: dict[str, FunctionDefinition] = {}
        self.invocations: list[Invocation] = []
        self.outcome: Outcome | None = Outcome(ok=True, duration_ms=1.0, result=b'{"fine":1}', log_tail=b"a line\n")
        self.waiting: list[Any] = []  # listeners of invocations that have no outcome yet
        self.start_error = ""
        self.full = False
        self.asked = threading.Event()

    def configure(self, definitions, environment) -> None:
        self.definitions = {each.name: each for each in definitions}
        self.environment = environment

    def has_function(self, name: str) -> bool:
        return name in self.definitions

    def describe(self):
        arn = "arn:aws:lambda:us-east-1:000000000000:function:"
        return tuple(
            FunctionDescription(definition=each, arn=arn + each.name, last_modified_ms=0, start_error=self.start_error)
            for each in self.definitions.values()
        )

    def request(self, invocation: Invocation, done) -> None:
        if self.full:
            raise TooManyRequestsError("full")
        self.invocations.append(invocation)
        if self.outcome is None:
            self.waiting.append(done)
        self.asked.set()
        if self.outcome is not None:
            done(self.outcome)


class Lambda:
    """The API with what stands around it."""

    def __init__(self, service: Service, *, allow_upload: bool = True, functions: FakeFunctions | None = None) -> None:
        self.service = service
        self.functions = functions
        self.noticed: list[str] = []
        numbers = itertools.count(1)
        folder = code_folder_of(service.path)
        self.directory = Directory(service.database, folder, functions)  # type: ignore[arg-type]  # a stand-in
        self.context = Context(
            service=service,
            directory=self.directory,
            functions=functions,  # type: ignore[arg-type]
            code_folder=folder,
            allow_upload=allow_upload,
            new_id=lambda: f"{next(numbers):08d}-0000-4000-8000-000000000000",
            mappings_changed=lambda: self.noticed.append("mappings"),
            functions_changed=self._functions_changed,
            invocation_added=lambda: self.noticed.append("invocation"),
        )
        self.api = LambdaApi(self.context)

    def declare(self, *names: str) -> None:
        """Have functions in the configuration."""
        folder = Path("/srv/handlers")
        self.directory.configure(
            [FunctionDefinition(name=name, working_directory=folder, handler="app:handle") for name in names], {}
        )

    def call(self, method: str, path: str, body: Any = None, *, headers=None, **query: Any) -> Answer:
        """Call an operation; bytes are a body as it is."""
        target = path + (f"?{urlencode(query, doseq=True)}" if query else "")
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        answers: list[Answer] = []
        self.api.handle("request-1", method, target, headers or {}, raw, answers.append)
        [answer] = answers
        return answer

    def refusal(self, method: str, path: str, body: Any = None, **query: Any) -> ServiceError:
        """Call an operation that has to be refused; return its error."""
        try:
            answer = self.call(method, path, body, **query)
        except ServiceError as error:
            return error
        raise AssertionError(f"{method} {path} was answered with {answer}")

    def _functions_changed(self) -> None:
        self.noticed.append("functions")
        self.directory.refresh()


def quoted(text: str) -> str:
    """Write a text as a part of a path."""
    return quote(text, safe="")


def api_of(service: Service) -> LambdaApi:
    """Build the API of a service that has no functions."""
    return Lambda(service).api
