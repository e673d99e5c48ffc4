"""Functions that were made over the API, and tags, as rows."""

from __future__ import annotations

from dataclasses import replace

from cdc.model.uploads import Code, FunctionSettings, UploadedFunction
from cdc.store import lambda_tags, uploads

FUNCTION = UploadedFunction(
    name="f",
    settings=FunctionSettings(
        runtime="python3.12", handler="a.b", role="r", environment={"A": "ü"}, architectures=("arm64",)
    ),
    code=Code(folder="f/1", sha256="x", size_bytes=5),
    revision_id="1",
    modified_ms=7,
)


def load(database, name="f"):
    with database.reading() as connection:
        return uploads.load_function(connection, name)


def test_a_function_is_read_as_it_was_stored_until_it_is_removed(database, writer):
    writer.call(lambda transaction: uploads.create(transaction, FUNCTION))
    assert load(database) == FUNCTION
    changed = replace(FUNCTION, code=Code(folder="/srv", hot=True), revision_id="2")
    writer.call(lambda transaction: uploads.replace(transaction, changed))
    assert load(database) == changed
    with database.reading() as connection:
        assert uploads.load_functions(connection) == [changed]
    writer.call(lambda transaction: uploads.remove(transaction, "f"))
    assert load(database) is None


def test_tags_go_with_their_function_alone(database, writer):
    owners = [lambda_tags.of_function("f"), lambda_tags.of_function("g"), lambda_tags.of_mapping("f")]
    writer.call(lambda transaction: uploads.create(transaction, FUNCTION))
    for owner in owners:
        writer.call(lambda transaction, owner=owner: lambda_tags.add(transaction, owner, {"b": "1", "a": "2"}))
    writer.call(lambda transaction: uploads.remove(transaction, "f"))
    with database.reading() as connection:
        assert [list(lambda_tags.load(connection, owner)) for owner in owners] == [[], ["a", "b"], ["a", "b"]]
