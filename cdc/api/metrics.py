"""The page of metrics: what CloudWatch has of Lambda, of its event source mappings and of DynamoDB, under its names.

Counters begin at 0 with the process that counts: the API's own with this one, those of delivery with the one that delivers.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from cdc.api.exposition import COUNTER, GAUGE, SUMMARY, Exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdc.api.tallies import Tally

    State = dict[str, Any]

_COUNTED = {
    "invocations": "CloudWatch Invocations: calls of the function, those over the Lambda API without a mapping",
    "errors": "CloudWatch Errors: invocations that failed",
    "throttles": "CloudWatch Throttles: invocations that did not begin, as the function had no instance left",
}
"""What mappings and the Lambda API count alike."""
_OF_FUNCTIONS: tuple[tuple[str, str, Callable[[State], int]], ...] = (
    (
        "recursive_invocations_total",
        (
            "As CloudWatch RecursiveInvocationsDropped, but nothing is dropped: invocations with records that the function"
            " wrote in invocations with records that it wrote, 16 times or more"
        ),
        lambda state: state["counters"]["recursive"],
    ),
    (
        "destination_delivery_failures_total",
        "CloudWatch DestinationDeliveryFailures: attempts to send to the mapping's on-failure destination that failed",
        lambda state: _outbox(state, "failures"),
    ),
)
_OF_EVENTS: tuple[tuple[str, str, Callable[[State], int]], ...] = (
    ("polled", "PolledEventCount: records read", lambda state: state["counters"]["polled"]),
    (
        "filtered_out",
        "FilteredOutEventCount: records that the filters passed over",
        lambda state: state["counters"]["filtered"],
    ),
    (
        "invoked",
        "InvokedEventCount: records sent to the function, each time that they were",
        lambda state: state["counters"]["invoked"],
    ),
    (
        "failed_invoke",
        "FailedInvokeEventCount: records in invocations that failed or reported failures",
        lambda state: state["counters"]["failed"],
    ),
    (
        "dropped",
        "DroppedEventCount: records given up, unless a destination was told of them",
        lambda state: state["counters"]["dropped"] + _outbox(state, "dropped"),
    ),
    (
        "on_failure_destination_delivered",
        "OnFailureDestinationDeliveredEventCount: records that an on-failure destination was told of",
        lambda state: _outbox(state, "delivered"),
    ),
)
_OF_OPERATIONS: tuple[tuple[str, str, Callable[[Tally], int]], ...] = (
    ("user_errors", "UserErrors: requests answered with an HTTP 400", lambda tally: tally.user_errors),
    ("system_errors", "SystemErrors: requests answered with an HTTP 500 or 503", lambda tally: tally.system_errors),
    (
        "conditional_check_failed_requests",
        "ConditionalCheckFailedRequests: writes whose condition was false",
        lambda tally: tally.conditional_check_failed,
    ),
)


def metrics_text(tallies: Iterable[Tally], delivery: State | None, status: State) -> bytes:
    """Write the page. `delivery`: what the process that delivers has published; `status`: of the file."""
    page = Exposition()
    _write_delivery(page, delivery)
    _write_file(page, status)
    _write_operations(page, sorted(tallies, key=lambda tally: (tally.operation, tally.table)))
    return page.text()


def _outbox(state: State, name: str) -> int:
    return 0 if state["outbox"] is None else int(state["outbox"][name])


def _write_delivery(page: Exposition, delivery: State | None) -> None:
    page.metric("cdc_delivery_up", GAUGE, "Whether a process delivers and has published its state")
    page.sample({}, int(delivery is not None))
    states: list[State] = [] if delivery is None else list(delivery["mappings"].values())
    labelled = [({"mapping": state["name"], "function": state["function_name"]}, state) for state in states]
    counted = [(labels, state["counters"]) for labels, state in labelled]
    requests = {} if delivery is None else delivery["requests"]
    counted += [({"mapping": "", "function": name}, counts) for name, counts in sorted(requests.items())]
    for name, text in _COUNTED.items():
        page.metric(f"cdc_lambda_{name}_total", COUNTER, text)
        for labels, counts in counted:
            page.sample(labels, counts[name])
    for name, text, value in _OF_FUNCTIONS:
        page.metric(f"cdc_lambda_{name}", COUNTER, text)
        for labels, state in labelled:
            page.sample(labels, value(state))
    page.metric("cdc_lambda_duration_milliseconds", SUMMARY, "CloudWatch Duration: of invocations")
    for labels, counts in counted:
        page.sample(labels, counts["duration_ms"], "_sum")
        page.sample(labels, counts["finished"], "_count")
    _write_concurrency(page, states, requests)
    text = "CloudWatch IteratorAge: age of a batch's last record when its invocation had ended; of the oldest shard"
    page.metric("cdc_lambda_iterator_age_milliseconds", GAUGE, text)
    for labels, state in labelled:
        ages = [lane["iterator_age_ms"] for lane in state["lanes"] if lane["iterator_age_ms"] is not None]
        if ages:
            page.sample(labels, max(ages))
    _write_event_counts(page, [state for state in states if state["event_counts"]])


def _write_concurrency(page: Exposition, states: list[State], requests: State) -> None:
    page.metric("cdc_lambda_concurrent_executions", GAUGE, "CloudWatch ConcurrentExecutions: invocations in flight")
    flying: Counter[str] = Counter()
    for state in states:
        flying[state["function_name"]] += sum(lane["in_flight_since_ms"] is not None for lane in state["lanes"])
    for name, counts in requests.items():
        flying[name] += max(0, counts["invocations"] - counts["finished"])  # one may end before it is counted
    for function, count in sorted(flying.items()):
        page.sample({"function": function}, count)


def _write_event_counts(page: Exposition, states: list[State]) -> None:
    """Write what Lambda has for mappings with `EventCount` in their MetricsConfig alone."""
    for name, text, value in _OF_EVENTS if states else ():
        page.metric(f"cdc_event_source_mapping_{name}_event_count_total", COUNTER, f"CloudWatch {text}")
        for state in states:
            page.sample({"mapping": state["name"], "event_source_mapping_uuid": state["uuid"]}, value(state))


def _write_file(page: Exposition, status: State) -> None:
    page.metric(
        "cdc_mapping_waiting_age_milliseconds",
        GAUGE,
        "Age of the oldest record that waits, 0 when none does; grows also while nothing is delivered",
    )
    for mapping in status["mappings"]:
        page.sample({"mapping": mapping["name"], "table": mapping["table"]}, mapping["iterator_age_ms"])
    page.metric("cdc_mapping_dead_letters", GAUGE, "Dead letters that wait for somebody")
    for mapping in status["mappings"]:
        page.sample({"mapping": mapping["name"]}, mapping["dead_letters"])
    page.metric("cdc_mapping_trimmed_records", GAUGE, "Records that expired undelivered, as far as history is kept")
    for mapping in status["mappings"]:
        page.sample({"mapping": mapping["name"]}, mapping["trimmed_records"])
    page.metric("cdc_outbox_pending_messages", GAUGE, "Messages to a destination that are to be sent")
    for traffic in status["outbox"]:
        page.sample({"destination": traffic["destination"]}, traffic["pending"])


def _write_operations(page: Exposition, tallies: list[Tally]) -> None:
    labelled = [({"table": tally.table, "operation": tally.operation}, tally) for tally in tallies]
    page.metric(
        "cdc_dynamodb_successful_request_latency_milliseconds",
        SUMMARY,
        "CloudWatch SuccessfulRequestLatency: from the parsed request to its answer; its sample count is the requests",
    )
    for labels, tally in labelled:
        page.sample(labels, tally.seconds * 1000, "_sum")
        page.sample(labels, tally.successful, "_count")
    for name, text, value in _OF_OPERATIONS:
        page.metric(f"cdc_dynamodb_{name}_total", COUNTER, f"CloudWatch {text}")
        for labels, tally in labelled:
            page.sample(labels, value(tally))
    page.metric(
        "cdc_dynamodb_returned_records_count_total",
        COUNTER,
        "CloudWatch ReturnedRecordsCount: records that GetRecords gave",
    )
    for labels, tally in labelled:
        if tally.counts_records:
            page.sample(labels, tally.returned_records)
