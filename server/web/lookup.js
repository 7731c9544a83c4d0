// SPDX-License-Identifier: MIT
// lookup.js - the tab "Look up": one question, its price, its progress and its result.
//
// Only the buttons of payButton() spend credits; the other requests have cached=1.
import { $, button, copy, duration, el, facts, moveFocus, on, plural, problemCard, secondsSince, setText, speak,
  speakCard } from "./dom.js";
import { RESPONSE_MS, STOPPED, getKey, paying, problemOf, readLines, sessionSignal } from "./requests.js";
import { obstacle, refreshUsage } from "./usage.js";

const PHASES = ["queued", "submitting", "processing", "fetching"];
const NOTHING = [...$("result").children];

let lookups = []; // those with a card; the last one is that of the form
let expectedS = 0; // seconds of a lookup, by the last progress
const paidFor = new Set(); // questions that were paid for in this tab, and have no result yet

// ---- the question ----

function question() {
  const fields = [...new FormData($("question"))].map(([name, value]) => [name, value.trim()]);
  return new URLSearchParams(fields.filter(([, value]) => value));
}

const nameOf = (query) => [...query.values()].join(", ");

export function showCurl() {
  const query = question();
  if (!query.has("domain")) query.set("domain", "milvali.com");
  const url = new URL(`emails?${query}`, location.origin + location.pathname).href;
  setText("curl", `curl '${url}'${getKey() ? ' -H "Authorization: Bearer $EMAILSD_KEY"' : ""}`);
}

// ---- cards ----

const freeButton = (query, text = "Look up again, for free") => button(text, () => lookUp(query));
const payButton = (query, text) => (obstacle() ? el("span.muted", obstacle())
  : button(text, () => lookUp(query, true), "primary"));

