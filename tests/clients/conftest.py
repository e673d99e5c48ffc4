"""A daemon for the clients of this folder, and boto3 to look at what they did."""

from tests.integration.conftest import client, daemon, session, streams, wire

__all__ = ["client", "daemon", "session", "streams", "wire"]
