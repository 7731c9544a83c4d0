// SPDX-License-Identifier: MIT
// server.js - the tab "Server": the state of the server, refreshed while the tab is visible.
import { $, el, format, plural, setText, speak } from "./dom.js";
import { problemOf, readJson, readText } from "./requests.js";
import { UPSTREAM, WAITS, refreshUsage, usage } from "./usage.js";

const REFRESH_MS = 5000;

// Returns why nothing is paid for at the moment, in sentences; "" = there is no reason.
function reasons({ checks: { store = "usable", paused, upstream = "ok", budget = "ok" } }) {
  return [
    store !== "usable" && `The store is ${store}.`,
    paused && WAITS.paused,
    upstream !== "ok" && (UPSTREAM[upstream] ?? `The upstream is ${upstream}.`),
    budget !== "ok" && "The server's credits are used up until 00:00 UTC.",
    budget === "ok" && usage?.remaining === 0 && "Your lookups are used up until 00:00 UTC.",
  ].filter(Boolean).join(" ");
}

// A server that is not ready responds with 503 and the same document.
const readChecks = () => readJson("readyz?verbose",
  { accepts: ({ ok, headers }) => ok || headers.get("Content-Type") === "application/json" });

// Returns the samples of /metrics by name; none if a proxy blocks it.
async function readMetrics() {
  const text = await readText("metrics").catch(() => "");
  return new Map([...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

// Returns the tiles: name, value, note, whether something is wrong, and the share that is used up.
function tilesOf({ checks }, metrics) {
  const outcome = (word) => metrics.get(`emailsd_cache_outcomes_total{outcome="${word}"}`);
  const of = (limit) => (limit ? ` of ${format(limit)}` : "");
  const balance = metrics.get("emailsd_upstream_balance_credits");
  const { store, upstream, paused, budget, credits_spent: spent, credits_limit: limit } = checks;
  return [
    ["Store", store, "", store !== "usable"],
    ["Upstream", upstream, balance === undefined ? "" : `balance ${plural(balance, "credit")}`, upstream !== "ok"],
    ["Budget", format(spent) + of(limit), "credits spent today", budget !== "ok", limit && spent / limit],
    ["Paused", paused ? "yes" : "no", "", paused],
    ["Queue", format(checks.queue), "lookups wait"],
    ["In flight", format(checks.lookups), `lookups in ${plural(checks.submits, "submit")}`],
    usage && ["Your lookups", format(usage.lookups) + of(usage.quota), "paid today", usage.remaining === 0],
    metrics.size && ["Hits", format(outcome("hit") + outcome("stale")),
      `${plural(outcome("miss"), "miss", "misses")} since the start`],
  ].filter(Boolean);
}

const tile = ([name, value, note, isBad, share]) =>
  el(isBad ? "div.bad" : "div", el("dt", name), el("dd", value),
    el("dd.muted.small", share === undefined ? ""
      : el("progress", { value: share, max: 1, "aria-label": name }), note));

function showVerdict(style, title, text) {
  const verdict = $("verdict");
  if (verdict.textContent && verdict.textContent !== title + text) speak(`${title}. ${text}`);
  verdict.className = `card verdict ${style}`;
  verdict.replaceChildren(el("h3", title), el("p", text));
}

async function readServer() {
  const [state, metrics, build] = await Promise.all([readChecks(), readMetrics(), readJson("version").catch(() => null),
    usage && refreshUsage()]);
  const why = reasons(state);
  if (state.status !== "ready") showVerdict("bad", `Not ready: ${state.status}`, why);
  else if (why) showVerdict("warn", "Ready, without paid lookups", `${why} Known results are served.`);
  else showVerdict("good", "Ready", "Known results are served, and lookups are accepted.");
  $("tiles").replaceChildren(...tilesOf(state, metrics).map(tile));
  setText("build", build
    ? `emailsd ${build.version}, revision ${build.revision}, Public Suffix List ${build.public_suffix_list}` : "");
  setText("server-time", `Updated ${new Date().toLocaleTimeString()}`);
}

let isReading = false;

export async function refreshServer() {
  if (isReading || document.hidden || $("server").hidden) return;
  isReading = true;
  const problem = await readServer().then(() => null, problemOf);
  if (problem) showVerdict("bad", problem.title, problem.detail ?? "");
  $("tiles").classList.toggle("old", Boolean(problem));
  isReading = false;
}

setInterval(refreshServer, REFRESH_MS);
document.addEventListener("visibilitychange", refreshServer);
