"""What the floors below need to know of the settings, as the small values that they take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.destinations.aws import BOTO3_MISSING, has_boto3
from cdc.mappings.destinations.sending import SendingOptions
from cdc.model import mappings as model
from cdc.model.credentials import Credential
from cdc.model.destinations import needs_aws, parse_destination
from cdc.model.functions import FunctionDefinition
from cdc.model.options import Options
from cdc.settings import SettingsError

if TYPE_CHECKING:
    from cdc.settings import CredentialSettings, FunctionSettings, MappingSettings, Settings


def options_of(settings: Settings) -> Options:
    """Take what tables and streams need to know."""
    return Options(
        region=settings.server.region,
        account_id=settings.server.account_id,
        shards=settings.streams.shards,
        enforces_throughput=settings.tables.enforce_throughput,
        burst_seconds=settings.tables.burst_seconds,
        bucket_folder=settings.s3.folder,
        s3_endpoint_url=settings.s3.endpoint_url,
        status_delay_ms=round(settings.tables.status_delay_seconds * 1000),
        prefixes_validation=settings.tables.prefix_validation_messages,
        retention_seconds=round(settings.retention.hours * 3600),
        table_retention_seconds={name: round(hours * 3600) for name, hours in settings.retention.tables.items()},
    )


def definition_of(function: FunctionSettings) -> FunctionDefinition:
    """Take what running a function needs."""
    return FunctionDefinition(
        name=function.name,
        handler=function.handler,
        command=function.command,
        runtime=function.runtime,
        timeout_seconds=function.timeout_seconds,
        memory_size=function.memory_size,
        reserved_concurrency=function.reserved_concurrency,
        idle_timeout_seconds=function.idle_timeout_seconds,
        environment=function.environment,
        working_directory=function.working_directory,
        in_process=function.in_process,
        reload_on_change=function.reload_on_change,
        log_invocations=function.log_invocations,
    )


def declaration_of(mapping: MappingSettings) -> model.Declaration:
    """Take what the store keeps of a mapping."""
    return model.Declaration(
        name=mapping.name,
        table_name=mapping.table,
        settings=model.MappingSettings(
            function_name=mapping.function,
            starting_position=mapping.starting_position,
            enabled=mapping.enabled,
            batch_size=mapping.batch_size,
            maximum_batching_window_in_seconds=mapping.maximum_batching_window_in_seconds,
            parallelization_factor=mapping.parallelization_factor,
            maximum_record_age_in_seconds=mapping.maximum_record_age_in_seconds,
            maximum_retry_attempts=mapping.maximum_retry_attempts,
            bisect_batch_on_function_error=mapping.bisect_batch_on_function_error,
            report_batch_item_failures=bool(mapping.function_response_types),
            tumbling_window_in_seconds=mapping.tumbling_window_in_seconds,
            filters=mapping.filters,
            on_failure=mapping.on_failure,
            event_count_metrics=bool(mapping.metrics),
        ),
    )


def sending_options_of(settings: Settings) -> SendingOptions:
    """Take what sending to destinations needs."""
    destinations = settings.destinations
    return SendingOptions(
        region=settings.server.region,
        endpoint_url=destinations.endpoint_url,
        webhook_key=destinations.webhook_key,
        timeout_seconds=destinations.timeout_seconds,
    )


def check_destinations(settings: Settings) -> None:
    """See to it that what the mappings' destinations need is installed.

    Raises: SettingsError.
    """
    for mapping in settings.mappings:
        if mapping.on_failure is not None and needs_aws(parse_destination(mapping.on_failure)) and not has_boto3():
            raise SettingsError(f'mappings.{mapping.name}.on_failure = "{mapping.on_failure}": {BOTO3_MISSING}')


def credential_of(credential: CredentialSettings) -> Credential:
    """Take an access key."""
    return Credential(
        access_key_id=credential.access_key_id,
        secret_access_key=credential.secret_access_key,
        session_token=credential.session_token,
    )
