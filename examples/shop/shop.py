"""Writes orders through the AWS SDK and reads their stream."""

import boto3

options = {
    "endpoint_url": "http://127.0.0.1:8000",
    "region_name": "us-east-1",
    "aws_access_key_id": "any",
    "aws_secret_access_key": "any",
}
dynamodb = boto3.resource("dynamodb", **options)
orders = dynamodb.create_table(
    TableName="orders",
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    BillingMode="PAY_PER_REQUEST",
    StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
)
orders.wait_until_exists()
orders.put_item(Item={"id": "1", "amount": 42})
answer = orders.update_item(
    Key={"id": "1"},
    UpdateExpression="SET amount = amount + :more",
    ExpressionAttributeValues={":more": 8},
    ReturnValues="ALL_NEW",
)
print(answer["Attributes"])

streams = boto3.client("dynamodbstreams", **options)
stream = streams.describe_stream(StreamArn=orders.latest_stream_arn)["StreamDescription"]
for shard in stream["Shards"]:
    iterator = streams.get_shard_iterator(
        StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    for record in streams.get_records(ShardIterator=iterator)["Records"]:
        print(record["eventName"], record["dynamodb"]["SequenceNumber"], record["dynamodb"]["NewImage"])
