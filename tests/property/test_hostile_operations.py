"""Whatever a request of any operation holds, valid, nearly valid or garbage, the answer is a success or a modelled error.

Requests are drawn from the SDK's own models of the operations. After each run the file passes the check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import botocore.session
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import InternalServerError, ServiceError
from cdc.model.options import Options
from cdc.service import open_service
from cdc.service.operations import OPERATIONS
from cdc.store.check import check
from tests.integration.test_not_yet import IMPLEMENTED, SOUND, with_names

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.service import Service

_session = botocore.session.get_session()
MODELS = [_session.get_service_model(service) for service in ("dynamodb", "dynamodbstreams")]
SHAPES = {
    name: model.operation_model(name).input_shape
    for model in MODELS
    for name in model.operation_names
    if name in OPERATIONS
}
TABLES = ["abc", "abcd", "missing", "ab"]
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/abc"
TEXTS = st.sampled_from(["", "pk", "sk", "v", "ttl", "#a", ":v", "1", "HASH", "x" * 300, "\0", "ä", ARN, "bucket"])
GARBAGE = st.recursive(
    st.none() | st.booleans() | st.sampled_from([-1, 0, 1, 2.5, 10**18]) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
NAMED = {  # members whose good values are names of what there is
    "TableName": st.sampled_from(TABLES),
    "TargetTableName": st.sampled_from(TABLES),
    "TableArn": st.sampled_from([ARN, "arn", "abc"]),
    "ResourceArn": st.sampled_from([ARN, f"{ARN}d", "arn"]),
    "AttributeName": st.sampled_from(["pk", "sk", "v", ""]),
    "S3Bucket": st.sampled_from(["bucket", "..", "b"]),
    "S3KeyPrefix": st.sampled_from(["", "../", "a/"]),
    "KeyConditionExpression": st.sampled_from(["pk = :v", "pk = :v AND sk > :v", "", "pk"]),
    "UpdateExpression": st.sampled_from(["SET v = :v", "REMOVE v", "ADD v :v", "SET", "SET a[0] = :v"]),
    "ConditionExpression": st.sampled_from(["attribute_exists(pk)", "v = :v", "v =", "size(v) > :v"]),
    "FilterExpression": st.sampled_from(["attribute_exists(v)", "v = :v", "(", "v BETWEEN :v AND :v"]),
    "ProjectionExpression": st.sampled_from(["pk", "v, pk", "v.a[0]", "pk,", "#a"]),
}
VALUES = st.sampled_from(
    [{"S": "a"}, {"S": ""}, {"N": "1"}, {"N": "x"}, {"N": "1E200"}, {"B": "YQ=="}, {"SS": ["a", "a"]}, {"L": [{"S": "a"}]},
     {"M": {"a": {"NULL": True}}}, {"BOOL": False}, {}, {"S": "a", "N": "1"}, {"NULL": False}, {"NS": []}]
)  # fmt: skip
SIMPLE = {
    "boolean": st.booleans(),
    "integer": st.integers(-1, 101),
    "long": st.sampled_from([-1, 0, 1, 5, 10**13]),
    "double": st.floats(0, 1e10),
    "timestamp": st.sampled_from([0, 1.5, 1_700_000_000]),
    "blob": st.just("YQ=="),
}


def good(shape: Any, name: str = "", depth: int = 0) -> st.SearchStrategy[Any]:
    """Draw values of a shape of the model."""
    if name in NAMED:
        return NAMED[name]
    if shape.name == "AttributeValue":
        return VALUES
    match shape.type_name:
        case "structure":
            members = {key: nearly(inner, key, depth + 1) for key, inner in shape.members.items()}
            required = {key: members[key] for key in shape.required_members}
            others = {key: each for key, each in members.items() if key not in required}
            return st.fixed_dictionaries(required, optional=others if depth < 3 else {})
        case "list":
            return st.lists(nearly(shape.member, "", depth + 1), max_size=2)
        case "map":
            keys = (
                NAMED["TableName"] if shape.key.name == "TableArn" else st.sampled_from(["pk", "sk", "v", ":v", "#a"])
            )
            return st.dictionaries(keys, nearly(shape.value, "", depth + 1), max_size=3)
        case "string":
            return st.sampled_from(shape.enum) if shape.enum else TEXTS
        case other:
            return SIMPLE[other]


def nearly(shape: Any, name: str, depth: int) -> st.SearchStrategy[Any]:
    """Draw good values mostly, and garbage at times."""
    usual = st.deferred(lambda: good(shape, name, depth))
    return st.integers(0, 19).flatmap(lambda dice: usual if dice else GARBAGE)


@st.composite
def changed(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw a sound request with a member or two of it put in, changed or left out."""
    request = dict(SOUND[name])
    members = {key: shape for key, shape in SHAPES[name].members.items() if key in IMPLEMENTED[name]}
    for key in draw(st.lists(st.sampled_from(sorted(members)), max_size=2)) if members else ():
        request[key] = draw(nearly(members[key], key, 1))
    return request


REQUESTS = {name: st.one_of(changed(name), changed(name), good(shape)) for name, shape in SHAPES.items()}
PROGRAMS = st.lists(
    st.sampled_from(sorted(REQUESTS)).flatmap(lambda name: st.tuples(st.just(name), REQUESTS[name])), max_size=10
)


def new_service(folder: Path) -> tuple[Service, dict[str, str]]:
    """Open a file of its own with a table and what can be had of it; and what stands for them in requests."""
    service = open_service(folder / "cdc.db", Options(shards=1, bucket_folder=folder / "buckets"), ManualClock())
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
    names = {"t": "abc", "ARN": ARN}
    service.create_table(**with_names(SOUND["CreateTable"], {}) | {"TableName": "abc"}, **stream)
    service.put_item(TableName="abc", Item={"pk": {"S": "a"}})
    service.update_continuous_backups(**with_names(SOUND["UpdateContinuousBackups"], names))
    names["BACKUP"] = service.create_backup(TableName="abc", BackupName="one")["BackupDetails"]["BackupArn"]
    export = service.export_table_to_point_in_time(TableArn=ARN, S3Bucket="bucket")
    names["EXPORT"] = export["ExportDescription"]["ExportArn"]
    imported = service.import_table(**with_names(SOUND["ImportTable"], names))
    names["IMPORT"] = imported["ImportTableDescription"]["ImportArn"]
    return service, names


@settings(max_examples=50)
@given(PROGRAMS)
def test_every_answer_is_a_success_or_a_modelled_error_and_the_file_stays_whole(tmp_path_factory, program):
    service, names = new_service(tmp_path_factory.mktemp("hostile"))
    with service:
        for name, request in program:
            try:
                service.call(name, with_names(request, names))
            except InternalServerError as error:
                raise AssertionError(f"{name} {request}: {error}") from error
            except ServiceError:
                continue
        service.background.finish()
        assert list(check(service.database)) == []
