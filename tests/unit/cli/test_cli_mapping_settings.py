from __future__ import annotations

import json

import pytest

from cdc.service import open_service
from cdc.settings import MappingSettings
from cdc.settings.sections import keys_of
from tests.unit.service.requests import declaration

pytestmark = pytest.mark.usefixtures("orders")
CREATE = ("mappings", "create", "--table", "orders", "--function", "audit", "--starting-position", "TRIM_HORIZON")


@pytest.fixture
def configured(folder) -> None:
    (folder / "cdc.toml").write_text('[[functions]]\nname = "audit"\ncommand = ["cat"]\n')


@pytest.fixture
def uuid(cli, configured) -> str:  # noqa: ARG001  # the configuration that it reads
    return str(json.loads(cli(*CREATE).stdout)["UUID"])


@pytest.mark.usefixtures("configured")
def test_a_mapping_is_created_with_what_is_named_and_lambdas_defaults(cli):
    created = json.loads(cli(*CREATE, "--batch-size", "7", "--report-batch-item-failures", "--no-enabled").stdout)
    assert (created["BatchSize"], created["FunctionResponseTypes"]) == (7, ["ReportBatchItemFailures"])
    assert (created["State"], created["MaximumRetryAttempts"]) == ("Disabled", -1)
    assert created["EventSourceArn"].startswith("arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/")
    assert json.loads(cli("mappings", "show", created["UUID"]).stdout) == created
    assert [each["name"] for each in json.loads(cli("mappings", "list", "--json").stdout)] == [created["UUID"]]


@pytest.mark.parametrize(
    ("options", "member", "value"),
    [
        (("--batch-size", "50"), "BatchSize", 50),
        (("--maximum-batching-window-in-seconds", "5"), "MaximumBatchingWindowInSeconds", 5),
        (("--parallelization-factor", "3"), "ParallelizationFactor", 3),
        (("--maximum-record-age-in-seconds", "90"), "MaximumRecordAgeInSeconds", 90),
        (("--maximum-retry-attempts", "0"), "MaximumRetryAttempts", 0),
        (("--tumbling-window-in-seconds", "60"), "TumblingWindowInSeconds", 60),
        (("--bisect-batch-on-function-error",), "BisectBatchOnFunctionError", True),
        (("--no-enabled",), "State", "Disabled"),
        (("--report-batch-item-failures",), "FunctionResponseTypes", ["ReportBatchItemFailures"]),
        (("--event-count",), "MetricsConfig", {"Metrics": ["EventCount"]}),
        (("--filter", '{"a":[1]}', "--filter", "{}"), "FilterCriteria", [{"Pattern": '{"a":[1]}'}, {"Pattern": "{}"}]),
        (("--on-failure", "file:/x"), "DestinationConfig", {"OnFailure": {"Destination": "file:/x"}}),
    ],
)
def test_each_setting_can_be_changed(cli, uuid, options, member, value):
    changed = cli("mappings", "update", uuid, *options)
    if options[0] == "--filter":  # {} is no pattern
        assert changed.exit_code == 1
        changed = cli("mappings", "update", uuid, *options[:2])
        value = {"Filters": value[:1]}
    assert json.loads(changed.stdout)[member] == value
    rest = [name for name in keys_of(MappingSettings) if name not in {"name", "table", "function", "starting_position"}]
    assert len(rest) == 12, "each key of the configuration has its case above"


def test_lists_can_be_emptied(cli, uuid):
    cli("mappings", "update", uuid, "--filter", '{"a":[1]}', "--on-failure", "file:/x", "--report-batch-item-failures")
    options = ("--no-filters", "--on-failure", "", "--no-report-batch-item-failures", "--no-event-count")
    changed = json.loads(cli("mappings", "update", uuid, *options).stdout)
    assert "FilterCriteria" not in changed
    assert (changed["DestinationConfig"], changed["FunctionResponseTypes"]) == ({"OnFailure": {}}, [])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--batch-size", "10001"), "Value '10001' at 'batchSize' failed to satisfy constraint"),
        (("--maximum-record-age-in-seconds", "5"), "greater than or equal to 60, or be -1"),
        (("--filter", "["), "Invalid filter pattern definition."),
        (("--on-failure", "nowhere"), "Invalid destination nowhere"),
        (("--function", "other"), "Function does not exist"),
        (("--tumbling-window-in-seconds", "9", "--parallelization-factor", "2"), "needs a ParallelizationFactor of 1"),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(cli, uuid, options, says):
    before = cli("mappings", "show", uuid).stdout
    refused = cli("mappings", "update", uuid, *options)
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert cli("mappings", "show", uuid).stdout == before


def test_an_update_names_something(cli, uuid):
    assert cli("mappings", "update", uuid).exit_code == 2


@pytest.mark.usefixtures("configured")
def test_a_table_without_a_stream_can_have_no_mapping(cli):
    cli("create-table", "plain", "--key", "id", "--no-stream")
    refused = cli(*(each.replace("orders", "plain") for each in CREATE))
    assert refused.exit_code == 1
    assert "table plain has no stream: enable it first" in refused.stderr


def test_a_deleted_mapping_is_gone(cli, uuid):
    assert cli("mappings", "delete", uuid).stdout == f"deleted {uuid}\n"
    assert f"no mapping is named {uuid}" in cli("mappings", "show", uuid).stderr


def test_a_mapping_of_the_configuration_is_shown_but_changed_there_alone(cli, folder):
    with open_service(folder / "cdc.db") as service:
        service.declare_mappings([declaration("m", table="orders", batch_size=3)])
    assert json.loads(cli("mappings", "show", "m").stdout)["BatchSize"] == 3
    for arguments in (("update", "m", "--batch-size", "4"), ("delete", "m")):
        refused = cli("mappings", *arguments)
        assert refused.exit_code == 1
        assert "is declared in the configuration, as m" in refused.stderr
