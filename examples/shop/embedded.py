"""Uses a database file in this process, without a daemon."""

import cdc

with cdc.open("shop.db") as service:
    service.put_item(TableName="orders", Item={"id": {"S": "2"}, "amount": {"N": "7.50"}})
    print(service.get_item(TableName="orders", Key={"id": {"S": "2"}})["Item"])
