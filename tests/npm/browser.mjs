// SPDX-License-Identifier: MIT
// browser.mjs - Chromium for the tests of the web page, controlled by tests/system/browser.py.
//
// Reads calls from stdin and writes their results to stdout, one JSON object per line:
//   {"object":"page","method":"click","args":["#check"]} -> {"result":null} or {"error":"..."}
// Objects are those of playwright (page, keyboard, context, clock), and some of this file; `watch` has
// what the page did. Ends with its stdin.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [program, timeoutMs, options] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// The response to a request that is not a success is logged by the browser itself.
const isStatus = (text) => /^Failed to load resource: (the server responded with a status of|net::ERR_)/.test(text);

// Not a handle of the page.
const isData = (value) => Object(value) !== value || [Array, Object].includes(value.constructor);

const browser = await chromium.launch({ executablePath: program, args: process.getuid() === 0 ? ["--no-sandbox"] : [] });
const context = await browser.newContext(JSON.parse(options));
context.setDefaultTimeout(Number(timeoutMs));
await context.addInitScript(() => {
  document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
    console.error(`violation of ${violatedDirective}: ${blockedURI}`));
});
// A press of a button that names credits, by mouse or keyboard, is a message in the console.
const PRESS = "pressed a paid button";
await context.addInitScript((press) => {
  document.addEventListener("click", ({ isTrusted, target }) => {
    if (isTrusted && /\bcredits?\b/.test(target.closest("button")?.textContent)) console.debug(press);
  }, true);
}, PRESS);
await context.addInitScript(axe);

const seen = { faults: [], requests: [], dialogs: [], downloads: [], paid: [], presses: [] };
const page = await context.newPage();
page.on("console", (message) => {
  if (message.text() === PRESS) seen.presses.push(page.url());
  if (["error", "warning"].includes(message.type()) && !isStatus(message.text())) seen.faults.push(message.text());
});
page.on("pageerror", (error) => seen.faults.push(String(error)));
page.on("request", (request) => {
  const line = `${request.method()} ${request.url()}`;
  seen.requests.push(line);
  if (new URL(request.url()).pathname === "/emails" && !/[?&]cached=1(&|$)/.test(line)) seen.paid.push(line);
});
page.on("dialog", (dialog) => {
  seen.dialogs.push(dialog.type());
  return dialog.dismiss();
});
page.on("download", async (download) => seen.downloads.push(readFileSync(await download.path(), "utf8")));

const held = []; // functions that send a request on
const objects = {
  page,
  context,
  keyboard: page.keyboard,
  clock: page.clock,
  files: { choose: (selector, name, text) => page.setInputFiles(selector, { name, mimeType: "", buffer: Buffer.from(text) }) },
  proxy: {
    // Responds to a path, as a proxy does that blocks it.
    block: (path, response = { status: 404, body: "Not found" }) =>
      context.route(`**${path}`, (route) => route.fulfill(response)),
    unblock: (path) => context.unroute(`**${path}`),
    // Holds the requests to a path back until open(). The page may have ended them by then.
    hold: (path) => context.route(`**${path}`, async (route) => {
      await new Promise((open) => held.push(open));
      await route.continue().catch(() => {});
    }),
    open: () => held.splice(0).forEach((open) => open()),
  },
  watch: { take: (name) => seen[name].splice(0), list: (name) => seen[name] },
};

// Some methods have no limit of their own: a page that hangs would hang the test.
const late = () => new Promise((_, reject) => {
  setTimeout(() => reject(new Error("the page does not respond")), Number(timeoutMs)).unref();
});

for await (const line of createInterface({ input: process.stdin })) {
  const { object, method, args } = JSON.parse(line);
  let reply;
  try {
    const result = await Promise.race([objects[object][method](...args), late()]);
    reply = { result: isData(result) ? result ?? null : null };
  } catch (error) {
    reply = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(reply)}\n`);
}
await browser.close();
