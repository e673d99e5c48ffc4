"""A handler with Lambda's signature: prints each change of an order."""


def handler(event, context):
    for record in event["Records"]:
        change = record["dynamodb"]
        print(record["eventName"], change["Keys"]["id"]["S"], change.get("NewImage"))
