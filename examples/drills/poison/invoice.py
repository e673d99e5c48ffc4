"""Writes an invoice for each order, and expects totals to be numbers as Python writes them."""

from pathlib import Path


def handle(event, context):
    lines = [invoice(record["dynamodb"]["NewImage"]) for record in event["Records"]]
    with Path("invoices.txt").open("a") as file:  # after all of them are made: a batch that fails writes none
        file.writelines(lines)


def invoice(order):
    return f"{order['id']['S']} {cents(order['total']['S'])}\n"


def cents(total):
    return round(float(total) * 100)
