#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// list.mjs - looks up the domains of a file, one per line, with Node.js 18 or later.
//
//   EMAILSD_URL=http://127.0.0.1:8080 node docs/examples/list.mjs domains.txt
//
// Prints index, domain, and addresses or error code of each entry as it ends. If the stream breaks, or
// an entry has no result yet, sends the list again: known results cost nothing.
import { readFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";

const url = (process.env.EMAILSD_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const key = process.env.EMAILSD_KEY;
const attempts = 20;
const notYet = [503, 504]; // of an entry: it has no result, but the list can get one

class Rejected extends Error {
  constructor(status, retryAfter, text) {
    super(`${status}: ${text}`);
    this.isTemporary = status === 429 || status === 503;
    this.retryAfter = retryAfter;
  }
}

// Sends the list once, and yields the result of each entry as it ends. Throws if the stream breaks.
async function* results(domains) {
  const headers = { Accept: "application/x-ndjson", "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(`${url}/emails`, { method: "POST", headers, body: JSON.stringify(domains) });
  if (!response.ok)
    throw new Rejected(response.status, response.headers.get("Retry-After"), await response.text());
  let rest = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + piece).split("\n");
    rest = lines.pop();
    for (const line of lines)
      if (line) yield JSON.parse(line); // an empty line only keeps the connection open
  }
}

// Yields one final result for each entry. Sends the list again until there is one.
async function* completeResults(domains) {
  const done = new Set();
  for (let attempt = 1; attempt <= attempts; attempt++) {
    let seconds = attempt;
    try {
      for await (const result of results(domains)) {
        if (notYet.includes(result.status) || done.has(result.index)) continue;
        done.add(result.index);
        yield result;
      }
    } catch (error) {
      if (error instanceof Rejected && !error.isTemporary) throw error;
      seconds = Number(error.retryAfter ?? seconds);
      console.error(`list.mjs: ${error.message}; sending the list again`);
    }
    if (done.size === domains.length) return;
    await pause(seconds * 1000);
  }
  throw new Error(`${domains.length - done.size} entries have no result yet`);
}

const text = await readFile(process.argv[2], "utf8");
const domains = text.split("\n").map((line) => line.trim()).filter(Boolean);
for await (const result of completeResults(domains)) {
  const found = result.problem?.code ?? result.emails.map((entry) => entry.email).join(" ");
  console.log([result.index, result.input, found].join("\t"));
}
