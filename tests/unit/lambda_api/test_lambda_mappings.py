"""Event source mappings over the Lambda API: what is stored, read back, changed and refused."""

from __future__ import annotations

import pytest

from cdc.model.errors import ServiceError
from cdc.model.mappings import Declaration, MappingSettings
from tests.unit.lambda_api.contexts import Lambda

MAPPINGS = "/2015-03-31/event-source-mappings"
FUNCTION_ARN = "arn:aws:lambda:us-east-1:000000000000:function:audit"


@pytest.fixture
def create(lambda_, stream_arn):
    def create(**more):
        request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "TRIM_HORIZON"} | more
        answer = lambda_.call("POST", MAPPINGS, request)
        assert answer.status == 202
        return answer.body

    return create


def get(lambda_, uuid):
    return lambda_.call("GET", f"{MAPPINGS}/{uuid}").body


def update(lambda_, uuid, **changes):
    answer = lambda_.call("PUT", f"{MAPPINGS}/{uuid}", changes)
    assert answer.status == 202
    return answer.body


def declare(service, **settings):
    declared = MappingSettings(function_name="audit", starting_position="LATEST", **settings)
    service.declare_mappings([Declaration(name="declared", table_name="orders", settings=declared)])
    [mapping] = [mapping for mapping in service.mappings() if mapping.name == "declared"]
    return mapping.uuid


def test_a_new_mapping_is_answered_as_recorded_with_all_defaults(create, stream_arn, lambda_):
    created = create()
    uuid = created["UUID"]
    assert created == {
        "UUID": uuid,
        "BatchSize": 100,
        "BisectBatchOnFunctionError": False,
        "DestinationConfig": {"OnFailure": {}},
        "EventSourceArn": stream_arn,
        "EventSourceMappingArn": f"arn:aws:lambda:us-east-1:000000000000:event-source-mapping:{uuid}",
        "FunctionArn": FUNCTION_ARN,
        "FunctionResponseTypes": [],
        "LastModified": created["LastModified"],
        "LastProcessingResult": "No records processed",
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
        "StartingPosition": "TRIM_HORIZON",
        "State": "Creating",
        "StateTransitionReason": "User action",
        "TumblingWindowInSeconds": 0,
    }
    assert get(lambda_, uuid) == created | {"State": "Enabled"}
    assert lambda_.noticed == ["mappings"]


EVERY_SETTING = {
    "BatchSize": 10_000,
    "MaximumBatchingWindowInSeconds": 300,
    "ParallelizationFactor": 10,
    "MaximumRecordAgeInSeconds": 60,
    "MaximumRetryAttempts": 0,
    "BisectBatchOnFunctionError": True,
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "FilterCriteria": {"Filters": [{"Pattern": '{"eventName":["INSERT"]}'}, {"Pattern": '{"eventName":["REMOVE"]}'}]},
    "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:sqs:eu-west-1:123456789012:failed"}},
    "MetricsConfig": {"Metrics": ["EventCount"]},
}


def test_every_setting_is_stored_and_read_back(create, lambda_, service):
    created = create(**EVERY_SETTING)
    assert {name: created[name] for name in EVERY_SETTING} == EVERY_SETTING
    assert get(lambda_, created["UUID"]) == created | {"State": "Enabled"}
    [mapping] = service.mappings()
    assert mapping.settings.parallelization_factor == 10
    assert mapping.settings.on_failure == "arn:aws:sqs:eu-west-1:123456789012:failed"


def test_a_tumbling_window_is_read_back(create, lambda_):
    assert get(lambda_, create(TumblingWindowInSeconds=900)["UUID"])["TumblingWindowInSeconds"] == 900


def test_a_mapping_made_disabled_is_disabled(create, lambda_, service):
    created = create(Enabled=False)
    assert (created["State"], get(lambda_, created["UUID"])["State"]) == ("Creating", "Disabled")
    assert not service.mappings()[0].active


@pytest.mark.parametrize("empty", [{"Filters": []}, {}])
def test_no_filters_are_read_back_as_none(create, empty):
    assert "FilterCriteria" not in create(FilterCriteria=empty)


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        ("audit:$LATEST", f"{FUNCTION_ARN}:$LATEST"),
        (FUNCTION_ARN, FUNCTION_ARN),
        (f"{FUNCTION_ARN}:$LATEST", f"{FUNCTION_ARN}:$LATEST"),
        ("000000000000:function:audit", FUNCTION_ARN),
        ("000000000000:audit:$LATEST", f"{FUNCTION_ARN}:$LATEST"),
    ],
)
def test_the_function_s_arn_has_the_qualifier_that_was_given(create, name, arn):
    assert create(FunctionName=name)["FunctionArn"] == arn


