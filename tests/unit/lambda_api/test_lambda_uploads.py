"""Functions that are made, changed and deleted over the API: how they are run, read back and refused."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from tests.unit.lambda_api.contexts import FakeFunctions, Lambda
from tests.unit.lambda_api.zips import base64_of, zip_of

FUNCTIONS = "/2015-03-31/functions"
ROLE = "arn:aws:iam::000000000000:role/cdc"
ZIP = zip_of({"app.py": "def handler(event, context): return 1", "bootstrap": "#!/bin/sh"})
INVALID, CONFLICT = "InvalidParameterValueException", "ResourceConflictException"


@pytest.fixture
def create(lambda_):
    def create(name="f", **more):
        request = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": base64_of(ZIP)},
        }
        answer = lambda_.call("POST", FUNCTIONS, request | more)
        assert answer.status == 201
        return answer.body

    return create


def request_of(**more):
    wanted = {
        "FunctionName": "f",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "Code": {"ZipFile": base64_of(ZIP)},
    }
    return {name: value for name, value in (wanted | more).items() if value is not None}


def get(lambda_, name="f"):
    return lambda_.call("GET", f"{FUNCTIONS}/{name}").body


def uploaded_folders(lambda_):
    folder = lambda_.context.code_folder
    return [each for name in folder.iterdir() for each in name.iterdir()] if folder.is_dir() else []


def test_a_new_function_is_answered_with_what_lambda_tells(create, lambda_):
    created = create(Timeout=30, MemorySize=256, Description="d", Environment={"Variables": {"AA": "1"}})
    assert created == {
        "FunctionName": "f",
        "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(ZIP),
        "Description": "d",
        "Timeout": 30,
        "MemorySize": 256,
        "LastModified": "2023-11-14T22:13:20.000+0000",
        "CodeSha256": base64.b64encode(hashlib.sha256(ZIP).digest()).decode(),
        "Version": "$LATEST",
        "Environment": {"Variables": {"AA": "1"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": created["RevisionId"],
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    }
    found = get(lambda_)
    expected = created | {"State": "Active", "LastUpdateStatus": "Successful"}
    del expected["StateReason"], expected["StateReasonCode"]
    assert found["Configuration"] == expected
    assert lambda_.call("GET", f"{FUNCTIONS}/f/configuration").body == expected
    folder = Path(found["Code"]["Location"].removeprefix("file://"))
    assert (folder / "app.py").is_file()


@pytest.mark.parametrize("variables", [None, {}, {"AA": "1"}])
def test_variables_are_told_back_once_they_were_set(create, lambda_, variables):
    environment = {} if variables is None else {"Environment": {"Variables": variables}}
    create(**environment)
    configuration = get(lambda_)["Configuration"]
    assert (
        {"Environment": configuration["Environment"]} == environment
        if environment
        else "Environment" not in configuration
    )


def test_lists_of_functions_leave_out_how_each_is(create, lambda_):
    create()
    [listed] = [each for each in lambda_.call("GET", FUNCTIONS).body["Functions"] if each["FunctionName"] == "f"]
    configuration = get(lambda_)["Configuration"]
    assert {name: configuration[name] for name in listed} == listed
    assert configuration.keys() - listed.keys() == {"State", "LastUpdateStatus"}


def test_the_latest_version_can_t_be_deleted_alone(create, lambda_):
    create()
    error = lambda_.refusal("DELETE", f"{FUNCTIONS}/f", Qualifier="$LATEST")
    text = "$LATEST version cannot be deleted without deleting the function."
    assert (error.code, str(error)) == (INVALID, text)
    assert lambda_.call("DELETE", f"{FUNCTIONS}/f").status == 204


@pytest.mark.parametrize(
    ("runtime", "handler", "kind", "run"),
    [
        ("python3.9", "app.handler", "python", "app:handler"),
        ("python3.13", "pkg/mod.fn", "python", "pkg/mod:fn"),
        ("nodejs22.x", "src/index.handler", "runtime", "src/index.handler"),
        ("provided.al2023", "any", "runtime", "any"),
    ],
)
def test_each_runtime_is_run_in_its_way(create, functions, runtime, handler, kind, run):
    create(Runtime=runtime, Handler=handler, Timeout=7, MemorySize=300)
    definition = functions.definitions["f"]
    assert (definition.kind.value, definition.handler) == (kind, run)
    assert (definition.timeout_seconds, definition.memory_size) == (7, 300)
    execution = None if kind == "runtime" and runtime.startswith("provided") else f"AWS_Lambda_{runtime}"
    assert definition.environment.get("AWS_EXECUTION_ENV") == execution
    if runtime.startswith("nodejs"):
        program, client, given = definition.program
        assert (program, given) == ("node", handler)
        assert Path(client).is_file()
    if runtime.startswith("provided"):
        assert definition.program == (str(definition.working_directory / "bootstrap"),)


def test_the_configuration_is_changed_and_new_instances_take_over(create, lambda_, functions, clock):
    created = create(Environment={"Variables": {"AA": "1"}})
    clock.advance(60)
    answer = lambda_.call(
        "PUT",
        f"{FUNCTIONS}/f/configuration",
        {"Timeout": 9, "Environment": {"Variables": {"BB": "2"}}, "Handler": "app.x"},
    )
    assert answer.status == 200
    assert answer.body["LastUpdateStatus"] == "InProgress"
    found = get(lambda_)["Configuration"]
    assert (found["LastUpdateStatus"], found["Timeout"], found["Handler"]) == ("Successful", 9, "app.x")
    assert found["Environment"] == {"Variables": {"BB": "2"}}
    assert found["CodeSha256"] == created["CodeSha256"]
    assert found["RevisionId"] != created["RevisionId"]
    assert found["LastModified"] == "2023-11-14T22:14:20.000+0000"
    assert (functions.definitions["f"].timeout_seconds, functions.definitions["f"].handler) == (9, "app:x")


@pytest.mark.parametrize("architectures", [1, ["arm64"], ["none"]])
def test_an_architecture_is_no_part_of_the_configuration_that_is_changed(create, lambda_, architectures):
    create()
    changed = lambda_.call("PUT", f"{FUNCTIONS}/f/configuration", {"Architectures": architectures, "Timeout": 9}).body
    assert (changed["Architectures"], changed["Timeout"]) == (["x86_64"], 9)


def test_code_is_changed_with_the_old_one_kept_for_what_runs(create, lambda_, functions):
    create()
    first = functions.definitions["f"].working_directory
    body = lambda_.call("PUT", f"{FUNCTIONS}/f/code", {"ZipFile": base64_of(zip_of({"app.py": "2"}))}).body
    assert (body["LastUpdateStatus"], body["State"]) == ("InProgress", "Active")
    second = functions.definitions["f"].working_directory
    assert (second / "app.py").read_text() == "2"
    assert sorted(uploaded_folders(lambda_)) == sorted([first, second])
    lambda_.call("PUT", f"{FUNCTIONS}/f/code", {"ZipFile": base64_of(zip_of({"app.py": "3"}))})
    assert sorted(uploaded_folders(lambda_)) == sorted([second, functions.definitions["f"].working_directory])


def test_a_dry_run_changes_nothing(create, lambda_):
    create()
    before, folders = get(lambda_), uploaded_folders(lambda_)
    body = lambda_.call("PUT", f"{FUNCTIONS}/f/code", {"ZipFile": base64_of(zip_of({"a": "2"})), "DryRun": True}).body
    assert body["CodeSha256"] != before["Configuration"]["CodeSha256"]
    assert (get(lambda_), uploaded_folders(lambda_)) == (before, folders)


def test_a_folder_of_this_machine_is_used_where_it_is_and_watched(create, lambda_, functions, tmp_path):
    create(Code={"S3Bucket": "hot-reload", "S3Key": str(tmp_path)})
    definition = functions.definitions["f"]
    assert (definition.working_directory, definition.reload_on_change) == (tmp_path, True)
    assert get(lambda_)["Configuration"]["CodeSize"] == 0
    lambda_.call("DELETE", f"{FUNCTIONS}/f")
    assert tmp_path.is_dir()


def test_a_deleted_function_is_gone_with_its_code_and_tags(create, lambda_, functions):
    create(Tags={"a": "b"})
    assert get(lambda_)["Tags"] == {"a": "b"}
    answer = lambda_.call("DELETE", f"{FUNCTIONS}/f")
    assert (answer.status, answer.body) == (204, None)
    assert "f" not in functions.definitions
    assert uploaded_folders(lambda_) == []
    text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f"
    for method, path in (("GET", ""), ("DELETE", ""), ("PUT", "/code"), ("PUT", "/configuration")):
        error = lambda_.refusal(method, f"{FUNCTIONS}/f{path}", {})
        assert (error.code, str(error), error.status) == ("ResourceNotFoundException", text, 404)
    create()
    assert "Tags" not in get(lambda_)


def test_functions_outlive_a_restart_and_code_that_nobody_has_is_swept(create, lambda_, service):
    create()
    [kept] = uploaded_folders(lambda_)
    left_over = kept.with_name("left-over.part")
    left_over.mkdir()
    again = FakeFunctions()
    restarted = Lambda(service, functions=again)
    restarted.declare("audit")
    restarted.api.sweep()
    assert again.definitions["f"].working_directory == kept
    assert uploaded_folders(restarted) == [kept]


def test_a_declared_function_hides_an_uploaded_one(create, lambda_, functions, caplog):
    create()
    lambda_.declare("f")
    assert functions.definitions["f"].handler == "app:handle"
    assert "function f of the configuration hides" in caplog.text
    assert get(lambda_)["Configuration"]["Description"] == "declared in the configuration"
    lambda_.declare()
    assert functions.definitions["f"].handler == "app:handler"


def test_functions_are_listed_in_pages_both_kinds_together(create, lambda_):
    create("b")
    create("z")

    def listed(**query):
        answer = lambda_.call("GET", f"{FUNCTIONS}/", **query).body
        return [each["FunctionName"] for each in answer["Functions"]], answer.get("NextMarker")

    assert listed() == (["audit", "b", "totals", "z"], None)
    page, marker = listed(MaxItems=3)
    assert (page, listed(Marker=marker)) == (["audit", "b", "totals"], (["z"], None))
    versions = lambda_.call("GET", FUNCTIONS, FunctionVersion="ALL").body["Functions"]
    assert {each["FunctionArn"].rpartition(":")[2] for each in versions} == {"$LATEST"}
    assert lambda_.refusal("GET", FUNCTIONS, FunctionVersion="SOME").code == "ValidationException"


def test_a_function_that_can_t_start_says_why(create, lambda_, functions):
    create()
    functions.start_error = "Unable to import module 'app'"
    found = get(lambda_)["Configuration"]
    assert (found["State"], found["StateReason"]) == ("Failed", "Unable to import module 'app'")


def test_a_function_is_found_by_its_arn_and_with_its_version(create, lambda_):
    arn = create()["FunctionArn"]
    assert get(lambda_, arn.replace(":", "%3A"))["Configuration"]["FunctionArn"] == arn
    assert get(lambda_, f"{arn}:$LATEST")["Configuration"]["FunctionArn"] == f"{arn}:$LATEST"
    found = lambda_.call("GET", f"{FUNCTIONS}/f", Qualifier="$LATEST").body
    assert found["Configuration"]["FunctionArn"] == f"{arn}:$LATEST"
    assert str(lambda_.refusal("GET", f"{FUNCTIONS}/f", Qualifier="live")) == f"Function not found: {arn}:live"
    assert str(lambda_.refusal("GET", f"{FUNCTIONS}/f:a", Qualifier="b")) == (
        "The derived qualifier from the function name does not match the specified qualifier."
    )
    assert lambda_.refusal("GET", f"{FUNCTIONS}/f!").code == "ValidationException"


def test_uploads_are_off_unless_they_are_allowed(service):
    off = Lambda(service, allow_upload=False)
    off.declare("audit")
    for method, path in (("POST", ""), ("DELETE", "/audit"), ("PUT", "/audit/code"), ("PUT", "/audit/configuration")):
        error = off.refusal(method, f"{FUNCTIONS}{path}", request_of())
        assert (error.code, error.status) == ("AccessDeniedException", 403)
        assert "server.allow_function_upload = true" in str(error)
    assert off.call("GET", FUNCTIONS).status == 200


def test_declared_functions_can_be_read_but_not_changed(lambda_):
    found = get(lambda_, "audit")["Configuration"]
    assert (found["Handler"], found["Timeout"], found["State"]) == ("app:handle", 3, "Active")
    for method, path in (("DELETE", ""), ("PUT", "/code"), ("PUT", "/configuration")):
        error = lambda_.refusal(method, f"{FUNCTIONS}/audit{path}", {"ZipFile": base64_of(ZIP)})
        assert (error.code, error.status) == (CONFLICT, 409)
        assert str(error) == (
            "The function audit is declared in the configuration: change or remove it there, and reload"
        )


def test_a_name_is_given_once(create, lambda_):
    create()
    for name in ("f", "audit"):
        error = lambda_.refusal("POST", FUNCTIONS, request_of(FunctionName=name))
        assert (error.code, str(error), error.status) == (CONFLICT, f"Function already exist: {name}", 409)
    assert len(uploaded_folders(lambda_)) == 1


def test_a_change_that_saw_another_revision_is_refused(create, lambda_):
    revision = create()["RevisionId"]
    folders = uploaded_folders(lambda_)
    for path, change in (("configuration", {"Timeout": 5}), ("code", {"ZipFile": base64_of(ZIP)})):
        error = lambda_.refusal("PUT", f"{FUNCTIONS}/f/{path}", change | {"RevisionId": "other"})
        assert (error.code, error.status) == ("PreconditionFailedException", 412)
    assert uploaded_folders(lambda_) == folders
    assert lambda_.call("PUT", f"{FUNCTIONS}/f/configuration", {"Timeout": 5, "RevisionId": revision}).status == 200


MANDATORY = "Runtime and Handler are mandatory parameters for functions created with deployment packages."
REFUSED = [
    ({"Runtime": None}, INVALID, MANDATORY),
    ({"Handler": None}, INVALID, MANDATORY),
    ({"Role": None}, "ValidationException", "Value null at 'role'"),
    (
        {"Role": "role"},
        "ValidationException",
        "Value 'role' at 'role' failed to satisfy constraint: Member must satisfy regular",
    ),
    ({"FunctionName": "a b"}, "ValidationException", "Value 'a b' at 'functionName'"),
    ({"FunctionName": "a.b"}, "ValidationException", "Value 'a.b' at 'functionName'"),
    ({"Timeout": 901}, "ValidationException", "Value '901' at 'timeout'"),
    ({"MemorySize": 127}, "ValidationException", "Value '127' at 'memorySize'"),
    ({"EphemeralStorage": {"Size": 511}}, "ValidationException", "Value '511' at 'ephemeralStorage.size'"),
    (
        {"Architectures": ["arm"]},
        "ValidationException",
        "Value '[arm]' at 'architectures' failed to satisfy constraint: ",
    ),
    (
        {"Runtime": "java21"},
        INVALID,
        "Functions of the runtime java21 can't be made over the API of cdc: expected python3.x",
    ),
    ({"Runtime": "python2.7"}, INVALID, "Functions of the runtime python2.7 can't be made"),
    (
        {"Handler": "handler"},
        INVALID,
        "Handler handler names no function of a Python module: expected such as app.handler",
    ),
    ({"Runtime": "nodejs22.x", "Handler": "index"}, INVALID, "Handler index names no export of a JavaScript file"),
    ({"Code": {}}, INVALID, "Please provide a source for function code."),
    ({"Code": {"ZipFile": "?"}}, "InvalidRequestContentException", "ZipFile is not base64"),
    (
        {"Code": {"ZipFile": base64_of(b"no zip")}},
        INVALID,
        "Could not unzip uploaded file. Please check your file, then try to upload again.",
    ),
    ({"FunctionName": "f" * 65}, "ValidationException", "Member must have length less than or equal to 64"),
    ({"Code": {"S3Bucket": "bucket", "S3Key": "k"}}, INVALID, "Code in S3 is not supported by cdc: expected ZipFile"),
    ({"Code": {"S3Bucket": "hot-reload", "S3Key": "relative"}}, INVALID, "S3Key relative is no folder of this machine"),
    ({"Code": {"S3Bucket": "hot-reload", "S3Key": "/nowhere"}}, INVALID, "S3Key /nowhere is no folder of this machine"),
    (
        {"Code": {"ZipFile": base64_of(ZIP), "S3Key": "k"}},
        INVALID,
        "Please do not provide other FunctionCode parameters",
    ),
    ({"Code": {"ImageUri": "image"}, "PackageType": "Image"}, INVALID, "PackageType is not supported by cdc"),
    ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}, INVALID, "Layers is not supported by cdc"),
    ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, INVALID, "VpcConfig is not supported by cdc"),
    ({"TracingConfig": {"Mode": "Active"}}, INVALID, "TracingConfig is not supported by cdc"),
    ({"Publish": True}, INVALID, "Publish is not supported by cdc: leave it out"),
    ({"SnapStart": {"ApplyOn": "PublishedVersions"}}, INVALID, "SnapStart is not supported by cdc"),
    (
        {"Environment": {"Variables": {"AWS_REGION": "x"}}},
        INVALID,
        "Lambda was unable to configure your environment variables",
    ),
    (
        {"Environment": {"Variables": {"1A": "x"}}},
        INVALID,
        "The environment variable '1A' has a name that none can have",
    ),
    (
        {"Environment": {"Variables": {"AA": "x" * 4095}}},
        INVALID,
        "Lambda was unable to configure your environment variables",
    ),
]


@pytest.mark.parametrize(("change", "code", "text"), REFUSED)
def test_a_function_is_refused_with_what_would_be_right(change, code, text, lambda_):
    error = lambda_.refusal("POST", FUNCTIONS, request_of(**change))
    assert (error.code, error.status) == (code, 400)
    assert text in str(error)
    assert uploaded_folders(lambda_) == []


def test_a_custom_runtime_needs_its_bootstrap(lambda_):
    code = {"ZipFile": base64_of(zip_of({"other": "x"}))}
    error = lambda_.refusal("POST", FUNCTIONS, request_of(Runtime="provided.al2023", Code=code))
    assert "The code has no file named bootstrap" in str(error)
    assert uploaded_folders(lambda_) == []


@pytest.mark.parametrize(
    "harmless",
    [
        {"Publish": False, "PackageType": "Zip", "TracingConfig": {"Mode": "PassThrough"}, "Layers": []},
        {
            "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
            "DeadLetterConfig": {},
            "SnapStart": {"ApplyOn": "None"},
        },
        {"DeadLetterConfig": {"TargetArn": ""}, "LoggingConfig": {"LogFormat": "Text"}, "KMSKeyArn": ""},
        {"Environment": {}, "Architectures": ["arm64"], "EphemeralStorage": {"Size": 1024}, "Unheard": 1},
    ],
)
def test_what_asks_for_no_more_than_there_is_is_taken(harmless, create):
    assert create(**harmless)["FunctionName"] == "f"
