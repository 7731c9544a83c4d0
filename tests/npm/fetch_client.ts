// SPDX-License-Identifier: MIT

// fetch_client.ts - looks up one company and a list with openapi-fetch, typed by openapi-typescript. The argument is
// the URL of the server. Prints one address per line.
//
// test_contract_clients.py compiles and runs it, beside the types that it has generated from openapi.yaml.
import createClient from "openapi-fetch";
import type { paths } from "./paths.js";

const client = createClient<paths>({ baseUrl: process.argv[2] });

const one = await client.GET("/emails", { params: { query: { domain: "milvali.com" } } });
if (one.error) throw new Error(`${one.error.code}: ${one.error.detail}`);
if (typeof one.data !== "object" || !("emails" in one.data)) throw new Error("not a result");
for (const entry of one.data.emails) console.log(entry.email);

const list = await client.POST("/emails", {
  params: { query: { format: "json", max_credits: 5 } },
  body: ["milvali.com", { domain: "empty.com", tracking_id: "17" }],
});
if (list.error) throw new Error(`${list.error.code}: ${list.error.detail}`);
if (typeof list.data !== "object" || !("results" in list.data)) throw new Error("not a list");
for (const line of list.data.results) console.log(line.index, line.outcome, line.tracking_id ?? "");
