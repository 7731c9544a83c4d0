// SPDX-License-Identifier: MIT
// page.js - the web page of emailsd: one lookup, a list, the state of the server.
//
// Only the two buttons that name a price spend credits; other requests have cached=1. Text becomes text
// nodes, because Trusted Types forbid everything else. The key stays in sessionStorage and travels in a
// header. An EventSource cannot send it, so fetch reads the streams.
//
// Long because a page without a build step has one module.

const KEY = "emailsd-key", PAGE_ROWS = 500;
const SPEAK_EVERY_MS = 10000, REFRESH_MS = 5000, STALL_MS = 8000, DRAW_MS = 200;

const $ = (id) => document.getElementById(id);
const write = (id, text) => { $(id).textContent = text; };
const on = (id, event, run) => $(id).addEventListener(event, run);
const format = new Intl.NumberFormat("en").format;
const count = (n, one, many = `${one}s`) => `${format(n)} ${n === 1 ? one : many}`;
const since = (time) => (Date.now() - Date.parse(time)) / 1000;

function duration(seconds) {
  for (const [unit, length] of [["days", 86400], ["h", 3600], ["min", 60]])
    if (seconds >= 2 * length) return `${Math.round(seconds / length)} ${unit}`;
  return `${Math.max(0, Math.round(seconds))} s`;
}

// Returns an element "name.class.class". Objects are attributes and listeners; other parts are children.
function el(kind, ...parts) {
  const [name, ...classes] = kind.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const part of parts)
    if (part?.constructor !== Object) element.append(part ?? "");
    else for (const [key, value] of Object.entries(part))
      if (typeof value === "function") element.addEventListener(key, value);
      else element.setAttribute(key, value);
  return element;
}

const button = (text, click, style = "") => el("button", { type: "button", class: style, click }, text);
const facts = (...all) => el("p.muted.small.facts", ...all.filter(Boolean).map((fact) => el("span", fact)));

// ---- screen readers and focus ----

let spoken = 0;

function speak(text, isProgress = false) {
  if (isProgress && Date.now() - spoken < SPEAK_EVERY_MS) return;
  spoken = Date.now();
  write("status", text);
}

// Moves the focus into `place`, unless the user works somewhere else.
function moveFocus(place, ...from) {
  const active = document.activeElement;
  if (active === document.body || !active.checkVisibility() || [place, ...from].some((part) => part.contains(active)))
    place.querySelector("[tabindex]").focus();
}

// Not all pages over http have navigator.clipboard.
function copy(text, { target }) {
  const area = el("textarea.unseen", text), label = target.textContent;
  target.after(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  target.focus();
  target.textContent = "Copied";
  speak("Copied");
  setTimeout(() => { target.textContent = label; }, 1500);
}

// ---- requests ----

const NO_CONNECTION = { title: "No connection to emailsd", detail: `${location.host} does not respond.`, retryable: true };

// Returns the problem of an error, or undefined if the user has stopped the request.
function problemOf(error) {
  if (error.name === "AbortError") return undefined;
  if (error instanceof TypeError) return NO_CONNECTION;
  return error.body ?? { title: "Error in the page", detail: String(error) };
}

// Sends a request with the key. Unless `accepts` takes the response, throws an error with its problem
// (openapi.yaml) as the body.
async function call(path, options = {}, accepts = (response) => response.ok) {
  const key = sessionStorage.getItem(KEY);
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const response = await fetch(path, { ...options, headers, cache: "no-store" });
  if (accepts(response)) return response;
  const { status } = response,
    problem = await response.json().catch(() => ({ title: `HTTP status ${status}`, detail: "A proxy may have sent it." }));
  if (status === 401) askForKey(key ? "The server does not know this key." : "");
  throw Object.assign(new Error(path), { body: { ...problem, status, wait: response.headers.get("Retry-After") } });
}

const readJson = async (path, accepts) => (await call(path, {}, accepts)).json();

// Yields the lines of a body as they arrive. Throws if the connection breaks.
async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read();
    if (done) return;
    const pieces = (rest + value).split("\n");
    rest = pieces.pop();
    yield* pieces;
  }
}

