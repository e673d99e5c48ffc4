"""Another implementation of DynamoDB, asked as the daemon is: dynalite."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.clients.node_programs import PROGRAMS, environment
from tests.integration.wire import Reply, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

SCOPE = "local/20150101/us-east-1/dynamodb/aws4_request"
SIGNED = {
    "Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
    "X_Amz_Date": "20150101T000000Z",
}


class SignedWire(Wire):
    """A wire to one who asks for a signature and does not look at it."""

    def post(self, operation: str, body: bytes, **headers: str) -> Reply:
        return super().post(operation, body, **SIGNED, **headers)


@contextmanager
def dynalite() -> Iterator[Wire]:
    """Serve dynalite, as long as the block runs."""
    with subprocess.Popen(
        ["node", str(PROGRAMS / "dynalite.cjs")],
        env=environment(),
        stdin=subprocess.PIPE,  # it ends with this
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        wire = SignedWire(int(process.stdout.readline()))
        yield wire
        wire.close()
