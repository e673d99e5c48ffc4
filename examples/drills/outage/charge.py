"""Charges orders through a payment service, which is down for as long as there is a file `down`."""

from pathlib import Path


def handle(event, context):
    if Path("down").exists():
        raise ConnectionError("the payment service does not answer")
    with Path("charges.txt").open("a") as file:
        for record in event["Records"]:
            order = record["dynamodb"]["NewImage"]
            file.write(f"{order['id']['S']} {order['total']['N']}\n")
