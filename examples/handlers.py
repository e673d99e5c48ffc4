"""A Python handler to copy from: called with the event that AWS Lambda would get."""

from __future__ import annotations

import json
from typing import Any


def audit(event: dict[str, Any], context: object) -> None:  # Lambda's signature
    """Print one line for each record; what a handler prints goes to the log."""
    for record in event["Records"]:
        change = record["dynamodb"]
        image = change.get("NewImage", change["Keys"])
        print(change["SequenceNumber"], record["eventName"], json.dumps(image, ensure_ascii=False))
