// The JavaScript SDK, unmodified, against the daemon at ENDPOINT: tests for Node's own runner.
const assert = require("node:assert/strict");
const { after, before, test } = require("node:test");
const dynamodb = require("@aws-sdk/client-dynamodb");
const dynamodbStreams = require("@aws-sdk/client-dynamodb-streams");
const documents = require("@aws-sdk/lib-dynamodb");

const endpoint = process.env.ENDPOINT;
const client = new dynamodb.DynamoDBClient({ endpoint, maxAttempts: 1 });
const streams = new dynamodbStreams.DynamoDBStreamsClient({ endpoint, maxAttempts: 1 });
const document = documents.DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
const TableName = "javascript";
let stream;

const send = (command) => client.send(command);
const put = (Item, more = {}) => document.send(new documents.PutCommand({ TableName, Item, ...more }));
const get = async (pk, sk) =>
  (await document.send(new documents.GetCommand({ TableName, Key: { pk, sk }, ConsistentRead: true }))).Item;
const collect = async (pages) => {
  const all = [];
  for await (const page of pages) all.push(page);
  return all;
};

before(async () => {
  const created = await send(
    new dynamodb.CreateTableCommand({
      TableName,
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "N" },
        { AttributeName: "g", AttributeType: "S" },
      ],
      GlobalSecondaryIndexes: [
        {
          IndexName: "by-g",
          KeySchema: [{ AttributeName: "g", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
          Projection: { ProjectionType: "ALL" },
        },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" },
    }),
  );
  stream = created.TableDescription.LatestStreamArn;
  const waited = await dynamodb.waitUntilTableExists({ client, maxWaitTime: 5, minDelay: 1 }, { TableName });
  assert.equal(waited.state, "SUCCESS");
});

after(async () => {
  await send(new dynamodb.DeleteTableCommand({ TableName }));
  const waited = await dynamodb.waitUntilTableNotExists({ client, maxWaitTime: 5, minDelay: 1 }, { TableName });
  assert.equal(waited.state, "SUCCESS");
  client.destroy();
  streams.destroy();
});

test("the document client stores and finds values of every type", async () => {
  const item = {
    pk: "types", sk: 1.5, text: "ä𝄞", empty: "", yes: true, nothing: null, list: [1, "x", [false, {}]],
    map: { deep: { er: -1e-7 } }, strings: new Set(["a", "b"]), numbers: new Set([1, 2.5]),
    binary: new Uint8Array([0, 255]), binaries: new Set([new Uint8Array([1]), new Uint8Array([2, 3])]),
  };
  await put({ ...item, left: undefined });
  assert.deepEqual(await get("types", 1.5), item);
});

test("numbers that JavaScript has not are kept whole", async () => {
  const digits = "12345678901234567890123456789012345678";
  await put({ pk: "numbers", sk: 1, big: documents.NumberValue.from(digits) });
  const other = new dynamodb.DynamoDBClient({ endpoint });
  const exact = documents.DynamoDBDocumentClient.from(other, { unmarshallOptions: { wrapNumbers: true } });
  const { Item } = await exact.send(new documents.GetCommand({ TableName, Key: { pk: "numbers", sk: 1 } }));
  other.destroy();
  assert.equal(Item.big.toString(), digits);
});

test("an update returns what it says, and upserts", async () => {
  const update = (more) => document.send(new documents.UpdateCommand({ TableName, Key: { pk: "u", sk: 1 }, ...more }));
  const first = await update({
    UpdateExpression: "SET #m = :m ADD visits :one, tags :tags",
    ExpressionAttributeNames: { "#m": "map" },
    ExpressionAttributeValues: { ":m": { k: [1] }, ":one": 1, ":tags": new Set(["x"]) },
    ReturnValues: "ALL_NEW",
  });
  assert.deepEqual(first.Attributes, { pk: "u", sk: 1, map: { k: [1] }, visits: 1, tags: new Set(["x"]) });
  const second = await update({
    UpdateExpression: "SET #m.k[1] = :v REMOVE tags",
    ExpressionAttributeNames: { "#m": "map" },
    ExpressionAttributeValues: { ":v": "new" },
    ReturnValues: "UPDATED_OLD",
  });
  assert.deepEqual(second.Attributes, { tags: new Set(["x"]) });
  assert.deepEqual((await get("u", 1)).map, { k: [1, "new"] });
  const gone = await document.send(
    new documents.DeleteCommand({ TableName, Key: { pk: "u", sk: 1 }, ReturnValues: "ALL_OLD" }),
  );
  assert.equal(gone.Attributes.visits, 1);
  assert.equal(await get("u", 1), undefined);
});

test("paginators go through a query, an index and a scan, page by page", async () => {
  const requests = [];
  for (let sk = 0; sk < 25; sk += 1) requests.push({ PutRequest: { Item: { pk: "pages", sk, g: "ab"[sk % 2] } } });
  const written = await document.send(new documents.BatchWriteCommand({ RequestItems: { [TableName]: requests } }));
  assert.deepEqual(written.UnprocessedItems, {});
  const query = {
    TableName,
    KeyConditionExpression: "pk = :p AND sk >= :low",
    FilterExpression: "g = :g",
    ExpressionAttributeValues: { ":p": "pages", ":low": 5, ":g": "b" },
    ScanIndexForward: false,
  };
  const pages = await collect(documents.paginateQuery({ client: document, pageSize: 8 }, query));
  assert.deepEqual(pages.map((page) => page.ScannedCount), [8, 8, 4]);
  assert.deepEqual(pages.flatMap((page) => page.Items.map((item) => item.sk)), [23, 21, 19, 17, 15, 13, 11, 9, 7, 5]);
  const index = {
    TableName,
    IndexName: "by-g",
    KeyConditionExpression: "g = :g",
    ExpressionAttributeValues: { ":g": "a" },
    ProjectionExpression: "sk",
  };
  const found = await collect(documents.paginateQuery({ client: document, pageSize: 5 }, index));
  assert.deepEqual(found.flatMap((page) => page.Items), Array.from({ length: 13 }, (_, at) => ({ sk: 2 * at })));
  const segments = [0, 1, 2].map((Segment) =>
    collect(dynamodb.paginateScan({ client, pageSize: 4 }, { TableName, IndexName: "by-g", Segment, TotalSegments: 3 })),
  );
  const scanned = (await Promise.all(segments)).flat().flatMap((page) => page.Items.map((item) => Number(item.sk.N)));
  assert.deepEqual(scanned.sort((one, other) => one - other), [...Array(25).keys()]);
});

test("a query for one whole key ends after its page", async () => {
  await put({ pk: "one", sk: 1 });
  const query = {
    TableName,
    KeyConditionExpression: "pk = :p AND sk = :s",
    ExpressionAttributeValues: { ":p": "one", ":s": 1 },
  };
  const pages = await collect(documents.paginateQuery({ client: document, pageSize: 1 }, query));
  assert.deepEqual(pages.flatMap((page) => page.Items), [{ pk: "one", sk: 1 }]);
});

test("a batch of gets finds what is there", async () => {
  await put({ pk: "batch", sk: 1, v: new Set([1]) });
  const Keys = [{ pk: "batch", sk: 1 }, { pk: "batch", sk: 2 }];
  const got = await document.send(new documents.BatchGetCommand({ RequestItems: { [TableName]: { Keys } } }));
  assert.deepEqual(got.Responses, { [TableName]: [{ pk: "batch", sk: 1, v: new Set([1]) }] });
});

test("a transaction does all or nothing, and says why", async () => {
  await put({ pk: "t", sk: 1, n: 1 });
  const write = (TransactItems, ClientRequestToken) =>
    document.send(new documents.TransactWriteCommand({ TransactItems, ClientRequestToken }));
  const add = {
    Update: {
      TableName, Key: { pk: "t", sk: 1 }, UpdateExpression: "ADD n :one", ExpressionAttributeValues: { ":one": 1 },
    },
  };
  await write([add, { Put: { TableName, Item: { pk: "t", sk: 2 } } }], "token");
  await write([add, { Put: { TableName, Item: { pk: "t", sk: 2 } } }], "token");
  await assert.rejects(write([add], "token"), { name: "IdempotentParameterMismatchException" });
  const Get = (sk) => ({ Get: { TableName, Key: { pk: "t", sk } } });
  const read = await document.send(new documents.TransactGetCommand({ TransactItems: [Get(1), Get(2), Get(3)] }));
  assert.deepEqual(read.Responses.map((each) => each.Item), [{ pk: "t", sk: 1, n: 2 }, { pk: "t", sk: 2 }, undefined]);
  const failing = {
    Delete: {
      TableName,
      Key: { pk: "t", sk: 2 },
      ConditionExpression: "attribute_exists(n)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
    },
  };
  const error = await write([add, failing]).then(() => assert.fail("it was done"), (refusal) => refusal);
  assert.ok(error instanceof dynamodb.TransactionCanceledException);
  assert.deepEqual(error.CancellationReasons.map((reason) => reason.Code), ["None", "ConditionalCheckFailed"]);
  assert.deepEqual(error.CancellationReasons[1].Item, { pk: { S: "t" }, sk: { N: "2" } });
  assert.equal((await get("t", 1)).n, 2);
});

test("errors come as the SDK's own classes, with the item that was in the way", async () => {
  await put({ pk: "e", sk: 1, v: "old" });
  const refused = put(
    { pk: "e", sk: 1 },
    { ConditionExpression: "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" },
  );
  const error = await refused.then(() => assert.fail("it was done"), (refusal) => refusal);
  assert.ok(error instanceof dynamodb.ConditionalCheckFailedException);
  assert.equal(error.message, "The conditional request failed");
  assert.deepEqual(error.Item, { pk: { S: "e" }, sk: { N: "1" }, v: { S: "old" } });
  assert.equal(error.$metadata.httpStatusCode, 400);
  await assert.rejects(send(new dynamodb.DescribeTableCommand({ TableName: "nowhere" })), dynamodb.ResourceNotFoundException);
  const short = send(new dynamodb.GetItemCommand({ TableName, Key: { pk: { S: "e" } } }));
  await assert.rejects(short, { name: "ValidationException", message: "The provided key element does not match the schema" });
});

test("tables are listed by their paginator", async () => {
  const pages = await collect(dynamodb.paginateListTables({ client, pageSize: 1 }, {}));
  assert.ok(pages.flatMap((page) => page.TableNames).includes(TableName));
});

test("a stream is read to its end", async () => {
  await put({ pk: "s", sk: 1, b: new Uint8Array([1, 2]) });
  await put({ pk: "s", sk: 1, b: new Uint8Array([3]) });
  const listed = await streams.send(new dynamodbStreams.ListStreamsCommand({ TableName }));
  assert.deepEqual(listed.Streams.map((each) => each.StreamArn), [stream]);
  const { StreamDescription } = await streams.send(new dynamodbStreams.DescribeStreamCommand({ StreamArn: stream }));
  const records = [];
  for (const { ShardId } of StreamDescription.Shards) {
    const position = { StreamArn: stream, ShardId, ShardIteratorType: "TRIM_HORIZON" };
    let { ShardIterator } = await streams.send(new dynamodbStreams.GetShardIteratorCommand(position));
    for (let page = [null]; page.length > 0; ) {
      const got = await streams.send(new dynamodbStreams.GetRecordsCommand({ ShardIterator, Limit: 100 }));
      page = got.Records;
      ShardIterator = got.NextShardIterator;
      records.push(...page);
    }
  }
  const mine = records.filter((record) => record.dynamodb.Keys.pk.S === "s");
  assert.deepEqual(mine.map((record) => record.eventName), ["INSERT", "MODIFY"]);
  assert.deepEqual([...mine[1].dynamodb.OldImage.b.B], [1, 2]);
  assert.deepEqual([...mine[1].dynamodb.NewImage.b.B], [3]);
  assert.ok(mine[0].dynamodb.ApproximateCreationDateTime instanceof Date);
  await assert.rejects(
    streams.send(new dynamodbStreams.GetRecordsCommand({ ShardIterator: "none" })),
    (error) => error.name === "ValidationException" && error.$metadata.httpStatusCode === 400,
  );
});
