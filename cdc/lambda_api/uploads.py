"""The operations that make, change and delete functions."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdc.lambda_api import function_shapes as shapes
from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import check, check_value
from cdc.lambda_api.definitions import BOOTSTRAP, PROVIDED, check_runtime, definition_of
from cdc.lambda_api.function_answers import BEING_CREATED, BEING_UPDATED, state_of, uploaded_configuration
from cdc.lambda_api.functions import function_not_found, named_function
from cdc.lambda_api.json_body import parse_body
from cdc.lambda_api.unpack import unpack
from cdc.model.function_names import FunctionName, parse_function_name
from cdc.model.lambda_errors import (
    FunctionAccessDeniedException,
    InvalidParameterValueException,
    InvalidRequestContentException,
    PreconditionFailedException,
    ResourceConflictException,
)
from cdc.model.uploads import EPHEMERAL_STORAGE_MB, Code, FunctionSettings, UploadedFunction
from cdc.store import lambda_tags
from cdc.store import uploads as store

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.lambda_api.call import Body, Call, Context
    from cdc.store.transaction import Transaction

HOT_RELOAD = "hot-reload"
"""The S3Bucket that stands for this machine's folders: S3Key is the path of one, which is used where it is. LocalStack
has it under the same name."""
_FIELDS = {
    "Runtime": "runtime",
    "Role": "role",
    "Handler": "handler",
    "Description": "description",
    "Timeout": "timeout",
    "MemorySize": "memory_size",
}
"""Members of a request that are taken as they are."""


def create_function(call: Call, context: Context) -> Answer:
    """Lambda: CreateFunction. It can be invoked at once, though the answer says Pending, as Lambda's does."""
    check_allowed(context)
    body = parse_body(call.body)
    check(shapes.CREATE, body)
    _refuse_unsupported(body, body["Code"])
    named = parse_function_name(body["FunctionName"])
    assert named is not None
    if not body.get("Handler") or not body.get("Runtime"):
        raise InvalidParameterValueException(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    settings = _changed(FunctionSettings(runtime="", handler="", role=""), body)
    _refuse_existing(context, named.name)
    code = _code_of(body["Code"], context, named.name, settings)
    function = _new(named.name, settings, code, context)

    def run(transaction: Transaction) -> None:
        if store.load_function(transaction.connection, named.name) is not None:
            raise _existing(named.name)
        store.create(transaction, function)
        lambda_tags.add(transaction, lambda_tags.of_function(named.name), body.get("Tags") or {})

    _commit(context, run, function)
    answer = uploaded_configuration(function, context.service.options, BEING_CREATED)
    return Answer(status=201, body=answer)


def update_function_configuration(call: Call, context: Context) -> Answer:
    """Lambda: UpdateFunctionConfiguration. What runs finishes as it was; new instances take over."""
    check_allowed(context)
    body = parse_body(call.body)
    check(shapes.UPDATE_CONFIGURATION, body)
    _refuse_unsupported(body, {})
    named = owned_function(call, context)

    def run(transaction: Transaction) -> UploadedFunction:
        old = load(transaction, named, context, body.get("RevisionId"))
        changed = _new(named.name, _changed(old.settings, body), old.code, context)
        store.replace(transaction, changed)
        return changed

    changed = context.service.writer.call(run)
    context.functions_changed()
    state = state_of(None) | BEING_UPDATED
    return Answer(body=uploaded_configuration(changed, context.service.options, state))


def update_function_code(call: Call, context: Context) -> Answer:
    """Lambda: UpdateFunctionCode. What runs finishes with the old code, which is kept until the next change."""
    check_allowed(context)
    body = parse_body(call.body)
    check(shapes.UPDATE_CODE, body)
    _refuse_unsupported(body, body)
    named = owned_function(call, context)
    found = context.directory.uploaded(named.name)
    if found is None:
        raise function_not_found(context, named)
    code = _code_of(body, context, named.name, found.settings)
    if body.get("DryRun"):
        _forget(context, code)
        _check_revision(found, body.get("RevisionId"))
        dry = replace(found, code=code)
        return Answer(body=uploaded_configuration(dry, context.service.options, state_of(None)))

    def run(transaction: Transaction) -> tuple[UploadedFunction, UploadedFunction]:
        old = load(transaction, named, context, body.get("RevisionId"))
        architectures = tuple(body.get("Architectures") or old.settings.architectures)
        changed = _new(named.name, replace(old.settings, architectures=architectures), code, context)
        store.replace(transaction, changed)
        return old, changed

    try:
        old, changed = context.service.writer.call(run)
    except BaseException:
        _forget(context, code)
        raise
    context.functions_changed()
    _forget_others(context, named.name, {old.code.folder, code.folder})
    state = state_of(None) | BEING_UPDATED
    return Answer(body=uploaded_configuration(changed, context.service.options, state))


def delete_function(call: Call, context: Context) -> Answer:
    """Lambda: DeleteFunction. Mappings that invoke it stay, and wait for it."""
    check_allowed(context)
    named = owned_function(call, context)

    def run(transaction: Transaction) -> None:
        load(transaction, named, context)
        store.remove(transaction, named.name)

    context.service.writer.call(run)
    context.functions_changed()
    _forget_others(context, named.name, set())
    return Answer(status=204)


def sweep(code_folder: Path, kept: set[str]) -> None:
    """Delete uploaded code, all but these folders: what a crash or a change has left."""
    for folder in _folders(code_folder):
        for each in _folders(folder):
            if f"{folder.name}/{each.name}" not in kept:
                shutil.rmtree(each, ignore_errors=True)


def _folders(folder: Path) -> list[Path]:
    return [each for each in folder.iterdir() if each.is_dir()] if folder.is_dir() else []


def check_allowed(context: Context) -> None:
    """Refuse to change functions unless the settings allow it. Raises: FunctionAccessDeniedException."""
    if not context.allow_upload:
        raise FunctionAccessDeniedException(
            "Functions can't be made, changed or deleted over the API, since that runs what anybody uploads: declare them in "
            "the configuration, or set server.allow_function_upload = true and start anew"
        )


def _refuse_unsupported(body: Body, code: Body) -> None:
    shapes.refuse_unsupported(body)
    shapes.refuse_unsupported(code)


def owned_function(call: Call, context: Context) -> FunctionName:
    """Find the function that is to be changed, unless the configuration owns it.

    Raises: ConstraintException, FunctionNotFoundException, ResourceConflictException.
    """
    check_value(shapes.NAME, call.path["FunctionName"], "functionName")
    named = named_function(call, context)
    if context.directory.declared(named.name) is not None:
        raise _declared(named.name)
    return named


def _declared(name: str) -> ResourceConflictException:
    return ResourceConflictException(
        f"The function {name} is declared in the configuration: change or remove it there, and reload"
    )


def _existing(name: str) -> ResourceConflictException:
    return ResourceConflictException(f"Function already exist: {name}")


def _refuse_existing(context: Context, name: str) -> None:
    if context.directory.exists(name):
        raise _existing(name)


def load(
    transaction: Transaction, named: FunctionName, context: Context, revision_id: str | None = None
) -> UploadedFunction:
    """Read a function that is to be changed, if it still is of the revision that a request names.

    Raises: FunctionNotFoundException, PreconditionFailedException.
    """
    found = store.load_function(transaction.connection, named.name)
    if found is None:
        raise function_not_found(context, named)
    _check_revision(found, revision_id)
    return found


def _check_revision(function: UploadedFunction, revision_id: str | None) -> None:
    if revision_id and revision_id != function.revision_id:
        raise PreconditionFailedException(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
            "the latest Revision Id"
        )


def _changed(settings: FunctionSettings, body: Body) -> FunctionSettings:
    """Change settings by what a request names, and check the whole. Raises: InvalidParameterValueException."""
    changes: dict[str, Any] = {field: body[name] for name, field in _FIELDS.items() if body.get(name) is not None}
    if body.get("Environment") is not None:
        changes["environment"] = body["Environment"].get("Variables") or {}
        shapes.check_environment(changes["environment"])
    if body.get("EphemeralStorage") is not None:
        changes["ephemeral_storage"] = body["EphemeralStorage"].get("Size", EPHEMERAL_STORAGE_MB)
    if body.get("Architectures"):
        changes["architectures"] = tuple(body["Architectures"])
    changed = replace(settings, **changes)
    check_runtime(changed.runtime, changed.handler)
    return changed


def _new(name: str, settings: FunctionSettings, code: Code, context: Context) -> UploadedFunction:
    """Build a function as it is to be stored; one that could not be run is refused."""
    function = UploadedFunction(
        name=name,
        settings=settings,
        code=code,
        revision_id=context.new_id(),
        modified_ms=context.service.clock.now_ms(),
    )
    try:
        definition_of(function, context.code_folder)
    except ValueError as error:
        raise InvalidParameterValueException(str(error)) from None
    return function


def _commit(context: Context, run: Callable[[Transaction], None], function: UploadedFunction) -> None:
    try:
        context.service.writer.call(run)
    except BaseException:
        _forget(context, function.code)
        raise
    context.functions_changed()


def _code_of(code: Body, context: Context, name: str, settings: FunctionSettings) -> Code:
    """Take the code of a request: unpacked into a folder of its own, or a folder of this machine."""
    bucket, key = code.get("S3Bucket"), code.get("S3Key")
    if code.get("ZipFile") and (bucket or key):
        raise InvalidParameterValueException(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if code.get("ZipFile"):
        taken = _unpacked(code["ZipFile"], context, name)
    elif bucket == HOT_RELOAD and key:
        taken = _folder(key)
    elif bucket or key:
        raise InvalidParameterValueException(
            f"Code in S3 is not supported by cdc: expected ZipFile, or S3Bucket {HOT_RELOAD} with the absolute path of a "
            "folder of this machine as S3Key"
        )
    else:
        raise InvalidParameterValueException("Please provide a source for function code.")
    if PROVIDED.fullmatch(settings.runtime) and not (context.code_folder / taken.folder / BOOTSTRAP).is_file():
        _forget(context, taken)
        raise InvalidParameterValueException(
            f"The code has no file named {BOOTSTRAP}, which the runtime {settings.runtime} starts: add it"
        )
    return taken


def _unpacked(text: str, context: Context, name: str) -> Code:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestContentException("ZipFile is not base64: expected the bytes of a zip in base64") from None
    digest = hashlib.sha256(data).digest()
    folder = f"{name}/{digest.hex()[:16]}-{context.new_id()[:8]}"
    unpack(data, context.code_folder / folder)
    return Code(folder=folder, sha256=base64.b64encode(digest).decode(), size_bytes=len(data))


def _folder(path: str) -> Code:
    # Not Path.is_dir(), which raises for names that the system does not take.
    if not Path(path).is_absolute() or not os.path.isdir(path):  # noqa: PTH112
        raise InvalidParameterValueException(f"S3Key {path} is no folder of this machine: expected its absolute path")
    return Code(folder=path, hot=True)


def _forget(context: Context, code: Code) -> None:
    """Delete the code of a change that did not come about."""
    if not code.hot:
        shutil.rmtree(context.code_folder / code.folder, ignore_errors=True)


def _forget_others(context: Context, name: str, kept: set[str]) -> None:
    """Delete the uploaded code of a function, all but these folders."""
    folder = context.code_folder / name
    for each in _folders(folder):
        if f"{name}/{each.name}" not in kept:
            shutil.rmtree(each, ignore_errors=True)
