"""The errors of the Lambda API, with the names, statuses and bodies that Lambda gives them."""

from __future__ import annotations

from typing import Any, ClassVar

from cdc.model.errors import ServiceError


class LambdaError(ServiceError):
    """A refused request of the Lambda API (Lambda: the exceptions of its model)."""

    fault: ClassVar[str | None] = "User"
    """`Type` in the body: whose fault it is; None: the body has none."""
    message_keys: ClassVar[tuple[str, ...]] = ("message",)

    def body(self) -> dict[str, Any]:
        """Build the JSON body of the answer; the error's name is in a header."""
        body: dict[str, Any] = {} if self.fault is None else {"Type": self.fault}
        return body | dict.fromkeys(self.message_keys, self.message) | self.extra


class InvalidParameterValueException(LambdaError):
    """A parameter, or several together, can't be used.

    Where programs compare the message with Lambda's, ours is that, and what is wrong is in the member `Reason`.
    """


class ConstraintException(LambdaError):
    """A parameter breaks a constraint of the model. On the wire a ValidationException, without a type."""

    fault = None

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return "ValidationException"


class InvalidRequestContentException(LambdaError):
    """The body of a request is not the JSON that it has to be."""


class ResourceConflictException(LambdaError):
    """There is such a resource already, or somebody else owns it."""

    status = 409


class FunctionNotFoundException(LambdaError):
    """There is no such function or mapping. On the wire a ResourceNotFoundException, with its text under both names."""

    status = 404
    message_keys = ("Message", "message")

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return "ResourceNotFoundException"


class PreconditionFailedException(LambdaError):
    """The revision that a request names is not the one in force."""

    status = 412


class RequestTooLargeException(LambdaError):
    """A request is larger than Lambda takes."""

    status = 413


class TooManyRequestsException(LambdaError):
    """As many invocations run and wait as there may be. SDKs try again."""

    status = 429


class CodeStorageExceededException(LambdaError):
    """There is no room for the code of a function."""


class FunctionAccessDeniedException(LambdaError):
    """A setting forbids the request. On the wire an AccessDeniedException."""

    status = 403
    message_keys = ("Message",)

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return "AccessDeniedException"


class UnknownRouteException(LambdaError):
    """No operation has this method and path. On the wire an UnknownOperationException."""

    status = 404
    message_keys = ("Message",)

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return "UnknownOperationException"


class ServiceException(LambdaError):
    """A fault that is not the caller's."""

    status = 500
    fault = "Service"
    message_keys = ("Message",)
