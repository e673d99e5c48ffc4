-- Requests as an SDK sends them, for wrk: arguments are operation, table, number of keys and first counter.
-- An operation may have a variant behind a colon.
-- The counter makes every item differ from the one before, as a put of an identical item writes nothing.

local STEP = 7919 -- coprime with the number of keys: every key comes once before any comes twice
local HEAD = table.concat({
  "POST / HTTP/1.1",
  "Host: %s",
  "Accept-Encoding: identity",
  "X-Amz-Target: DynamoDB_20120810.%s",
  "Content-Type: application/x-amz-json-1.0",
  "User-Agent: Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.11.2 "
    .. "md/pyimpl#CPython m/Z,b,e cfg/retry-mode#standard Botocore/1.44.5",
  "X-Amz-Date: 20260101T000000Z",
  "Authorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260101/us-east-1/dynamodb/aws4_request, "
    .. "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" .. string.rep("0123456789abcdef", 4),
  "amz-sdk-invocation-id: 3f0c6f5e-6d5b-4f0a-9a52-0c2f1f6f5a11",
  "amz-sdk-request: attempt=1",
  "Content-Length: %d",
  "", "",
}, "\r\n")
local FIRST_NUMBER = 100000000000 -- numbers in items have 12 digits
local PAYLOAD = string.rep("durable change data capture ", 6)

local function head(operation, length)
  return string.format(HEAD, wrk.host .. ":" .. wrk.port, operation, length)
end

-- Two indexes have c and e for partition keys and b for their sort key; where they move, all of them change with each put.
local function indexed(name, key, counter, place)
  return string.format('{"TableName":"%s","Item":{"a":{"S":"%d%s"},"b":{"N":"%d"},"c":{"S":"c%06d"},"d":{"S":"%s"},'
    .. '"e":{"S":"e%06d"},"pk":{"S":"item-%08d"}}}', name, counter, PAYLOAD:sub(1, 48), FIRST_NUMBER + place,
    place % 97, PAYLOAD:sub(49), place % 1009, key)
end

-- Every body of one operation is as long as any other, so that the head is built once.
local BODIES = {
  PutItem = function(name, key, counter)
    return string.format('{"TableName":"%s","Item":{"n":{"N":"%d"},"payload":{"S":"%s"},"pk":{"S":"item-%08d"}}}',
      name, counter, PAYLOAD, key)
  end,
  ["PutItem:stay"] = function(name, key, counter)
    return indexed(name, key, counter, key)
  end,
  ["PutItem:move"] = function(name, key, counter)
    return indexed(name, key, counter, counter % FIRST_NUMBER)
  end,
  GetItem = function(name, key)
    return string.format('{"TableName":"%s","Key":{"pk":{"S":"item-%08d"}}}', name, key)
  end,
  Query = function(name, key)
    return string.format('{"TableName":"%s","KeyConditionExpression":"pk = :p",'
      .. '"ExpressionAttributeValues":{":p":{"S":"part-%08d"}}}', name, key)
  end,
}

function init(args)
  local body, name, keys, counter = BODIES[args[1]], args[2], tonumber(args[3]), tonumber(args[4])
  local start = head(args[1]:match("^%a+"), #body(name, 0, counter))
  request = function()
    counter = counter + 1
    return start .. body(name, counter * STEP % keys, counter)
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'BENCH {"requests":%d,"microseconds":%d,"not_ok":%d,"broken":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d,"max_us":%d}\n',
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max))
end
