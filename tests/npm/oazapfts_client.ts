// SPDX-License-Identifier: MIT

// oazapfts_client.ts - looks up one company and a list with the client that oazapfts generates. The argument is the
// URL of the server. Prints the same as fetch_client.ts.
//
// test_contract_clients.py compiles and runs it, beside the client that it has generated from openapi.yaml.
import { defaults, getEmails, postEmails } from "./generated.js";

defaults.baseUrl = process.argv[2];

const one = await getEmails("milvali.com");
if (one.status !== 200) throw new Error(`status ${one.status}`);
for (const entry of one.data.emails) console.log(entry.email);

const list = await postEmails(["milvali.com", { domain: "empty.com", tracking_id: "17" }], { format: "json", maxCredits: 5 });
if (list.status !== 200) throw new Error(`status ${list.status}`);
for (const line of list.data.results) console.log(line.index, line.outcome, line.tracking_id ?? "");