def test_an_update_answers_the_old_settings_and_the_new_ones_are_read_then(create, lambda_, clock):
    created = create()
    clock.advance(5)
    answered = update(lambda_, created["UUID"], BatchSize=7, FunctionName="totals")
    assert (answered["State"], answered["BatchSize"], answered["FunctionArn"]) == ("Updating", 100, FUNCTION_ARN)
    now = get(lambda_, created["UUID"])
    assert (now["State"], now["BatchSize"]) == ("Enabled", 7)
    assert now["FunctionArn"].endswith(":totals")
    assert now["LastModified"] == answered["LastModified"] == created["LastModified"] + 5


def test_every_setting_can_be_changed_and_taken_back(create, lambda_):
    uuid = create()["UUID"]
    update(lambda_, uuid, **EVERY_SETTING)
    changed = get(lambda_, uuid)
    assert {name: changed[name] for name in EVERY_SETTING} == EVERY_SETTING
    update(
        lambda_,
        uuid,
        FilterCriteria={},
        DestinationConfig={"OnFailure": {"Destination": ""}},
        MetricsConfig={"Metrics": []},
        FunctionResponseTypes=[],
    )
    cleared = get(lambda_, uuid)
    assert not {"FilterCriteria", "MetricsConfig"} & cleared.keys()
    assert (cleared["DestinationConfig"], cleared["FunctionResponseTypes"]) == ({"OnFailure": {}}, [])
    assert cleared["BatchSize"] == 10_000


def test_disabling_and_enabling_pass_through_their_states(create, lambda_):
    uuid = create()["UUID"]
    assert update(lambda_, uuid, Enabled=False)["State"] == "Disabling"
    assert get(lambda_, uuid)["State"] == "Disabled"
    assert update(lambda_, uuid, BatchSize=1)["State"] == "Updating"
    assert get(lambda_, uuid)["State"] == "Disabled"
    assert update(lambda_, uuid, Enabled=True)["State"] == "Enabling"
    assert get(lambda_, uuid)["State"] == "Enabled"
    assert update(lambda_, uuid, Enabled=True)["State"] == "Updating"


def test_enabling_resumes_a_mapping_that_an_operator_paused(create, lambda_, service):
    created = create()
    service.control.pause(created["UUID"])
    assert get(lambda_, created["UUID"])["State"] == "Disabled"
    assert update(lambda_, created["UUID"], Enabled=True)["State"] == "Enabling"
    assert service.mappings()[0].active


def test_a_deleted_mapping_is_gone_with_its_tags(create, lambda_):
    uuid = create(Tags={"team": "a"})["UUID"]
    answer = lambda_.call("DELETE", f"{MAPPINGS}/{uuid}")
    assert (answer.status, answer.body["State"]) == (202, "Deleting")
    for method, body in (("GET", None), ("PUT", {"BatchSize": 1}), ("DELETE", None)):
        error = lambda_.refusal(method, f"{MAPPINGS}/{uuid}", body)
        assert (error.code, error.status) == ("ResourceNotFoundException", 404)
        text = "The resource you requested does not exist."
        assert error.body() == {"Type": "User", "Message": text, "message": text}


def test_one_stream_and_function_have_one_mapping(create, lambda_, stream_arn):
    first = create()
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "LATEST"}
    error = lambda_.refusal("POST", MAPPINGS, request)
    assert (error.code, error.status) == ("ResourceConflictException", 409)
    assert str(error) == (
        f'The event source arn (" {stream_arn} ") and function (" audit ") provided mapping already exists. '
        f"Please update or delete the existing mapping with UUID {first['UUID']}"
    )
    second = create(FunctionName="totals")
    create(FunctionName="audit:$LATEST")
    error = lambda_.refusal("PUT", f"{MAPPINGS}/{second['UUID']}", {"FunctionName": "audit"})
    assert error.code == "ResourceConflictException"
    update(lambda_, first["UUID"], FunctionName="audit")  # of itself


def test_lists_come_in_pages_and_are_filtered(create, lambda_, stream_arn):
    created = [create(FunctionName=name) for name in ("audit", "totals", "audit:$LATEST")]
    uuids = [each["UUID"] for each in created]

    def listed(**query):
        answer = lambda_.call("GET", f"{MAPPINGS}/", **query).body
        return [each["UUID"] for each in answer["EventSourceMappings"]], answer.get("NextMarker")

    assert listed() == (uuids, None)
    page, marker = listed(MaxItems=2)
    assert page == uuids[:2]
    assert listed(MaxItems=2, Marker=marker) == (uuids[2:], None)
    assert listed(FunctionName="totals") == (uuids[1:2], None)
    assert listed(FunctionName="audit") == ([uuids[0], uuids[2]], None)
    assert listed(FunctionName=f"{FUNCTION_ARN}:$LATEST") == (uuids[2:], None)
    assert listed(EventSourceArn=stream_arn) == (uuids, None)
    assert listed(EventSourceArn=stream_arn.replace("orders", "others")) == ([], None)
    assert listed(FunctionName="nobody") == ([], None)