// Yields the data of each event. The last one has a status, those before have a phase.
async function* events(response) {
  for await (const line of lines(response)) if (line.startsWith("data: ")) yield JSON.parse(line.slice(6));
}

const codeLink = (code) => el("a", { href: `problems/${code}` }, code);

function problemCard({ title, detail, code, charged, request_id: id, wait, kind = "problem" }, ...actions) {
  speak(`${title}. ${detail ?? ""}`);
  return el(`article.card.${kind}`, el("h3", { tabindex: -1 }, title), el("p", detail), el("p.actions", ...actions),
    facts(code && codeLink(code), charged && charged !== "no" && `charged: ${charged}`,
      wait && `try again in ${duration(wait)}`, id && `request ${id}`));
}

// ---- access ----

let usage = null; // null = the server has not accepted us

function showAccess(which) {
  for (const id of ["connecting", "key-form", "denied"]) $(id).hidden = id !== which;
  route();
}

function askForKey(fault) {
  sessionStorage.removeItem(KEY);
  usage = null;
  waiting?.abort();
  run?.abort();
  $("key").hidden = true;
  write("key-fault", fault);
  $("key-input").value = "";
  showAccess("key-form");
  $("key-input").focus();
  speak(fault);
}

async function readUsage() {
  usage = await readJson("usage");
  const { client, remaining, quota, lookups, resets_at: reset } = usage;
  const left = `${quota === null ? "" : `${format(remaining)} of `}${count(quota ?? remaining, "lookup")} left, until ${reset.slice(11, 16)} UTC`;
  for (const place of document.querySelectorAll(".quota")) place.textContent = remaining === null ? `${count(lookups, "paid lookup")} today` : left;
  $("key").hidden = !sessionStorage.getItem(KEY);
  write("key-name", client);
  showCurl();
}

const refreshUsage = () => readUsage().catch(() => {});

async function connect() {
  try {
    await readUsage();
    showAccess();
  } catch (error) {
    if (error.body?.status === 401) return;
    $("denied").replaceChildren(problemCard(problemOf(error), button("Try again", connect)));
    showAccess("denied");
  }
}

on("key-form", "submit", async (event) => {
  event.preventDefault();
  const key = $("key-input").value.trim();
  if (!/^[!-~]+$/.test(key)) return void askForKey("This is not a key.");
  sessionStorage.setItem(KEY, key);
  await connect();
  if (usage) titleOf().focus();
});
on("forget", "click", () => {
  askForKey("");
  connect();
});

// ---- tabs ----

const TABS = ["lookup", "many", "server"];

// Returns the tab in the URL, and a domain behind it: #lookup/milvali.com.
function place(url = location) {
  const [, name, domain] = /#(\w+)\/?(.*)/.exec(url) ?? [];
  return { name: TABS.includes(name) ? name : TABS[0], domain: new URLSearchParams(`d=${domain ?? ""}`).get("d") };
}

const titleOf = () => $(`${place().name}-title`);

function route() {
  const { name, domain } = place();
  const isOpen = usage !== null || name === "server";
  for (const tab of TABS) $(tab).hidden = tab !== name || !isOpen;
  $("access").hidden = isOpen;
  for (const link of document.querySelectorAll("header nav a"))
    link.setAttribute("aria-current", link.hash === `#${name}` ? "page" : "false");
  document.title = `${titleOf().textContent} - emailsd`;
  if (name === "server") refreshServer();
  if (usage && domain && domain !== asked) {
    $("domain").value = domain;
    lookUp();
  }
}

addEventListener("hashchange", ({ oldURL, newURL }) => {
  route();
  if (place(oldURL).name !== place(newURL).name) titleOf().focus();
});

// ---- one lookup ----

