"""Lists of the Lambda API, a page at a time: continued by a marker, opaque to the caller, that names where one ended."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, TypeVar

from cdc.lambda_api.checks import Whole, check_value
from cdc.model.lambda_errors import InvalidParameterValueException, InvalidRequestContentException

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdc.lambda_api.call import Call

Thing = TypeVar("Thing")

_MAX_ITEMS = Whole(1, 10_000)


def page_of(
    call: Call, things: Sequence[Thing], name_of: Callable[[Thing], str], most: int
) -> tuple[Sequence[Thing], dict[str, str]]:
    """Cut the page that a call asks for out of things, ordered by name; return it and the member `NextMarker`, if any.

    Raises: ConstraintException, InvalidParameterValueException, InvalidRequestContentException.
    """
    size = min(most, _max_items(call) or most)
    marker = call.parameter("Marker")
    if marker is not None:
        place = _place_of(marker)
        things = [thing for thing in things if name_of(thing) > place]
    page = things[:size]
    return page, {} if len(page) == len(things) else {"NextMarker": _marker_of(name_of(page[-1]))}


def _max_items(call: Call) -> int | None:
    text = call.parameter("MaxItems")
    if text is None:
        return None
    try:
        number = int(text)
    except ValueError:
        raise InvalidRequestContentException(f"MaxItems={text}: expected a whole number") from None
    check_value(_MAX_ITEMS, number, "maxItems")
    return number


def _marker_of(place: str) -> str:
    return base64.urlsafe_b64encode(place.encode()).decode()


def _place_of(marker: str) -> str:
    try:
        return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidParameterValueException(
            f"Invalid Marker {marker}: expected the NextMarker of an earlier answer"
        ) from None
