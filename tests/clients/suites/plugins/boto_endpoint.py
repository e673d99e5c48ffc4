"""A plugin of pytest for the suite of boto, which was written for Python 3.4 and before there were other endpoints.

Its connections can be told a host in a file and no port, and its tests sleep for minutes until a table is there.
"""

import collections
import collections.abc
import json
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

for name in ("Iterable", "Mapping", "MutableMapping", "Sequence"):  # where they were until Python 3.9
    setattr(collections, name, getattr(collections.abc, name))
address = urlsplit(os.environ["CDC_URL"])
folder = tempfile.TemporaryDirectory()
endpoints = Path(folder.name) / "endpoints.json"
endpoints.write_text(json.dumps({"dynamodb": {"us-east-1": address.hostname}}))
os.environ["BOTO_ENDPOINTS"] = str(endpoints)

import boto.connection  # type: ignore[import-not-found]  # noqa: E402  # it needs the names above

boto.config.add_section("Boto")
boto.config.set("Boto", "is_secure", "False")
boto.connection.PORTS_BY_SECURITY[False] = address.port
time.sleep = lambda _: None
