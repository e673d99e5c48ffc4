"""The load: several clients write, correct and remove flights, and keep a journal of what was acknowledged."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004  # its name

from cdc.demo import flights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.clock import SystemClock
    from cdc.demo.flights import Flight

CLIENTS = 4
"""More don't write more: the SDK keeps one processor busy."""
SEND_SECONDS_MAX = 60.0
"""How long one request is sent again and again. The SDK alone gives up earlier: it has a budget for retries."""
PAUSE_SECONDS = 0.1


def connect(service: str, url: str) -> Any:
    """Return an ordinary client of the AWS SDK, pointed at the daemon."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="demo",
        aws_secret_access_key="demo",  # noqa: S106  # nobody checks it
        config=Config(
            retries={"mode": "standard"},
            max_pool_connections=CLIENTS,
            parameter_validation=False,  # the requests are right, and the check costs as much as sending them
        ),
    )


def create_table(client: Any) -> None:
    """Create the table with its stream and wait until it is active."""
    client.create_table(
        TableName=flights.TABLE,
        KeySchema=[
            {"AttributeName": "carrier", "KeyType": "HASH"},
            {"AttributeName": "departure", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("carrier", "departure")],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    client.get_waiter("table_exists").wait(TableName=flights.TABLE, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


class Journal:
    """What was acknowledged, by key and in order, and how the kill was felt. Safe to use from several threads."""

    def __init__(self) -> None:
        self.changes: defaultdict[str, list[str]] = defaultdict(list)
        self.count = 0
        self.rows = 0
        self.sent_again = 0  # requests
        self.found_done = 0  # updates sent again that had been committed, though their answer was lost
        self._lock = threading.Lock()

    def acknowledge(self, keys: list[str], change: str) -> None:
        """Note that one write of each of these keys is durable now."""
        with self._lock:
            for key in keys:
                self.changes[key].append(change)
            self.count += len(keys)

    def finish(self, rows: int) -> int:
        """Note that everything is done that was to be done with so many rows; return how many that makes."""
        with self._lock:
            self.rows += rows
            return self.rows

    def note_sent_again(self) -> None:
        """Note a request that had to be sent more than once."""
        with self._lock:
            self.sent_again += 1

    def note_found_done(self) -> None:
        """Note an update whose answer was lost."""
        with self._lock:
            self.found_done += 1


class Client:
    """The writes of one flight after the other.

    A request that the kill cut off was neither acknowledged nor refused, and is sent again. Putting the same item
    again, or deleting it again, changes nothing and makes no record. Adding minutes would add them twice: that update
    has a condition on the item's revision, and when this fails, the item tells that the lost answer was a success.
    """

    def __init__(self, sdk: Any, journal: Journal, clock: SystemClock) -> None:
        self._sdk = sdk
        self._journal = journal
        self._clock = clock

    def write(self, chunk: list[Flight]) -> None:
        """Put flights, then correct and remove those that are to be."""
        self._put(chunk)
        for flight in chunk:
            if flight.cancelled:
                self._remove(flight)
            elif flight.corrected:
                self._correct(flight)

    def _put(self, chunk: list[Flight]) -> None:
        waiting = {flight.key: {"PutRequest": {"Item": flight.item}} for flight in chunk}
        while waiting:
            response = self._send(self._sdk.batch_write_item, RequestItems={flights.TABLE: list(waiting.values())})
            refused = response.get("UnprocessedItems", {}).get(flights.TABLE, [])
            left = {flights.key_of(each["PutRequest"]["Item"]) for each in refused}
            self._journal.acknowledge([key for key in waiting if key not in left], flights.PUT)
            waiting = {key: request for key, request in waiting.items() if key in left}

    def _remove(self, flight: Flight) -> None:
        self._send(self._sdk.delete_item, TableName=flights.TABLE, Key=flight.keys)
        self._journal.acknowledge([flight.key], flights.REMOVED)

    def _correct(self, flight: Flight) -> None:
        try:
            self._send(
                self._sdk.update_item,
                TableName=flights.TABLE,
                Key=flight.keys,
                UpdateExpression="SET departure_delay = departure_delay + :minutes, revision = :second",
                ConditionExpression="revision = :first",
                ExpressionAttributeValues={
                    ":minutes": {"N": str(flights.CORRECTION_MINUTES)},
                    ":first": {"N": "1"},
                    ":second": {"N": "2"},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response.get("Item", {}).get("revision") != {"N": "2"}:
                raise
            self._journal.note_found_done()
        self._journal.acknowledge([flight.key], flights.CORRECTED)

    def _send(self, operation: Callable[..., Any], **request: Any) -> Any:
        """Send a request until it is answered."""
        deadline = self._clock.monotonic() + SEND_SECONDS_MAX
        sent_again = False
        try:
            while True:
                try:
                    answer = operation(**request)
                except (ConnectionError, HTTPClientError):  # after several attempts of the SDK's own
                    sent_again = True
                    if self._clock.monotonic() > deadline:
                        raise
                    self._clock.sleep(PAUSE_SECONDS)
                else:
                    sent_again |= answer["ResponseMetadata"].get("RetryAttempts", 0) > 0
                    return answer
        finally:
            if sent_again:
                self._journal.note_sent_again()


class Load:
    """Several clients that write at the same time; half way they say so, and what follows waits for `go_on`."""

    def __init__(self, sdk: Any, stream: Iterator[Flight], rows: int, clock: SystemClock) -> None:
        self.journal = Journal()
        self._client = Client(sdk, self.journal, clock)
        self._chunks = flights.chunks(stream)
        self._half_rows = rows // 2
        self._handed_rows = 0
        self._lock = threading.Lock()
        self._half = threading.Event()
        self._go_on = threading.Event()
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]

    def start(self) -> None:
        """Start writing."""
        for thread in self._threads:
            thread.start()

    def wait_for_half(self) -> None:
        """Return the moment half of the rows are written, while others are being written.

        Raises: what a client met.
        """
        self._half.wait()
        self._raise()

    def go_on(self) -> None:
        """Let the second half be written; requests under way are sent again meanwhile."""
        self._go_on.set()

    def wait_for_end(self) -> None:
        """Return when all rows are written.

        Raises: what a client met.
        """
        for thread in self._threads:
            thread.join()
        self._raise()

    def stop(self) -> None:
        """Write no more than what is under way."""
        self._chunks = iter(())
        self._go_on.set()

    def _run(self) -> None:
        try:
            while chunk := self._next():
                self._client.write(chunk)
                if self.journal.finish(len(chunk)) >= self._half_rows:
                    self._half.set()
        except BaseException as error:  # noqa: BLE001  # raised again by the thread that waits
            self._error = self._error or error
            self.stop()
        finally:
            self._half.set()

    def _next(self) -> list[Flight]:
        with self._lock:
            # One chunk for each client beyond the half, so that the kill finds all of them writing.
            if self._handed_rows >= self._half_rows + CLIENTS * flights.CHUNK_FLIGHTS:
                self._go_on.wait()
            chunk = next(self._chunks, [])
            self._handed_rows += len(chunk)
            return chunk

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
