"""Errors that a caller sees on the wire, with the type, HTTP status and body of the service they come from."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, ClassVar

_DYNAMODB = "com.amazonaws.dynamodb.v20120810"
_CORAL = "com.amazon.coral.service"


class ServiceError(Exception):
    """A refused request: nothing was changed. Carries all that its answer needs."""

    prefix: ClassVar[str] = _DYNAMODB
    status: ClassVar[int] = 400
    message_key: ClassVar[str] = "message"

    def __init__(self, message: str = "", **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return type(self).__name__

    def body(self) -> dict[str, Any]:
        """Build the JSON body of the answer: `__type`, the message (when there is one) and any extra members."""
        body: dict[str, Any] = {"__type": f"{self.prefix}#{self.code}"}
        if self.message:
            body[self.message_key] = self.message
        body.update(self.extra)
        return body


DETECTED = "1 validation error detected: "
"""What AWS puts before some messages of its own."""


class Family(Enum):
    """What a ValidationException is about, as far as it decides whether its message may begin with `DETECTED`.

    The text does not decide: the same one may be of several families.
    """

    OTHER = auto()  # never begins so: keys, indexes, sizes, numbers, the stored item, and what is worded whole
    REQUEST = auto()  # what PutItem and UpdateItem find in expressions, in NULLs and between parameters
    SET = auto()  # no element or the same one twice: REQUEST in an item or a value of an expression, else OTHER


class ValidationException(ServiceError):
    """The request is well formed but its parameters are not acceptable."""

    prefix = "com.amazon.coral.validate"

    def __init__(self, message: str = "", *, family: Family = Family.OTHER, **extra: Any) -> None:
        super().__init__(message, **extra)
        self.family = family


class SerializationException(ServiceError):
    """The body is not JSON, or a member has the wrong JSON type."""

    prefix = _CORAL
    message_key = "Message"


class UnknownOperationException(ServiceError):
    """The operation does not exist."""

    prefix = _CORAL


class AccessDeniedException(ServiceError):
    """The caller may not do this."""

    prefix = _CORAL
    message_key = "Message"


class MissingAuthenticationTokenException(ServiceError):
    """The request is not signed."""

    prefix = _CORAL


class IncompleteSignatureException(ServiceError):
    """A part of the signature is missing or has the wrong form."""

    prefix = _CORAL


class InvalidSignatureException(ServiceError):
    """The signature is not the one that the request should have, or was made for another time or service."""

    prefix = _CORAL


class UnrecognizedClientException(ServiceError):
    """The access key or session token is not known."""

    prefix = _CORAL


class ResourceNotFoundException(ServiceError):
    """The table, stream or shard does not exist."""


class ResourceInUseException(ServiceError):
    """The table exists already, or is being changed."""


class TableNotFoundException(ServiceError):
    """The table does not exist, in the words of operations on backups and exports."""


class TableAlreadyExistsException(ServiceError):
    """A table of this name exists already, in the words of a restore."""


class TableInUseException(ServiceError):
    """The table is being created or deleted, in the words of operations on backups."""


class BackupNotFoundException(ServiceError):
    """The backup does not exist."""


class BackupInUseException(ServiceError):
    """The backup is being created, or restored to a table."""


class PointInTimeRecoveryUnavailableException(ServiceError):
    """Point-in-time recovery is not enabled for the table."""


class InvalidExportTimeException(ServiceError):
    """The moment that an export asks for is not one that can be exported."""


class ExportConflictException(ServiceError):
    """Another export was begun with the same token."""


class ExportNotFoundException(ServiceError):
    """The export does not exist."""


class ImportConflictException(ServiceError):
    """Another import was begun with the same token."""


class ImportNotFoundException(ServiceError):
    """The import does not exist."""


class LimitExceededException(ServiceError):
    """Too much at once."""


class ConditionalCheckFailedException(ServiceError):
    """The condition of a write is false for the stored item. `Item` is in `extra` when the caller asked for it."""

    def __init__(self, message: str = "The conditional request failed", **extra: Any) -> None:
        super().__init__(message, **extra)


class TransactionCanceledException(ServiceError):
    """A transaction was refused as a whole; the reasons say why, one for each of its actions, in order."""

    message_key = "Message"

    def __init__(self, reasons: list[dict[str, Any]]) -> None:
        codes = ", ".join(reason["Code"] for reason in reasons)
        super().__init__(
            f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]",
            CancellationReasons=reasons,
        )


class IdempotentParameterMismatchException(ServiceError):
    """A token came again, within its time, with another request than before."""

    message_key = "Message"


class ProvisionedThroughputExceededException(ServiceError):
    """A table's units are used up for now. SDKs try again."""


class ThrottlingException(ServiceError):
    """The maximum of an on-demand table is used up for now. SDKs try again."""

    prefix = "com.amazon.coral.availability"


class DuplicateItemException(ServiceError):
    """There is an item under the key that one is inserted under."""

    def __init__(self, message: str = "Duplicate primary key exists in table") -> None:
        super().__init__(message)


class TrimmedDataAccessException(ServiceError):
    """The position lies before the oldest record that is still kept."""

    def __init__(self, message: str = "The data you are trying to access has been trimmed") -> None:
        super().__init__(message)


class ExpiredIteratorException(ServiceError):
    """A shard iterator is older than 15 minutes."""


class InternalServerError(ServiceError):
    """A fault of the service itself; logged with the request id."""

    status = 500


class RequestEntityTooLargeException(ServiceError):
    """The request body is over 16 MB."""

    prefix = _CORAL
    status = 413


class ServiceUnavailable(ServiceError):  # the name of the error on the wire
    """The file can't be written now: full disk, I/O error, or a lock held too long. SDKs try again."""

    prefix = "com.amazon.coral.availability"
    status = 503
