"""The page of metrics: CloudWatch's figures of mappings, functions, operations and the file."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cdc.api.metrics import metrics_text
from cdc.api.tallies import Tallies

STATUS = {
    "mappings": [{"name": "m", "table": "t", "iterator_age_ms": 1500, "dead_letters": 2, "trimmed_records": 3}],
    "outbox": [{"destination": "file:/x", "pending": 4}],
}
COUNTERS = {
    "polled": 20,
    "filtered": 5,
    "invocations": 4,
    "invoked": 18,
    "errors": 2,
    "throttles": 1,
    "recursive": 0,
    "failed": 6,
    "dropped": 1,
    "finished": 3,
    "duration_ms": 12.5,
}


def state(name="m", *, function="f", event_counts=False, outbox=None):
    ages = [(None, 100), (7, 250), (7, None)]
    lanes = [{"in_flight_since_ms": since, "iterator_age_ms": age} for since, age in ages]
    return {
        "name": name,
        "uuid": f"uuid-{name}",
        "function_name": function,
        "event_counts": event_counts,
        "counters": COUNTERS,
        "outbox": outbox,
        "lanes": lanes,
    }


def samples(delivery, status=STATUS, tallies=()):
    text = metrics_text(tallies, delivery, status).decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def delivery():
    sent = {"delivered": 9, "failures": 3, "dropped": 2}
    requests = {"g": {"invocations": 8, "errors": 3, "throttles": 2, "finished": 7, "duration_ms": 9.5}}
    return {"mappings": {"m": state(event_counts=True, outbox=sent), "n": state("n")}, "requests": requests}


def test_invocations_over_the_lambda_api_have_no_mapping(delivery):
    found = samples(delivery)
    for name, value in (
        ("invocations_total", 8),
        ("errors_total", 3),
        ("throttles_total", 2),
        ("duration_milliseconds_sum", 9.5),
        ("duration_milliseconds_count", 7),
    ):
        assert found[f"cdc_lambda_{name}", "", "g"] == value
    assert found["cdc_lambda_concurrent_executions", "g"] == 1


def test_functions_have_what_lambda_has_of_them(delivery):
    found = samples(delivery)
    for name, value in (
        ("invocations_total", 4),
        ("errors_total", 2),
        ("throttles_total", 1),
        ("recursive_invocations_total", 0),
        ("duration_milliseconds_sum", 12.5),
        ("duration_milliseconds_count", 3),
        ("iterator_age_milliseconds", 250),
        ("destination_delivery_failures_total", 3),
    ):
        assert found[f"cdc_lambda_{name}", "m", "f"] == value
    assert found["cdc_lambda_destination_delivery_failures_total", "n", "f"] == 0
    assert found["cdc_lambda_concurrent_executions", "f"] == 4
    assert found["cdc_delivery_up",] == 1


def test_events_are_counted_for_mappings_whose_metrics_config_asks_for_it(delivery):
    found = samples(delivery)
    names = {key[0]: value for key, value in found.items() if key[0].startswith("cdc_event_source_mapping_")}
    assert names == {
        f"cdc_event_source_mapping_{name}_event_count_total": value
        for name, value in (
            ("polled", 20),
            ("filtered_out", 5),
            ("invoked", 18),
            ("failed_invoke", 6),
            ("dropped", 3),
            ("on_failure_destination_delivered", 9),
        )
    }
    assert {key[1:] for key in found if key[0] in names} == {("m", "uuid-m")}


def test_without_a_process_that_delivers_there_is_what_the_file_says():
    found = samples(None)
    assert found["cdc_delivery_up",] == 0
    assert found["cdc_mapping_waiting_age_milliseconds", "m", "t"] == 1500
    assert found["cdc_mapping_dead_letters", "m"] == 2
    assert found["cdc_mapping_trimmed_records", "m"] == 3
    assert found["cdc_outbox_pending_messages", "file:/x"] == 4
    assert not [key for key in found if key[0].startswith("cdc_lambda_")]


def test_operations_have_what_dynamodb_has_of_them():
    tallies = Tallies()
    put = tallies.of(b"DynamoDB_20120810.PutItem", {"TableName": "abc"})
    put.successful, put.seconds = 1, 0.25
    tallies.of(b"DynamoDBStreams_20120810.GetRecords", {}).count_records(b'{"eventSource":"aws:dynamodb"}')
    found = samples(None, tallies=tallies)
    latency = "cdc_dynamodb_successful_request_latency_milliseconds"
    assert found[f"{latency}_sum", "abc", "PutItem"] == 250
    assert found[f"{latency}_count", "abc", "PutItem"] == 1
    for name in ("user_errors", "system_errors", "conditional_check_failed_requests"):
        assert found[f"cdc_dynamodb_{name}_total", "abc", "PutItem"] == 0
    returned = {key[1:]: value for key, value in found.items() if key[0].startswith("cdc_dynamodb_returned")}
    assert returned == {("", "GetRecords"): 1}


def test_each_metric_of_cloudwatch_names_it(delivery):
    text = metrics_text(Tallies(), delivery, STATUS).decode()
    helps = {line.split()[2]: line for line in text.splitlines() if line.startswith("# HELP ")}
    for name, line in helps.items():
        if name.startswith(("cdc_lambda_", "cdc_dynamodb_", "cdc_event_source_mapping_")):
            assert "CloudWatch " in line