// Returns the card of a lookup in flight, and the function that takes its progress.
function progressCard(domain, stop) {
  const text = el("p", "Sending the request");
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Progress of ${domain}` });
  const steps = PHASES.map((phase) => el("li", phase));
  const card = el("article.card", el("h3", { tabindex: -1 }, domain), text, bar,
    el("div.between", el("ol.steps", ...steps), button("Stop waiting", stop)));
  let beganAt, now, whole;
  const draw = () => {
    if (!card.isConnected) clearInterval(timer);
    if (!whole) return;
    const seconds = secondsSince(beganAt);
    const note = now ? "" : "; nothing is paid yet";
    text.textContent = `${PHASES[now]}, ${duration(seconds)} of about ${duration(whole)}${note}`;
    bar.value = Math.min(0.98, seconds / whole);
    steps.forEach((step, i) => {
      step.className = i < now ? "done" : i === now ? "current" : "";
      step.setAttribute("aria-current", i === now ? "step" : "false");
    });
    speak(`${domain}: ${text.textContent}`, true);
  };
  const timer = setInterval(draw, 1000);
  const update = (progress) => {
    beganAt = Date.now() - progress.elapsed_s * 1000;
    now = PHASES.indexOf(progress.phase);
    expectedS = whole = Math.max(1, progress.expected_s);
    draw();
  };
  return { card, update };
}

const busyCard = (domain, stop) => el("article.card.late", el("h3", { tabindex: -1 }, `Looking up ${domain}`),
  el("p", "Known results are free."), el("p.actions", button("Stop", stop)));

function freshness({ fetched_at: fetched, expires_at: expires }) {
  const age = secondsSince(expires);
  const state = age < 0 ? `fresh for ${duration(-age)}` : `expired ${duration(age)} ago`;
  return `fetched ${duration(secondsSince(fetched))} ago, ${state}`;
}

function resultCard(line, id) {
  const { domain, company_name: company, emails, count, truncated, outcome, charged } = line;
  const price = { yes: "1 credit", no: "free" }[charged] ?? charged;
  const items = emails.map(({ email, status }) => el("li", el("span.address", email), el("span.muted.small", status)));
  const copyAll = (event) => copy(emails.map(({ email }) => email).join("\n"), event);
  const card = el("article.card",
    el("div.between", el("div", el("h3", { tabindex: -1 }, domain), el("p.muted", company)),
      el("p.badge", el("b", outcome), `, ${price}`)),
    count ? el("ul.mailboxes", ...items) : el("p.empty", "No shared mailboxes were found. This result is stored too."),
    truncated ? el("p", "The upstream has more; these are the first 1,000.") : "",
    el("div.actions", count ? button("Copy addresses", copyAll) : "",
      el("details", el("summary", "JSON"), el("pre", JSON.stringify(line, null, 2)))),
    facts(freshness(line), `request ${id}`));
  return Object.assign(card, { spoken: `${domain}: ${plural(count, "mailbox", "mailboxes")}.` });
}

// Returns the card of a question without a known result: it names the price.
function offerCard(query, id) {
  const isPaid = paidFor.has(query.toString());
  const note = isPaid ? { title: `${nameOf(query)} has no result yet`,
    detail: "Its lookup may still be in progress; then its result will be free." }
    : { title: `${nameOf(query)} is not known yet`,
      detail: "Nothing was spent. A paid lookup asks Openmart. Its result is stored, and free from then on." };
  const price = `1 credit${expectedS ? `, about ${duration(expectedS)}` : ""}`;
  return problemCard({ kind: "note", request_id: id, ...note }, isPaid ? freeButton(query) : "",
    payButton(query, isPaid ? "Wait for it: free if it is, otherwise 1 credit" : `Start paid lookup: ${price}`));
}

function failureCard({ query, isPaid }, problem) {
  const meant = /did you mean ([\w.-]+)\?/.exec(problem.detail)?.[1];
  if (meant) return problemCard(problem, button(`Look up ${meant}`, () => ask({ domain: meant })));
  if (!problem.retryable) return problemCard(problem);
  return problemCard(problem, freeButton(query), isPaid ? payButton(query, "Start paid lookup: at most 1 credit") : "");
}

function stoppedCard({ query, isPaid }) {
  const title = `Stopped waiting for ${query.get("domain")}`;
  return problemCard({ kind: "note", title, detail: isPaid ? STOPPED : "" }, freeButton(query));
}

// ---- looking up ----

// Sends the request of a lookup, and returns the card of its outcome.
async function outcomeOf(lookup, update) {
  const { query, isPaid, controller: { signal } } = lookup;
  let id, last;
  const opened = (headers) => { id = headers.get("X-Request-Id"); };
  const take = (line) => {
    if (!line.startsWith("data: ")) return false;
    const data = JSON.parse(line.slice(6)); // a phase, or at the end a status
    if (data.phase) update(data);
    else last = data;
    return Boolean(last);
  };
  try {
    const path = `emails?${query}&format=sse${isPaid ? "" : "&cached=1"}`;
    await readLines(path, { signal, opened, ...(isPaid ? {} : { ms: RESPONSE_MS }) }, take);
    if (!last) throw Object.assign(new TypeError("no result"), { hasBegun: true });
    if (last.problem?.code !== "still-processing") paidFor.delete(query.toString());
    return last.problem ? failureCard(lookup, { ...last.problem, request_id: id }) : resultCard(last, id);
  } catch (error) {
    const problem = problemOf(error);
    if (!problem) return stoppedCard(lookup);
    if (!isPaid && problem.code === "not-cached") return offerCard(query, problem.request_id);
    if (isPaid && error.body) paidFor.delete(query.toString());
    else if (isPaid) problem.detail += ` ${STOPPED}`;
    return failureCard(lookup, problem);
  }
}

const current = () => lookups.at(-1);

// Shows a card in the place of its lookup. The focus follows it, unless the user works elsewhere.
function show(lookup, card, ...origins) {
  const isFocused = lookup.place.contains(document.activeElement);
  lookup.place.replaceChildren(card);
  if (isFocused || lookup === current()) moveFocus(lookup.place, ...origins);
  if (card.spoken) speak(card.spoken);
  else speakCard(card);
}

// Puts a lookup into the place of the form's. A paid one that was there continues below; others are stopped.
function bringToFront(lookup) {
  for (const other of lookups) if (!other.isPaid && other !== lookup) other.controller.abort();
  const others = lookups.filter((other) => other !== lookup && other.isPaid && !other.isOver);
  $("earlier").replaceChildren(...others.map(({ place }) => place));
  lookups = [...others, lookup];
  $("result").replaceChildren(lookup.place);
  $("result").toggleAttribute("aria-busy", !lookup.isOver);
}

// Looks a question up. Only a paid lookup can spend anything.
async function lookUp(query = question(), isPaid = false) {
  const text = query.toString(), session = sessionSignal();
  const inFlight = lookups.find((other) => other.text === text && other.isPaid && !other.isOver);
  if (inFlight) {
    bringToFront(inFlight);
    return moveFocus(inFlight.place, $("question"));
  }
  const lookup = { query, text, isPaid, isOver: false, controller: new AbortController(), place: el("div") };
  const domain = query.get("domain"), stop = () => lookup.controller.abort();
  const { card, update } = isPaid ? progressCard(domain, stop) : { card: busyCard(domain, stop), update() {} };
  const origins = isPaid ? [] : [$("question")];
  bringToFront(lookup);
  lookup.place.replaceChildren(card);
  speak(`Looking up ${domain}`);
  if (isPaid) {
    moveFocus(lookup.place);
    paidFor.add(text);
    paying.add(lookup);
  }
  const typed = question().toString();
  const outcome = await outcomeOf(lookup, update);
  lookup.isOver = true;
  paying.delete(lookup);
  if (!lookups.includes(lookup)) return;
  if (lookup === current()) $("result").removeAttribute("aria-busy");
  if (session.aborted) return void lookup.place.replaceChildren(outcome);
  show(lookup, outcome, ...(question().toString() === typed ? origins : []));
  if (isPaid) refreshUsage();
}

// Fills the form and looks its question up.
function ask(values) {
  for (const field of $("question").elements) if (field.name) field.value = values[field.name] ?? "";
  const isDetailed = Object.keys(values).some((name) => name !== "domain");
  if (isDetailed) $("question").querySelector("details").open = true;
  submit();
}

function submit() {
  const query = question();
  showCurl();
  lookUp(query);
  location.hash = `lookup?${query}`;
}

// Looks up the question of the URL, unless it is the one that is shown.
export function openQuestion(query) {
  if (query.get("domain") && query.toString() !== current()?.text) ask(Object.fromEntries(query));
}

export function clearLookups() {
  for (const { controller } of lookups) controller.abort();
  lookups = [];
  paidFor.clear();
  $("question").reset();
  $("earlier").replaceChildren();
  $("result").replaceChildren(...NOTHING);
  $("result").removeAttribute("aria-busy");
}

on("question", "submit", (event) => {
  event.preventDefault();
  submit();
});
on("question", "input", showCurl);
on("copy-curl", "click", (event) => copy($("curl").textContent, event));
