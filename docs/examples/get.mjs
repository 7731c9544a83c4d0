#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// get.mjs - looks up one domain with Node.js 18 or later.
//
//   EMAILSD_URL=http://127.0.0.1:8080 node docs/examples/get.mjs milvali.com
//
// Prints the addresses. Repeats the request until it has a result or a final error: that joins the
// lookup, at no cost.
import { setTimeout as pause } from "node:timers/promises";

const url = (process.env.EMAILSD_URL ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const key = process.env.EMAILSD_KEY;
const attempts = 10;

class Problem extends Error {
  constructor(response, { code, detail }) {
    super(`${code}: ${detail}`);
    this.code = code;
    const seconds = Number(response.headers.get("Retry-After"));
    this.retryAfter = [429, 503, 504].includes(response.status) ? seconds : 0; // 0: final
  }
}

// Sends the request once. Throws a Problem, or another error if the connection breaks, or if a proxy
// replies with a page of its own.
async function request(domain) {
  const query = new URLSearchParams({ domain, wait: 25 });
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  const response = await fetch(`${url}/emails?${query}`, { headers, signal: AbortSignal.timeout(30_000) });
  const body = await response.json();
  if (!response.ok) throw new Problem(response, body);
  return body;
}

async function lookUp(domain) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await request(domain);
    } catch (error) {
      if (attempt === attempts || error.retryAfter === 0) throw error;
      await pause(1000 * (error.retryAfter ?? attempt));
    }
  }
}

try {
  const result = await lookUp(process.argv[2]);
  for (const { email } of result.emails) console.log(email);
} catch (error) {
  console.error(`get.mjs: ${error.message}`);
  process.exitCode = 1;
}
