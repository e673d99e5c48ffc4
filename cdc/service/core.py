"""The service on one database file: every operation, and the administration of mappings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

import orjson

from cdc.clock import SystemClock
from cdc.model.errors import SerializationException, ServiceError
from cdc.model.history import KEY_RECORDS
from cdc.model.mappings import API
from cdc.model.options import Options
from cdc.model.outbox import FAILED, SENT
from cdc.partiql.prepared import target_named
from cdc.service.background import Background
from cdc.service.control import Control, find_mapping
from cdc.service.explain import Explainer
from cdc.service.letters import DeadLetters
from cdc.service.operations import OPERATIONS
from cdc.service.status import status
from cdc.store import mappings as stored_mappings
from cdc.store import outbox
from cdc.store.database import open_database
from cdc.store.reading import Read, Reader
from cdc.store.writer import Writer
from cdc.streams.lifecycle import set_retentions
from cdc.streams.retention import purge_step
from cdc.tables.backfill import backfill_step
from cdc.tables.enforcement import Enforcer
from cdc.tables.ttl import sweep_step

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from cdc.clock import Clock
    from cdc.model.mappings import Declaration, Mapping
    from cdc.model.outbox import Entry
    from cdc.store.reading import Write
    from cdc.store.transaction import Transaction


log = logging.getLogger(__name__)

PURGE_MESSAGES = 100
"""Messages deleted in one write at most, which takes some milliseconds."""


class UnknownMessageError(ServiceError):
    """No message of the outbox has this id and can be used so."""


def new_id() -> str:
    """Make a UUID, for what is named by one."""
    return str(uuid4())


class Service:
    """Tables and streams in one file. Its methods may be called from any thread; close it when done.

    The operations take and return what DynamoDB's JSON protocol does, binary values as base64 text:
    `service.put_item(TableName="t", Item={"id": {"S": "1"}})`. They raise the errors of `cdc.model.errors`, which carry
    the names that DynamoDB gives them.
    """

    def __init__(self, path: Path, options: Options, clock: Clock) -> None:
        self.path = path
        self.options = options
        self.clock = clock
        self.enforcer = _enforcer(options, clock)
        self.database = open_database(path)
        try:
            self.reader = Reader(self.database, clock)
            self.writer = Writer(self.database, clock)
            self.background = Background(self.writer, self.reader, clock, lambda: self.options)
        except BaseException:
            self.database.close()
            raise
        self.control = Control(self)
        self.dead_letters = DeadLetters(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Finish the writes in the queue and close the file."""
        self.writer.close()
        self.database.close()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation by its name, such as `PutItem`, and return its answer.

        Raises: ServiceError, in the kind that DynamoDB answers; KeyError for a name that is no operation.
        """
        try:  # through JSON: what is stored must be what JSON can say, and is the caller's no longer
            request = orjson.loads(orjson.dumps(request))
        except TypeError as error:
            raise SerializationException(f"{operation}: {error}; binary values are base64 text here") from error
        check, enforcer = OPERATIONS[operation], self.enforcer
        if enforcer is None:
            work = check(request, self.options)
        else:
            work = enforcer.check(operation, check, request, self.options)
        answer: dict[str, Any] = orjson.loads(self.execute(work) or b"{}")
        return answer

    def execute(self, work: Read | Write) -> bytes:
        """Run checked work on this thread (a read) or the writer's (a write); return the JSON of its answer."""
        if isinstance(work, Read):
            self.database.check_usable()
            with self.reader.snapshot() as view:
                return work.run(view)
        return self.writer.call(work.run, work.size_bytes)

    # -- operations, named as in boto3 --

    def create_table(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: CreateTable."""
        return self.call("CreateTable", request)

    def describe_table(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeTable."""
        return self.call("DescribeTable", request)

    def list_tables(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListTables."""
        return self.call("ListTables", request)

    def update_table(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UpdateTable."""
        return self.call("UpdateTable", request)

    def delete_table(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DeleteTable."""
        return self.call("DeleteTable", request)

    def put_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: PutItem."""
        return self.call("PutItem", request)

    def get_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: GetItem."""
        return self.call("GetItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UpdateItem."""
        return self.call("UpdateItem", request)

    def delete_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DeleteItem."""
        return self.call("DeleteItem", request)

    def query(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: Query."""
        return self.call("Query", request)

    def scan(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: Scan."""
        return self.call("Scan", request)

    def batch_write_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: BatchWriteItem."""
        return self.call("BatchWriteItem", request)

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: BatchGetItem."""
        return self.call("BatchGetItem", request)

    def transact_write_items(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: TransactWriteItems."""
        return self.call("TransactWriteItems", request)

    def transact_get_items(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: TransactGetItems."""
        return self.call("TransactGetItems", request)

    def execute_statement(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ExecuteStatement."""
        return self.call("ExecuteStatement", request)

    def batch_execute_statement(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: BatchExecuteStatement."""
        return self.call("BatchExecuteStatement", request)

    def execute_transaction(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ExecuteTransaction."""
        return self.call("ExecuteTransaction", request)

    def list_streams(self, **request: Any) -> dict[str, Any]:
        """DynamoDB Streams: ListStreams."""
        return self.call("ListStreams", request)

    def describe_stream(self, **request: Any) -> dict[str, Any]:
        """DynamoDB Streams: DescribeStream."""
        return self.call("DescribeStream", request)

    def get_shard_iterator(self, **request: Any) -> dict[str, Any]:
        """DynamoDB Streams: GetShardIterator."""
        return self.call("GetShardIterator", request)

    def get_records(self, **request: Any) -> dict[str, Any]:
        """DynamoDB Streams: GetRecords."""
        return self.call("GetRecords", request)

    def describe_time_to_live(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeTimeToLive."""
        return self.call("DescribeTimeToLive", request)

    def update_time_to_live(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UpdateTimeToLive."""
        return self.call("UpdateTimeToLive", request)

    def tag_resource(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: TagResource."""
        return self.call("TagResource", request)

    def untag_resource(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UntagResource."""
        return self.call("UntagResource", request)

    def list_tags_of_resource(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListTagsOfResource."""
        return self.call("ListTagsOfResource", request)

    def describe_limits(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeLimits."""
        return self.call("DescribeLimits", request)

    def describe_endpoints(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeEndpoints."""
        return self.call("DescribeEndpoints", request)

    def describe_continuous_backups(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeContinuousBackups."""
        return self.call("DescribeContinuousBackups", request)

    def update_continuous_backups(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UpdateContinuousBackups."""
        return self.call("UpdateContinuousBackups", request)

    def describe_contributor_insights(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeContributorInsights."""
        return self.call("DescribeContributorInsights", request)

    def update_contributor_insights(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: UpdateContributorInsights."""
        return self.call("UpdateContributorInsights", request)

    def list_contributor_insights(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListContributorInsights."""
        return self.call("ListContributorInsights", request)

    def create_backup(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: CreateBackup."""
        return self.call("CreateBackup", request)

    def list_backups(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListBackups."""
        return self.call("ListBackups", request)

    def describe_backup(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeBackup."""
        return self.call("DescribeBackup", request)

    def delete_backup(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DeleteBackup."""
        return self.call("DeleteBackup", request)

    def restore_table_from_backup(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: RestoreTableFromBackup."""
        return self.call("RestoreTableFromBackup", request)

    def export_table_to_point_in_time(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ExportTableToPointInTime."""
        return self.call("ExportTableToPointInTime", request)

    def describe_export(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeExport."""
        return self.call("DescribeExport", request)

    def list_exports(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListExports."""
        return self.call("ListExports", request)

    def import_table(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ImportTable."""
        return self.call("ImportTable", request)

    def describe_import(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: DescribeImport."""
        return self.call("DescribeImport", request)

    def list_imports(self, **request: Any) -> dict[str, Any]:
        """DynamoDB: ListImports."""
        return self.call("ListImports", request)

    # -- administration --

    def finish_background_work(self) -> None:
        """Do what operations have left to be done behind them, to its end; a daemon does it by itself."""
        self.background.finish()

    def delete_expired_items(self) -> None:
        """Delete the items that have expired by now, as a daemon does every `tables.ttl_sweep_interval_seconds`."""
        while sweep_step(self.writer, self.reader, self.clock.now_ms()):
            pass

    def set_options(self, options: Options) -> None:
        """Take new options; enabled streams get their retention at once."""
        old, self.options = self.options, options
        if (old.enforces_throughput, old.burst_seconds) != (options.enforces_throughput, options.burst_seconds):
            self.enforcer = _enforcer(options, self.clock)
        self.writer.call(lambda transaction: set_retentions(transaction, options))

    def declare_mappings(self, declarations: Iterable[Declaration]) -> None:
        """Make the mappings those of the configuration; what it no longer names is kept as removed."""
        wanted = list(declarations)

        def run(transaction: Transaction) -> None:
            for declaration in wanted:
                stored_mappings.declare(transaction, declaration, new_id())
            stored_mappings.remove_others(transaction, [declaration.name for declaration in wanted])

        self.writer.call(run)

    def mappings(self) -> list[Mapping]:
        """List the mappings by name, removed ones included."""
        with self.database.reading() as connection:
            return stored_mappings.load_mappings(connection)

    def forget_mapping(self, name: str) -> None:
        """Delete a mapping that the configuration no longer names, with its checkpoints.

        Raises: UnknownMappingError; ServiceError while the configuration names it, or when it is one of the Lambda API's.
        """
        mapping = find_mapping(self, name)
        if mapping.origin == API:
            raise ServiceError(
                f"mapping {name} was made over the Lambda API: delete it there (DeleteEventSourceMapping)"
            )
        if not mapping.removed:
            raise ServiceError(f"mapping {name} is declared in the configuration: remove it there and reload first")
        self.writer.call(lambda transaction: stored_mappings.forget(transaction, mapping.id))

    def messages(self, state: str | None = None, limit: int | None = None) -> list[Entry]:
        """List the messages of the outbox, the newest first, or those in one state."""
        with self.database.reading() as connection:
            return outbox.load_entries(connection, state=state, rows=limit)

    def message_payload(self, message_id: str) -> bytes:
        """Read what a message of the outbox says.

        Raises: UnknownMessageError; ServiceError when it was sent, and its payload is gone.
        """
        with self.database.reading() as connection:
            entry = outbox.load_entry(connection, message_id)
        if entry is None:
            raise UnknownMessageError(
                f"no message has the id {message_id}: `cdc outbox list` shows those that are kept"
            )
        if entry.state == SENT:
            raise ServiceError(f"message {message_id} was sent: {entry.destination} has it, and its text is not kept")
        try:
            return outbox.load_payload(self.database.reader(), entry)
        except outbox.DamagedError as error:
            raise ServiceError(str(error)) from error

    def retry_messages(self, message_ids: Iterable[str] | None = None, destination: str | None = None) -> int:
        """Have messages that were given up sent again: these, those of a destination, or all; return how many.

        Raises: UnknownMessageError, before any is tried again.
        """
        wanted = None if message_ids is None else list(message_ids)

        def run(transaction: Transaction) -> int:
            for each in wanted or ():
                entry = outbox.load_entry(transaction.connection, each)
                if entry is None or entry.state != FAILED:
                    found = "there is none" if entry is None else f"that one is {entry.state}"
                    raise UnknownMessageError(f"no message with the id {each} was given up: {found}")
            return outbox.retry(transaction, wanted, destination)

        return self.writer.call(run)

    def purge_outbox(self, keep_seconds: float) -> bool:
        """Delete some of the messages settled longer ago than that; tell whether there may be more."""
        before_ms = self.clock.now_ms() - round(keep_seconds * 1000)
        sent, given_up = self.writer.call(lambda transaction: outbox.purge(transaction, before_ms, PURGE_MESSAGES))
        if given_up:
            log.warning("%d messages that were given up have been kept for their time, and are deleted", given_up)
        return sent + given_up > 0

    def explain(
        self, table: str, *, sequence: str | None = None, key: dict[str, Any] | None = None, limit: int = KEY_RECORDS
    ) -> dict[str, Any]:
        """Say what became of a record, or of the newest `limit` records of a key, in each mapping of the table.

        What comes back are plain JSON values: see `cdc explain --help`. `key` is typed: `{"pk": {"S": "1"}}`.
        Raises: UnknownRecordError; ServiceError; TypeError without one of `sequence` and `key`.
        """
        explainer = Explainer(self.database, self.reader.view(), self.options)
        if sequence is not None:
            return explainer.by_sequence(table, sequence)
        if key is None:
            raise TypeError("explain needs a sequence or a key")
        return explainer.by_key(table, key, limit)

    def housekeep(self) -> None:
        """Do at once what a daemon does in the background: fill new indexes, give the space of what has gone back.

        For a file that no daemon serves. Small tables need it for neither.
        """
        while backfill_step(self.writer, self.reader):
            pass
        while purge_step(self.writer, self.reader, self.clock.now_ms()).more:
            pass

    def status(self) -> dict[str, Any]:
        """Describe tables, streams, shards and mappings as plain JSON values, as of the last commit."""
        return status(self.database, self.reader.view(), self.options)


def _enforcer(options: Options, clock: Clock) -> Enforcer | None:
    return Enforcer(clock, options.burst_seconds, target_named) if options.enforces_throughput else None


def open_service(path: Path, options: Options | None = None, clock: Clock | None = None) -> Service:
    """Open a database file, created and migrated as needed.

    Raises: StoreError, with one line that says what to do.
    """
    return Service(path, options or Options(), clock or SystemClock())
