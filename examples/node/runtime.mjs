// A client of the Lambda Runtime API in one page: `node runtime.mjs index.handler` runs the export `handler` of index.mjs,
// index.js or index.cjs. AWS's own client for Node is the package aws-lambda-ric.
import { existsSync } from "node:fs";
import http from "node:http";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

// No timeout: `next` is answered when there is an event. (The built-in fetch gives up after five minutes.)
function call(method, resource, body) {
  return new Promise((done, fail) => {
    const options = { agent, host, port, method, path: `/2018-06-01/runtime/${resource}` };
    const request = http.request(options, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", fail);
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        if (response.statusCode < 300) done({ headers: response.headers, text });
        else fail(new Error(`${method} ${resource}: ${response.statusCode} ${text}`));
      });
    });
    request.on("error", fail);
    request.end(body);
  });
}

async function load(handler) {
  const dot = handler.lastIndexOf(".");
  const [file, name] = [resolve(handler.slice(0, dot)), handler.slice(dot + 1)];
  const found = [".mjs", ".js", ".cjs"].map((suffix) => file + suffix).find(existsSync);
  if (found === undefined) throw named("Runtime.ImportModuleError", `Cannot find module '${file}'`);
  const module = await import(pathToFileURL(found));
  const callable = module[name] ?? module.default?.[name];
  if (typeof callable !== "function") throw named("Runtime.HandlerNotFound", `${handler} is undefined or not exported`);
  return callable;
}

function named(name, message) {
  return Object.assign(new Error(message), { name });
}

function fault(error) {
  const { name = "Error", message = String(error), stack = "" } = error ?? {};
  return JSON.stringify({ errorType: name, errorMessage: message, trace: stack.split("\n") });
}

function contextOf(headers) {
  const deadline = Number(headers["lambda-runtime-deadline-ms"]);
  const client = headers["lambda-runtime-client-context"];
  return {
    awsRequestId: headers["lambda-runtime-aws-request-id"],
    invokedFunctionArn: headers["lambda-runtime-invoked-function-arn"],
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: client === undefined ? undefined : JSON.parse(client),
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

// A handler answers by a promise, a value, or a callback; one that lets the event loop run empty has answered nothing.
let unanswered;
process.on("beforeExit", () => unanswered?.(null));

function run(handle, event, context) {
  return new Promise((done, fail) => {
    const callback = (error, result) => (error == null ? done(result) : fail(error));
    Object.assign(context, { done: callback, succeed: done, fail: (error) => fail(error ?? "handled") });
    unanswered = done;
    const result = handle(event, context, callback);
    if (typeof result?.then === "function" || (result !== undefined && handle.length < 3)) done(result);
  }).finally(() => (unanswered = undefined));
}

// What is thrown where no promise takes it is the error of the invocation, and the end of this instance.
let running;
process.on("uncaughtException", (error) => {
  console.error(error);
  const told = running === undefined ? Promise.resolve() : call("POST", `invocation/${running}/error`, fault(error));
  told.finally(() => process.exit(129));
});

let handle;
try {
  handle = await load(process.argv[2] ?? process.env._HANDLER);
} catch (error) {
  console.error(error);
  await call("POST", "init/error", fault(error));
  process.exit(1);
}

for (;;) {
  const { headers, text } = await call("GET", "invocation/next");
  const context = contextOf(headers);
  running = context.awsRequestId;
  let answer;
  try {
    answer = ["response", JSON.stringify((await run(handle, JSON.parse(text), context)) ?? null)];
  } catch (error) {
    console.error(error);
    answer = ["error", fault(error)];
  }
  await call("POST", `invocation/${running}/${answer[0]}`, answer[1]);
  running = undefined;
}