def test_a_page_has_at_most_a_hundred(lambda_, stream_arn):
    lambda_.declare(*(f"f{number}" for number in range(101)))
    for number in range(101):
        request = {"FunctionName": f"f{number}", "EventSourceArn": stream_arn, "StartingPosition": "LATEST"}
        lambda_.call("POST", MAPPINGS, request)
    answer = lambda_.call("GET", MAPPINGS, MaxItems=10_000).body
    assert len(answer["EventSourceMappings"]) == 100
    assert len(lambda_.call("GET", MAPPINGS, Marker=answer["NextMarker"]).body["EventSourceMappings"]) == 1


def test_a_mapping_of_the_configuration_is_read_like_any_other(lambda_, service, stream_arn):
    uuid = declare(service, batch_size=5)
    found = get(lambda_, uuid)
    assert (found["EventSourceArn"], found["BatchSize"], found["State"]) == (stream_arn, 5, "Enabled")
    assert [each["UUID"] for each in lambda_.call("GET", MAPPINGS).body["EventSourceMappings"]] == [uuid]
    service.declare_mappings([])
    assert lambda_.call("GET", MAPPINGS).body["EventSourceMappings"] == []
    assert lambda_.refusal("GET", f"{MAPPINGS}/{uuid}").status == 404


def test_a_mapping_of_the_configuration_that_waits_for_its_table_has_no_source(lambda_, service):
    assert "EventSourceArn" not in get(lambda_, declare(service))


def test_a_mapping_of_the_configuration_can_be_paused_and_resumed_but_not_changed(lambda_, service, stream_arn):
    uuid = declare(service, batch_size=5)
    assert update(lambda_, uuid, Enabled=False, BatchSize=5)["State"] == "Disabling"  # 5 is what it has
    assert get(lambda_, uuid)["State"] == "Disabled"
    declare(service, batch_size=5)  # a reload
    assert get(lambda_, uuid)["State"] == "Disabled"
    assert update(lambda_, uuid, Enabled=True)["State"] == "Enabling"
    for method, body in (("PUT", {"BatchSize": 6}), ("PUT", {"FunctionName": "totals"}), ("DELETE", None)):
        error = lambda_.refusal(method, f"{MAPPINGS}/{uuid}", body)
        assert (error.code, error.status) == ("ResourceConflictException", 409)
        assert str(error).startswith(f"The event source mapping {uuid} is declared in the configuration, as declared: ")
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "LATEST"}
    assert lambda_.refusal("POST", MAPPINGS, request).status == 409


def test_a_mapping_that_the_configuration_disables_is_enabled_there(lambda_, service, stream_arn):  # noqa: ARG001
    uuid = declare(service, enabled=False)
    error = lambda_.refusal("PUT", f"{MAPPINGS}/{uuid}", {"Enabled": True})
    assert error.code == "InvalidParameterValueException"
    assert str(error).endswith("with enabled = false: set it to true there and reload")


def test_a_reload_of_the_configuration_leaves_mappings_of_the_api(create, lambda_, service):
    uuid = create()["UUID"]
    declare(service)
    service.declare_mappings([])
    assert get(lambda_, uuid)["State"] == "Enabled"


def test_the_source_is_read_back_when_the_stream_is_gone(create, lambda_, service, stream_arn, clock):
    from cdc.streams.retention import purge_step  # noqa: PLC0415

    uuid = create()["UUID"]
    service.delete_table(TableName="orders")
    clock.advance(3 * 86_400)
    while purge_step(service.writer, service.reader, clock.now_ms(), lambda: None).more:
        pass
    assert service.list_streams()["Streams"] == []
    assert get(lambda_, uuid)["EventSourceArn"] == stream_arn
    update(lambda_, uuid, FunctionName="totals")
    assert lambda_.call("DELETE", f"{MAPPINGS}/{uuid}").status == 202


def test_the_api_works_where_no_function_runs(service, stream_arn):
    alone = Lambda(service)
    alone.declare("audit")
    request = {"FunctionName": "audit", "EventSourceArn": stream_arn, "StartingPosition": "LATEST"}
    assert alone.call("POST", MAPPINGS, request).status == 202


def test_a_mapping_of_the_api_is_not_forgotten_elsewhere(create, service):
    with pytest.raises(ServiceError, match="was made over the Lambda API: delete it there"):
        service.forget_mapping(create()["UUID"])
