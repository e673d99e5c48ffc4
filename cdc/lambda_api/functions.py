"""The operations that tell of functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import Text, check_value
from cdc.lambda_api.definitions import folder_of
from cdc.lambda_api.function_answers import declared_configuration, state_of, uploaded_configuration
from cdc.lambda_api.pages import page_of
from cdc.model.arns import function_arn
from cdc.model.function_names import LATEST_VERSION, NAME_PATTERN, FunctionName, parse_function_name
from cdc.model.lambda_errors import FunctionNotFoundException, InvalidParameterValueException
from cdc.store import lambda_tags

if TYPE_CHECKING:
    from cdc.lambda_api.call import Body, Call, Context
    from cdc.model.functions import FunctionDescription
    from cdc.model.uploads import UploadedFunction

PAGE_FUNCTIONS = 50
"""Lambda gives no more at once, whatever MaxItems says."""
_NAME = Text(1, 256, NAME_PATTERN)
_VERSION = Text(choices=("ALL",))


def named_function(call: Call, context: Context, unqualified: str | None = None) -> FunctionName:
    """Find the function that a path names, with its qualifier; `unqualified` is the one that is meant by none.

    Raises: ConstraintException, InvalidParameterValueException, FunctionNotFoundException.
    """
    text = call.path["FunctionName"]
    check_value(_NAME, text, "functionName")
    named = parse_function_name(text)
    assert named is not None
    qualifier = call.parameter("Qualifier")
    if qualifier is not None and named.qualifier not in {None, qualifier}:
        raise InvalidParameterValueException(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    named = FunctionName(named.name, named.qualifier or qualifier or unqualified)
    if not context.directory.exists(named.name) or not named.is_latest:
        raise function_not_found(context, named)
    return named


def function_not_found(context: Context, named: FunctionName) -> FunctionNotFoundException:
    """Word the error about a function that does not exist."""
    arn = function_arn(context.service.options, named.name)
    return FunctionNotFoundException(
        f"Function not found: {arn}" + ("" if named.qualifier is None else f":{named.qualifier}")
    )


def get_function(call: Call, context: Context) -> Answer:
    """Lambda: GetFunction. The code's location is a folder, as a file: URL."""
    named = named_function(call, context)
    declared, uploaded = context.directory.declared(named.name), context.directory.uploaded(named.name)
    if declared is not None:
        folder = declared.working_directory
    elif uploaded is not None:
        folder = folder_of(uploaded.code, context.code_folder)
    else:
        raise function_not_found(context, named)
    reserved = reserved_concurrency(named, context)
    with context.service.database.reading() as connection:
        tags = lambda_tags.load(connection, lambda_tags.of_function(named.name))
    return Answer(
        body={
            "Configuration": configuration_of(named, context),
            "Code": {"RepositoryType": "folder", "Location": folder.absolute().as_uri()},
            **({"Tags": tags} if tags else {}),
            **({} if reserved is None else {"Concurrency": {"ReservedConcurrentExecutions": reserved}}),
        }
    )


def get_function_configuration(call: Call, context: Context) -> Answer:
    """Lambda: GetFunctionConfiguration."""
    return Answer(body=configuration_of(named_function(call, context), context))


def list_functions(call: Call, context: Context) -> Answer:
    """Lambda: ListFunctions; with FunctionVersion=ALL under the ARNs of their one version."""
    version = call.parameter("FunctionVersion")
    if version is not None:
        check_value(_VERSION, version, "functionVersion")
    directory = context.directory
    uploaded = {function.name: function for function in directory.all_uploaded()}
    names = sorted({*directory.all_declared(), *uploaded})
    page, more = page_of(call, names, str, PAGE_FUNCTIONS)
    qualifier = None if version is None else LATEST_VERSION
    descriptions = _descriptions(context)
    found = [_configuration(FunctionName(name, qualifier), uploaded.get(name), context, descriptions) for name in page]
    return Answer(body={**more, "Functions": [each for each in found if each is not None]})


def list_versions_by_function(call: Call, context: Context) -> Answer:
    """Lambda: ListVersionsByFunction. There is the one that is not numbered."""
    named = named_function(call, context, LATEST_VERSION)
    page, more = page_of(call, [LATEST_VERSION], str, PAGE_FUNCTIONS)
    return Answer(body={**more, "Versions": [configuration_of(named, context) for _ in page]})


def reserved_concurrency(named: FunctionName, context: Context) -> int | None:
    """Tell how many invocations of a function run at once at most; None: as many as of any."""
    declared, uploaded = context.directory.declared(named.name), context.directory.uploaded(named.name)
    if declared is not None:
        return declared.reserved_concurrency
    return None if uploaded is None else uploaded.settings.reserved_concurrency


def configuration_of(named: FunctionName, context: Context) -> Body:
    """Describe a function. Raises: FunctionNotFoundException."""
    found = _configuration(named, context.directory.uploaded(named.name), context, _descriptions(context))
    if found is None:  # deleted meanwhile
        raise function_not_found(context, named)
    return found


def _descriptions(context: Context) -> dict[str, FunctionDescription]:
    functions = context.functions
    return {} if functions is None else {each.definition.name: each for each in functions.describe()}


def _configuration(
    named: FunctionName,
    uploaded: UploadedFunction | None,
    context: Context,
    descriptions: dict[str, FunctionDescription],
) -> Body | None:
    options, description = context.service.options, descriptions.get(named.name)
    declared = context.directory.declared(named.name)
    if declared is not None:
        modified_ms = context.service.clock.now_ms() if description is None else description.last_modified_ms
        configuration = declared_configuration(declared, modified_ms, options, state_of(description))
    elif uploaded is not None:
        configuration = uploaded_configuration(uploaded, options, state_of(description))
    else:
        return None
    if named.qualifier is not None:
        configuration["FunctionArn"] += f":{named.qualifier}"
    return configuration
