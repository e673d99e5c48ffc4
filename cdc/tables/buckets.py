"""Where exports go and imports come from: buckets that are folders of one folder, or those of an S3-compatible server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from cdc.model.errors import ValidationException

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.model.options import Options

NO_PLACE = (
    "Exports and imports need a place for their buckets: set s3.folder to a folder, or s3.endpoint_url to the address of "
    "an S3-compatible server, in the configuration"
)
NO_KEYS = "Leave it out, or set s3.endpoint_url to the address of a server that has keys"
CONNECT_SECONDS = 5
READ_SECONDS = 60
_LIST_PAGE = 1000


class BucketError(Exception):
    """A bucket can't be used; carries the code that a description shows."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Listed(NamedTuple):
    """An object in a bucket."""

    key: str
    size_bytes: int


class Buckets(Protocol):
    """Objects by bucket and key. Every method raises BucketError."""

    def put(self, bucket: str, key: str, data: bytes, encryption: dict[str, str]) -> str:
        """Write an object, whole or not at all; return its entity tag. `encryption` is as S3 takes it."""

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""

    def list(self, bucket: str, prefix: str) -> list[Listed]:
        """List the objects whose keys begin with `prefix`, in the order of their keys."""


def check_place(options: Options, owner: str | None = None, key: str | None = None) -> None:
    """Refuse an export or import when there is no place for its buckets; `owner` and KMS `key` are the request's.

    Raises: ValidationException.
    """
    if options.s3_endpoint_url is not None:
        return
    if options.bucket_folder is None:
        raise ValidationException(NO_PLACE)
    if owner not in {None, options.account_id}:
        raise ValidationException(
            f"S3BucketOwner {owner} does not own the buckets of this server: leave it out, or name {options.account_id}"
        )
    if key is not None:
        raise ValidationException(f"{key} can't be used: files in a folder are not encrypted. {NO_KEYS}")


def open_buckets(options: Options, owner: str | None = None) -> Buckets:
    """Reach the buckets of the configuration, which have to be of an `owner`, if one is given.

    Raises: BucketError.
    """
    if options.s3_endpoint_url is not None:
        return S3Buckets(options.s3_endpoint_url, options.region, owner)
    if options.bucket_folder is None:
        raise BucketError("NoBuckets", NO_PLACE)
    return FolderBuckets(options.bucket_folder)


@dataclass(frozen=True, slots=True)
class FolderBuckets:
    """Buckets as folders in `root`, made when they are first written to; keys as paths in them."""

    root: Path

    def put(self, bucket: str, key: str, data: bytes, encryption: dict[str, str]) -> str:  # noqa: ARG002  # S3's alone
        """Write a file beside its place and move it there."""
        path = self._path(bucket, key)
        draft = path.with_name(f"{path.name}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as error:
            raise BucketError("FolderNotWritable", f"{path} can't be written: {error.strerror}") from error
        return f"{md5(data, usedforsecurity=False).hexdigest()}-1"

    def get(self, bucket: str, key: str) -> bytes:
        """Read a file."""
        path = self._path(bucket, key)
        try:
            return path.read_bytes()
        except OSError as error:
            raise BucketError("FolderNotReadable", f"{path} can't be read: {error.strerror}") from error

    def list(self, bucket: str, prefix: str) -> list[Listed]:
        """List the files."""
        folder = self._path(bucket, "")
        if not folder.is_dir():
            raise BucketError("S3NoSuchBucket", f"The specified bucket does not exist: there is no folder {folder}")
        try:
            found = [
                Listed(path.relative_to(folder).as_posix(), path.stat().st_size)
                for path in folder.rglob("*")
                if path.is_file()
            ]
        except OSError as error:
            raise BucketError("FolderNotReadable", f"{folder} can't be read: {error.strerror}") from error
        return sorted(each for each in found if each.key.startswith(prefix))

    def _path(self, bucket: str, key: str) -> Path:
        """Find the place of an object, which is inside the root whatever the key says."""
        parts = [part for part in key.split("/") if part]
        if any(part in {".", ".."} or "\0" in part for part in (bucket, *parts)):
            raise BucketError(
                "InvalidKey", f"the key {key!r} has a part that no folder can have: expected names between slashes"
            )
        return self.root.joinpath(bucket, *parts)


class S3Buckets:
    """Buckets of an S3-compatible server, with the credentials that boto3 finds by itself."""

    def __init__(self, endpoint_url: str, region: str, owner: str | None = None) -> None:
        self._expected = {} if owner is None else {"ExpectedBucketOwner": owner}
        try:
            import boto3  # noqa: PLC0415  # an optional extra, which costs 100 ms
            from botocore.config import Config  # noqa: PLC0415
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        except ImportError:
            raise BucketError(
                "S3NotInstalled", "S3 needs the package boto3: install it with pip install durable-cdc[s3]"
            ) from None
        self._errors = (BotoCoreError, ClientError)
        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 3},
            s3={"addressing_style": "path"},
        )
        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)

    def put(self, bucket: str, key: str, data: bytes, encryption: dict[str, str]) -> str:
        """Write an object."""
        answer = self._call("put_object", Bucket=bucket, Key=key, Body=data, **encryption)
        return str(answer["ETag"]).strip('"')

    def get(self, bucket: str, key: str) -> bytes:
        """Read an object."""
        body = self._call("get_object", Bucket=bucket, Key=key)["Body"]
        try:
            return bytes(body.read())
        except self._errors as error:
            raise _explain(error) from error

    def list(self, bucket: str, prefix: str) -> list[Listed]:
        """List objects, page by page."""
        found: list[Listed] = []
        request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix, "MaxKeys": _LIST_PAGE}
        while True:
            page = self._call("list_objects_v2", **request)
            found += [Listed(each["Key"], each["Size"]) for each in page.get("Contents", ())]
            if not page.get("IsTruncated"):
                return sorted(found)
            request["ContinuationToken"] = page["NextContinuationToken"]

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(**request, **self._expected)
        except self._errors as error:
            raise _explain(error) from error


def _explain(error: Any) -> BucketError:
    """Word a failure of S3 as a description does: `S3NoSuchBucket`, say."""
    answer = getattr(error, "response", {}).get("Error", {})
    code = str(answer.get("Code") or type(error).__name__)
    return BucketError(f"S3{code.removeprefix('S3')}", str(answer.get("Message") or error))
