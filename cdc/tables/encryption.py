"""Encryption at rest, as a table's description shows it; the file itself is encrypted by whoever keeps the disk."""

from __future__ import annotations

from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from cdc.model.errors import ValidationException
from cdc.model.values import INVALID

if TYPE_CHECKING:
    from cdc.model.catalog import TableDefinition
    from cdc.model.options import Options


def check_encryption(request: dict[str, Any]) -> None:
    """Check SSESpecification of a CreateTable or UpdateTable.

    Raises: ValidationException. (DynamoDB: SSESpecification.)
    """
    wanted = request.get("SSESpecification") or {}
    if wanted.get("SSEType") == "AES256":
        raise ValidationException(f"{INVALID}SSEType AES256 is not supported, expected KMS")
    if not wanted.get("Enabled") and wanted.get("KMSMasterKeyId") is not None:
        raise ValidationException(f"{INVALID}KMSMasterKeyId can only be specified when SSESpecification is enabled")


def change_encryption(definition: TableDefinition, request: dict[str, Any], options: Options) -> TableDefinition:
    """Apply SSESpecification; without a key, the one that AWS manages for the account is shown."""
    wanted = request.get("SSESpecification")
    if wanted is None:
        return definition
    if not wanted.get("Enabled"):
        return replace(definition, kms_key_arn=None)
    return replace(definition, kms_key_arn=_key_arn(wanted.get("KMSMasterKeyId"), options))


def _key_arn(key: str | None, options: Options) -> str:
    if key is not None and key.startswith("arn:"):
        return key
    if key is None:
        digits = blake2b(f"{options.account_id}/{options.region}".encode(), digest_size=16).hexdigest()
        key = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    kind = "" if key.startswith("alias/") else "key/"
    return f"arn:aws:kms:{options.region}:{options.account_id}:{kind}{key}"
