// SPDX-License-Identifier: MIT
// usage.js - what the key may spend, and why nothing is paid for.
import { $, format, plural, setText } from "./dom.js";
import { getKey, readJson } from "./requests.js";

// What GET /usage has returned; null = the server has not accepted us.
export let usage = null;

export const clearUsage = () => { usage = null; };

function quotaText({ remaining, quota, lookups, resets_at: reset }) {
  if (remaining === null) return `${plural(lookups, "paid lookup")} today`;
  const most = quota === null ? "" : `${format(remaining)} of `;
  return `${most}${plural(quota ?? remaining, "lookup")} left, until ${reset.slice(11, 16)} UTC`;
}

export async function readUsage() {
  usage = await readJson("usage");
  for (const element of document.querySelectorAll(".quota")) element.textContent = quotaText(usage);
  $("key").hidden = !getKey();
  setText("key-name", usage.client);
  setText("forget", "forget");
}

export const refreshUsage = () => readUsage().catch(() => {});

// Returns why nothing can be paid for, as a sentence; "" = there is no reason.
export function obstacle() {
  if (usage?.cached_only) return "This key gets known results only, and never pays.";
  return usage?.remaining === 0 ? "No paid lookups are left until 00:00 UTC." : "";
}

// Why the upstream gets no lookups, by the word in /readyz.
export const UPSTREAM = {
  "circuit-open": "The upstream fails; lookups wait until it is tried again.",
  "credits-exhausted": "The credits at the upstream are used up.",
  "upstream-auth": "The upstream rejects the server's key.",
  "upstream-banned": "The upstream has blocked the account.",
  draining: "The server is shutting down.",
  throttled: "The upstream asks for fewer requests.",
};

// What a list waits for, by the word in GET /bulks/{id}.
export const WAITS = {
  ...UPSTREAM,
  overloaded: "The server is busy with other lookups.",
  paused: "The operator has paused paid lookups.",
  "storage-unavailable": "The store is unavailable.",
};
