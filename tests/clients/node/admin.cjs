// Serves dynamodb-admin for the daemon at ENDPOINT and uses it as a person would, in a headless browser: finds TABLE in
// the list, opens it, queries its index, opens an item and saves it changed. Tells on standard output what it saw.
const { once } = require("node:events");
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const { chromium } = require("playwright-core");
const { createServer } = require("dynamodb-admin");

const { BROWSER, ENDPOINT, TABLE } = process.env;
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

async function use(page, url) {
  const seen = {};
  await page.goto(url);
  const items = page.locator("#table-list .list-group-item");
  await items.first().waitFor();
  seen.tables = await items.evaluateAll((each) => each.map((item) => item.dataset.tableName));

  await page.locator("#table-list").getByRole("link", { name: TABLE, exact: true }).click();
  const rows = page.locator("#items-container tr");
  await rows.first().waitFor();
  seen.scanned = await rows.count();

  await page.locator("select[name=operationType]").selectOption("query");
  await page.locator("select[name=queryableSelection]").selectOption("by-g");
  const hash = page.locator("#filters-table tr").filter({ has: page.locator(".filter-row-key[readonly]") }).last();
  await hash.locator(".filter-row-value").fill("x");
  await page.getByRole("button", { name: "Search" }).click();
  await page.waitForURL(/operationType=query/);
  await rows.first().waitFor();
  seen.columns = await page.locator("#actions-row th").allInnerTexts();
  seen.queried = await rows.allInnerTexts();

  await rows.first().getByRole("link", { name: "View" }).click();
  await page.waitForURL(/\/items\//);
  seen.item = JSON.parse(await page.evaluate("editor.getValue()"));
  await page.locator("#documentTextarea").click();
  await page.keyboard.press("Control+A");
  await page.keyboard.insertText(JSON.stringify({ ...seen.item, edited: { by: ["hand", 1] } }));
  await page.locator("#saveButton").click();
  await page.locator("#saveButton.btn-success").waitFor();
  return seen;
}

async function main() {
  const client = new DynamoDBClient({ endpoint: ENDPOINT });
  const server = createServer({ dynamoDbClient: client }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const browser = await chromium.launch({ executablePath: BROWSER, args: FLAGS });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(20_000);
    const failures = [];
    page.on("pageerror", (error) => failures.push(String(error)));
    page.on("response", (response) => response.status() >= 400 && failures.push(`${response.status()} ${response.url()}`));
    const seen = await use(page, `http://127.0.0.1:${server.address().port}/`);
    console.log(JSON.stringify({ ...seen, failures }));
  } finally {
    await browser.close();
    server.close();
    server.closeAllConnections();
    client.destroy();
  }
}

main();
