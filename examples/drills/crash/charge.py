"""Charges each order once, however often it is delivered: the charge and the mark that it was made are one row."""

import sqlite3
import time
from pathlib import Path

SECONDS = 0.1  # that a charge takes, so that there is time to kill the daemon meanwhile


def handle(event, context):
    ledger = sqlite3.connect("ledger.db")
    ledger.execute("CREATE TABLE IF NOT EXISTS charges (event_id TEXT PRIMARY KEY, amount INTEGER)")
    for record in event["Records"]:
        order = record["dynamodb"]["NewImage"]
        with Path("deliveries.txt").open("a") as file:  # what a handler does that does not look
            print(record["dynamodb"]["SequenceNumber"], order["total"]["N"], file=file)
        time.sleep(SECONDS)
        with ledger:  # eventID is the same each time a record comes
            ledger.execute("INSERT OR IGNORE INTO charges VALUES (?, ?)", (record["eventID"], order["total"]["N"]))
    ledger.close()


if __name__ == "__main__":
    print(*sqlite3.connect("ledger.db").execute("SELECT count(*), sum(amount) FROM charges").fetchone())
