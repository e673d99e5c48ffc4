"""Reads all records of a table's stream with GetRecords, one thread for each shard, from the trim horizon to the end.

`python -m tests.benchmarks.bench.drain PORT TABLE` prints records and seconds as JSON. Pages are not decoded: records
are counted and the next iterator is cut out of the bytes, so that this client is not what is measured.
"""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.bench.client import STREAMS, TABLES, Client

RECORD = b'"SequenceNumber":'
NEXT = b'"NextShardIterator":"'


def drain(port: int, iterator: str) -> int:
    """Read a shard until a page is empty; return how many records it had."""
    client, total = Client(port), 0
    while True:
        page = client.send(STREAMS, "GetRecords", {"ShardIterator": iterator})
        count = page.count(RECORD)
        total += count
        if not count:
            return total
        iterator = page[page.rindex(NEXT) + len(NEXT) :].partition(b'"')[0].decode()


def main() -> None:
    """Find the shards and read them."""
    port, table = int(sys.argv[1]), sys.argv[2]
    client = Client(port)
    arn = client.call(TABLES, "DescribeTable", TableName=table)["Table"]["LatestStreamArn"]
    shards = client.call(STREAMS, "DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]
    start = {"StreamArn": arn, "ShardIteratorType": "TRIM_HORIZON"}
    iterators = [
        client.call(STREAMS, "GetShardIterator", ShardId=shard["ShardId"], **start)["ShardIterator"] for shard in shards
    ]
    began = time.perf_counter()
    with ThreadPoolExecutor(len(iterators)) as pool:
        total = sum(pool.map(lambda iterator: drain(port, iterator), iterators))
    print(json.dumps({"records": total, "seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
