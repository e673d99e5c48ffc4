"""A moto server as a process of its own: SQS, SNS and S3 on this machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

import boto3

from cdc.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

START_SECONDS = 40.0
LOOK_SECONDS = 0.05
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "123456789012",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What boto3 finds, in the daemon too. moto's account is the one of its own default."""


class MotoServer:
    """Starts and stops the server; its queues, topics and buckets go with it."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "moto.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, at its port of before if it had one, and wait until it listens."""
        with self._log.open("wb") as log:
            self._process = self._started(log)
        clock = SystemClock()
        deadline = clock.monotonic() + START_SECONDS
        while not (found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", self._log.read_text())):
            assert self._process.poll() is None, self._log.read_text()
            assert clock.monotonic() < deadline, "moto does not start"
            clock.sleep(LOOK_SECONDS)
        self.port = int(found[1])

    def _started(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        return subprocess.Popen(command, env=os.environ | ENVIRONMENT, stdout=log, stderr=log)

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def client(self, service: str, region: str = "us-east-1") -> Any:
        """Make a client of it."""
        session = boto3.Session(
            aws_access_key_id=ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
            region_name=region,
        )
        return session.client(service, endpoint_url=self.url)
