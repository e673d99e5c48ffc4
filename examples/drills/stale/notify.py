"""Tells customers that their order has come in, through a mail service that is down for as long as there is a file `down`."""

from pathlib import Path


def handle(event, context):
    if Path("down").exists():
        raise ConnectionError("the mail service does not answer")
    with Path("mails.txt").open("a") as file:
        for record in event["Records"]:
            order = record["dynamodb"]["NewImage"]
            file.write(f"{order['id']['S']} {order['state']['S']}\n")
