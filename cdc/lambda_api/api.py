"""The Lambda API as a whole: from a method and a path to an answer, or to the error that is one."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cdc.lambda_api.call import Answer, Call
from cdc.lambda_api.invoke import invoke
from cdc.lambda_api.routes import INVOKE, OPERATIONS, find
from cdc.lambda_api.uploads import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdc.lambda_api.call import Context

_UPLOADS = frozenset(
    {
        *("CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "DeleteFunction"),
        *("PutFunctionConcurrency", "DeleteFunctionConcurrency"),
    }
)


class LambdaApi:
    """Answers requests; its methods are for any thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._uploading = threading.Lock()  # one at a time: a change deletes the code that it finds left over

    @property
    def takes_uploads(self) -> bool:
        """Whether bodies may be as large as the code of a function."""
        return self._context.allow_upload

    def sweep(self) -> None:
        """Delete uploaded code that no function has, as a crash leaves it."""
        functions = self._context.directory.all_stored()
        sweep(self._context.code_folder, {function.code.folder for function in functions})

    def handle(
        self,
        request_id: str,
        method: str,
        target: str,
        headers: Mapping[bytes, bytes],
        body: bytes,
        answer: Callable[[Answer], None],
    ) -> None:
        """Run an operation. `answer` is called once, by this call or later, on any thread.

        Raises: ServiceError, and whatever a fault raises; `answer` is not called then.
        """
        operation, path, query = find(method, target)
        call = Call(path=path, query=query, headers=headers, body=body, request_id=request_id)
        if operation == INVOKE:
            invoke(call, self._context, answer)
        elif operation in _UPLOADS:
            with self._uploading:
                found = OPERATIONS[operation](call, self._context)
            answer(found)
        else:
            answer(OPERATIONS[operation](call, self._context))