let asked = ""; // the domain whose result is shown
let waiting = null; // the AbortController of the request in flight
let expected = 0; // seconds of a lookup, by the last progress

function question() {
  const fields = [...new FormData($("question"))].map(([name, value]) => [name, value.trim()]);
  return new URLSearchParams(fields.filter(([, value]) => value));
}

function showCurl() {
  const query = question();
  if (!query.has("domain")) query.set("domain", "milvali.com");
  const url = new URL(`emails?${query}`, location.origin + location.pathname).href;
  write("curl", `curl '${url}'${sessionStorage.getItem(KEY) ? ' -H "Authorization: Bearer $EMAILSD_KEY"' : ""}`);
}

function showResult(result) {
  $("result").replaceChildren(result);
  moveFocus($("result"), $("question"));
}

const PHASES = ["queued", "submitting", "processing", "fetching"];
// Returns the card of a lookup in flight, and the function that takes its progress.
function progressOf(domain, stop) {
  const text = el("p", "Sending the request");
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Progress of ${domain}` });
  const steps = PHASES.map((phase) => el("li", phase));
  const result = el("article.card", el("h3", { tabindex: -1 }, domain), text, bar,
    el("div.between", el("ol.steps", ...steps), button("Stop waiting", stop)));
  let began, now, whole;
  const draw = () => {
    if (!result.isConnected) clearInterval(timer);
    if (!whole) return;
    const seconds = (Date.now() - began) / 1000;
    text.textContent = `${PHASES[now]}, ${duration(seconds)} of about ${duration(whole)}${now ? "" : "; nothing is paid yet"}`;
    bar.value = Math.min(0.98, seconds / whole);
    steps.forEach((step, i) => { step.className = i < now ? "done" : i === now ? "current" : ""; });
    speak(`${domain}: ${text.textContent}`, true);
  };
  const timer = setInterval(draw, 1000);
  const update = (progress) => {
    began = Date.now() - progress.elapsed_s * 1000;
    now = PHASES.indexOf(progress.phase);
    expected = whole = Math.max(1, progress.expected_s);
    draw();
  };
  return { result, update };
}

const STOPPED = "What has been submitted continues, and its result will be free. What was still queued is dropped, and costs nothing.";
const free = (query) => button("Look up again, for free", () => lookUp(query));
const paid = (query, price) => button(`Start paid lookup: ${price}`, () => lookUp(query, true), "primary");

function resultCard(line, id) {
  const { domain, company_name: company, emails, count: n, truncated, outcome, charged, fetched_at: fetched, expires_at: expires } = line;
  const age = since(expires), price = { yes: "1 credit", no: "free" }[charged] ?? charged;
  speak(`${domain}: ${count(n, "mailbox", "mailboxes")}.`);
  const items = emails.map(({ email, status }) => el("li", el("span.address", email), el("span.muted.small", status)));
  return el("article.card",
    el("div.between", el("div", el("h3", { tabindex: -1 }, domain), el("p.muted", company)), el("p.badge", el("b", outcome), `, ${price}`)),
    n ? el("ul.mailboxes", ...items) : el("p.empty", "No shared mailboxes were found. This result is stored too."),
    truncated ? el("p", "The upstream has more; these are the first 1,000.") : "",
    el("div.actions", n ? button("Copy addresses", (event) => copy(emails.map(({ email }) => email).join("\n"), event)) : "",
      el("details", el("summary", "JSON"), el("pre", JSON.stringify(line, null, 2)))),
    facts(`fetched ${duration(since(fetched))} ago, ${age < 0 ? `fresh for ${duration(-age)}` : `expired ${duration(age)} ago`}`, `request ${id}`));
}

// Returns the card with the result of a question.
async function request(query, isPaid, update, signal) {
  const domain = query.get("domain");
  const failed = (problem) => problemCard(problem, ...(problem.retryable ? [free(query), isPaid ? paid(query, "at most 1 credit") : ""] : []));
  try {
    const response = await call(`emails?${query}&format=sse${isPaid ? "" : "&cached=1"}`, { signal });
    const id = response.headers.get("X-Request-Id");
    for await (const data of events(response))
      if (data.phase) update(data);
      else return data.problem ? failed({ ...data.problem, request_id: id }) : resultCard(data, id);
    return failed(NO_CONNECTION);
  } catch (error) {
    const problem = problemOf(error);
    if (!problem) return problemCard({ kind: "note", title: `Stopped waiting for ${domain}`, detail: STOPPED }, free(query));
    if (isPaid || problem.code !== "not-cached") return failed(problem);
    return problemCard({ kind: "note", title: `${domain} is not known yet`, request_id: problem.request_id,
      detail: "Nothing was spent. A paid lookup asks the upstream. Its result is stored, and free from then on." },
    paid(query, `1 credit, ${expected ? `about ${duration(expected)}` : "less than a minute"}`));
  }
}

// Looks a question up. Only a paid lookup can spend anything.
async function lookUp(query = question(), isPaid = false) {
  waiting?.abort();
  const mine = (waiting = new AbortController());
  asked = query.get("domain");
  const { result: progress, update } = progressOf(asked, () => mine.abort());
  if (isPaid) showResult(progress);
  $("result").setAttribute("aria-busy", "true");
  const result = await request(query, isPaid, update, mine.signal);
  if (waiting !== mine) return; // another lookup has begun
  waiting = null;
  $("result").removeAttribute("aria-busy");
  if (usage) showResult(result);
  if (usage && isPaid) refreshUsage();
}

on("question", "submit", (event) => {
  event.preventDefault();
  asked = $("domain").value.trim();
  location.hash = `lookup/${encodeURIComponent(asked)}`;
  lookUp();
});
on("question", "input", showCurl);
on("copy-curl", "click", (event) => copy($("curl").textContent, event));

// ---- a list ----

let rows = []; // the line of each entry, by its index; a result is never replaced
let checked = null; // the text whose price is shown
let page = 0;
let run = null; // the list in flight

const codeOf = (line) => line.problem?.code ?? "";

// Whether an entry has no result yet, but may get one.
const isOpen = (line) => line.status >= 503 || line.status === 409 || codeOf(line) === "credits-exhausted";
const KINDS = { all: () => true, found: (line) => line.count > 0, none: (line) => line.count === 0, failed: (line) => line.problem && !isOpen(line) };
const sum = (test) => rows.filter(test).length;

const showFault = (problem) => $("list-fault").replaceChildren(problem ? problemCard(problem) : "");

// Whether the first line names columns. If commas do not separate them, the server says so.
const isCsv = (text) => /^\ufeff?(.*[,;\t])?\s*"?domain"?\s*([,;\t\r\n]|$)/i.test(text);

// Returns the entries as text, without blank lines, comments and the names of columns.
function entriesOf(text) {
  if (isCsv(text)) return (text.match(/("[^"]*"|[^"\n])+/g) ?? []).filter((row) => row.trim()).slice(1);
  return text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
}

function showList() {
  const text = $("list").value, entries = entriesOf(text);
  const repeated = entries.length - new Set(entries.map((entry) => entry.toLowerCase())).size;
  write("counted", entries.length ? count(entries.length, isCsv(text) ? "row" : "line") + (repeated ? `, ${format(repeated)} repeated` : "") : "");
  $("check").disabled = !entries.length || run !== null;
  $("list").readOnly = $("file").disabled = run !== null;
  $("price").hidden = !run?.isPaid && checked !== text;
  $("offer").hidden = run !== null || !credits();
  $("running").hidden = !run?.isPaid;
}

async function useFile(file) {
  if (!file || run) return;
  try {
    $("list").value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    showFault();
    showList();
    speak($("counted").textContent);
  } catch {
    showFault({ title: `${file.name} is not UTF-8 text`, detail: "In a spreadsheet, save it as CSV UTF-8." });
  }
}

// ---- the table ----

function mailboxes({ emails, problem }) {
  if (problem) return el("td.muted", problem.detail || problem.title);
  if (!emails.length) return el("td.muted", "none");
  const more = emails.length - 4;
  return el("td", ...emails.slice(0, 4).map(({ email }) => el("div.address", email)), el("div.muted", more > 0 ? `and ${format(more)} more` : ""));
}

function rowOf(line) {
  const { input, domain, company_name: company, status, problem, outcome, charged } = line;
  const more = domain ? [company, domain === input ? "" : input].filter(Boolean).join(", ") : "";
  line.row ??= el(isOpen(line) ? "tr.muted" : "tr", el("th", { scope: "row" }, domain ?? input, el("div.muted", more)), mailboxes(line),
    el("td", `${status} `, problem ? codeLink(problem.code) : ""), el("td", outcome), el("td", charged));
  return line.row;
}

const chosen = () => rows.filter(KINDS[document.querySelector("[name=show]:checked").value]);

// Shows a page of the chosen rows. Those that stay in place are not touched.
function showTable() {
  const lines = chosen(), body = $("rows");
  page = Math.max(0, Math.min(page, Math.ceil(lines.length / PAGE_ROWS) - 1));
  const from = page * PAGE_ROWS, to = Math.min(from + PAGE_ROWS, lines.length);
  lines.slice(from, to).map(rowOf).forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i]);
  });
  while (body.children.length > to - from) body.lastChild.remove();
  for (const input of $("filter").elements) input.nextSibling.querySelector("b").textContent = format(sum(KINDS[input.value]));
  $("results").hidden = !rows.length;
  $("no-rows").hidden = lines.length > 0;
  $("pager").hidden = lines.length <= PAGE_ROWS;
  write("page-text", `${format(from + 1)} to ${format(to)} of ${format(lines.length)}`);
  $("previous").disabled = page === 0;
  $("next").disabled = to === lines.length;
}

function turnPage(step) {
  page += step;
  showTable();
  $("scroll").focus();
}

// ---- CSV, byte for byte as the server writes it ----

function cell(value = "") {
  const text = String(value), safe = (/^[=+@\t\r-]/.test(text) ? "'" : "") + text;
  return /[,"\r\n]/.test(text) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const COLUMNS = "index,input,tracking_id,domain,company_name,email,email_status,status,code,outcome,charged".split(",");

function download() {
  const table = chosen().flatMap((line) => (line.count ? line.emails : [{}]).map(({ email, status }) => {
    const row = { ...line, email, email_status: status, code: codeOf(line) };
    return COLUMNS.map((name) => cell(row[name]));
  }));
  const url = URL.createObjectURL(new Blob([COLUMNS, ...table].map((row) => `${row.join(",")}\r\n`), { type: "text/csv" }));
  el("a", { href: url, download: "emails.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
}

// ---- checking and running ----

// The credits that the open entries cost at most. Equal entries are paid for once.
const credits = () => sum((line) => isOpen(line) && line.outcome !== "duplicate");

function showPrice(title) {
  const unknown = credits(), repeated = sum((line) => line.outcome === "duplicate");
  const invalid = sum((line) => line.outcome === "rejected" && !isOpen(line));
  const figures = [[rows.length - unknown - repeated - invalid, "known"], [unknown, "not known"], [repeated, "repeated"], [invalid, "not valid"]];
  $("figures").replaceChildren(...figures.filter(([n], i) => n || i < 2).map(([n, word]) => el("div", el("dt", word), el("dd", format(n)))));
  write("price-title", title ?? (unknown ? `This list costs at most ${count(unknown, "credit")}` : "Everything is known: this list costs nothing"));
  write("start", `Look up ${format(unknown)}`);
  $("limit").value = unknown;
  showList();
  speak($("price-title").textContent);
  moveFocus($("price"), $("drop"));
}

function showRun() {
  const done = run.open - sum(isOpen), seconds = (Date.now() - run.began) / 1000;
  write("run-text", `${format(done)} of ${format(run.open)}, ${format(sum(KINDS.failed) - run.failed)} failed, ${duration(seconds)}`);
  $("run-bar").value = done / run.open;
  speak($("run-text").textContent, true);
}

// Draws the progress. If no line arrives for a while, says why.
async function tick(mine) {
  showTable();
  if (!mine.isPaid) return;
  showRun();
  if (Date.now() - mine.heard < STALL_MS) return;
  mine.heard = Date.now();
  const why = await readChecks().then(reasons, () => "");
  write("run-note", why && `The list waits. ${why}`);
}

function take(line) {
  run.heard = Date.now();
  write("run-note", "");
  if (!rows[line.index] || isOpen(rows[line.index])) rows[line.index] = line;
}

// Sends the list; without a limit, it spends nothing. Returns null if it is complete, undefined if the
// user has stopped it, or a problem.
async function send(limit) {
  const controller = new AbortController(), text = $("list").value, isPaid = limit !== undefined;
  if (isPaid) write("price-title", "Looking up");
  else [rows, checked] = [[], null];
  const mine = (run = { isPaid, abort: () => controller.abort(), open: sum(isOpen), failed: sum(KINDS.failed), began: Date.now() });
  run.heard = run.began;
  const timer = setInterval(() => tick(mine), DRAW_MS);
  showFault();
  showList();
  try {
    const query = new URLSearchParams({ format: "ndjson", [isPaid ? "max_credits" : "cached"]: limit ?? 1 });
    const headers = { "Content-Type": isCsv(text) ? "text/csv" : "text/plain" };
    const response = await call(`emails?${query}`, { method: "POST", headers, body: text, signal: controller.signal });
    for await (const line of lines(response)) if (line) take(JSON.parse(line));
    return null;
  } catch (error) {
    return problemOf(error);
  } finally {
    clearInterval(timer);
    run = null;
    showTable();
    showList();
  }
}

async function check() {
  const problem = await send();
  if (!usage) return;
  if (problem) {
    showFault(problem);
    return moveFocus($("list-fault"), $("drop"));
  }
  checked = $("list").value;
  showPrice();
}

async function start() {
  const open = sum(isOpen), sent = send($("limit").valueAsNumber || 0);
  $("stop").focus();
  const problem = await sent;
  if (!usage) return;
  const title = problem === null ? "Finished" : problem ? "Interrupted" : "Stopped";
  if (problem !== null) showFault({ kind: "note", title: "Nothing is paid twice", detail: STOPPED });
  if (problem) showFault({ ...problem, detail: `${problem.detail} ${STOPPED}` });
  showPrice(`${title}: ${format(open - sum(isOpen))} of ${format(open)} looked up, ${count(sum((line) => line.charged === "yes"), "credit")} spent`);
  refreshUsage();
}

on("list", "input", showList);
on("file", "change", async ({ target }) => {
  await useFile(target.files[0]);
  target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"])
  on("drop", name, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    useFile(event.dataTransfer.files[0]);
  });
on("check", "click", check);
on("start", "click", start);
on("stop", "click", () => run.abort());
on("filter", "change", () => { page = 0; showTable(); });
on("previous", "click", () => turnPage(-1));
on("next", "click", () => turnPage(1));
on("download", "click", download);
addEventListener("beforeunload", (event) => {
  if (run?.isPaid) event.preventDefault();
});

// ---- the server ----

const UPSTREAM = {
  "circuit-open": "The upstream fails; lookups wait until it is tried again.",
  "credits-exhausted": "The credits at the upstream are used up.",
  "upstream-auth": "The upstream rejects the server's key.",
  "upstream-banned": "The upstream has blocked the account.",
  draining: "The server is shutting down.",
  throttled: "The upstream asks for fewer requests.",
};

// Returns why nothing is paid for at the moment, in sentences; "" = there is no reason.
function reasons({ checks: { store = "usable", paused, upstream = "ok", budget = "ok" } }) {
  return [
    store !== "usable" && `The store is ${store}.`,
    paused && "The operator has paused paid lookups.",
    upstream !== "ok" && UPSTREAM[upstream],
    budget !== "ok" && "The server's credits are used up until 00:00 UTC.",
    budget === "ok" && usage?.remaining === 0 && "Your lookups are used up until 00:00 UTC.",
  ].filter(Boolean).join(" ");
}

// A server that is not ready responds with 503 and the same document.
const readChecks = () => readJson("readyz?verbose", ({ ok, headers }) => ok || headers.get("Content-Type") === "application/json");

// Returns the samples of /metrics by name; none if a proxy blocks it.
async function readMetrics() {
  const text = await call("metrics").then((response) => response.text(), () => "");
  return new Map([...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]));
}

// Name, value, note, whether something is wrong, and the share that is used up.
function tilesOf({ checks }, metrics) {
  const outcome = (word) => metrics.get(`emailsd_cache_outcomes_total{outcome="${word}"}`);
  const balance = metrics.get("emailsd_upstream_balance_credits");
  const { store, upstream, paused, credits_spent: spent, credits_limit: limit } = checks;
  return [
    ["Store", store, "", store !== "usable"],
    ["Upstream", upstream, balance === undefined ? "" : `balance ${count(balance, "credit")}`, upstream !== "ok"],
    ["Budget", format(spent) + (limit ? ` of ${format(limit)}` : ""), "credits spent today", checks.budget !== "ok", limit && spent / limit],
    ["Paused", paused ? "yes" : "no", "", paused],
    ["Queue", format(checks.queue), "lookups wait"],
    ["In flight", format(checks.lookups), `lookups in ${count(checks.submits, "submit")}`],
    usage && ["Your lookups", format(usage.lookups) + (usage.quota === null ? "" : ` of ${format(usage.quota)}`), "paid today", usage.remaining === 0],
    metrics.size && ["Hits", format(outcome("hit") + outcome("stale")), `${count(outcome("miss"), "miss", "misses")} since the start`],
  ].filter(Boolean);
}

const tile = ([name, value, note, isBad, share]) =>
  el(isBad ? "div.bad" : "div", el("dt", name), el("dd", value),
    el("dd.muted.small", share === undefined ? "" : el("progress", { value: share, max: 1, "aria-label": name }), note));

function showVerdict(style, title, text) {
  const verdict = $("verdict");
  if (verdict.textContent && verdict.textContent !== title + text) speak(`${title}. ${text}`);
  verdict.className = `card verdict ${style}`;
  verdict.replaceChildren(el("h3", title), el("p", text));
}

async function readServer() {
  const [state, metrics, build] = await Promise.all([readChecks(), readMetrics(), readJson("version"), usage && refreshUsage()]);
  const why = reasons(state);
  if (state.status !== "ready") showVerdict("bad", `Not ready: ${state.status}`, why);
  else if (why) showVerdict("warn", "Ready, without paid lookups", `${why} Known results are served.`);
  else showVerdict("good", "Ready", "Known results are served, and lookups are accepted.");
  $("tiles").replaceChildren(...tilesOf(state, metrics).map(tile));
  write("build", `emailsd ${build.version}, revision ${build.revision}, Public Suffix List ${build.public_suffix_list}`);
  write("server-time", `Updated ${new Date().toLocaleTimeString()}`);
}

let isReading = false;

async function refreshServer() {
  if (isReading || document.hidden || $("server").hidden) return;
  isReading = true;
  const problem = await readServer().then(() => null, problemOf);
  if (problem) showVerdict("bad", problem.title, problem.detail ?? "");
  $("tiles").classList.toggle("old", problem !== null);
  isReading = false;
}

setInterval(refreshServer, REFRESH_MS);
document.addEventListener("visibilitychange", refreshServer);

$("app").hidden = false;
showCurl();
showList();
route();
connect();
