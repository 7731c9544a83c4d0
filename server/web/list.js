// SPDX-License-Identifier: MIT
// list.js - the tab "Many": checking a list, its price, and its run.
//
// A check sends cached=1. Only the button "start" spends credits, at most those that it names.
import { $, duration, el, format, moveFocus, on, plural, problemCard, secondsSince, setText, speak, speakCard }
  from "./dom.js";
import { count, entriesOf, isCsv, isPayable, kindOf } from "./counts.js";
import { STOPPED, paying, problemOf, readJson, readLines, sessionSignal } from "./requests.js";
import { showTable } from "./table.js";
import { WAITS, obstacle, refreshUsage, usage } from "./usage.js";

const STALL_MS = 8000, DRAW_MS = 200;

// The list that was checked last: its text, its lines by their index, the title of its last run, and what runs now.
const NO_LIST = { text: null, rows: [], title: null, run: null };
let list = { ...NO_LIST };

// ---- what is shown ----

function showFault(problem, ...more) {
  const card = problem && problemCard(problem, ...more);
  $("list-fault").replaceChildren(card ?? "");
  if (card) speakCard(card);
}

function showFigures(n) {
  const figures = [["known", n.known], ["not known", n.unknown], ["failed", n.failed], ["repeated", n.repeated],
    ["not valid", n.invalid]];
  $("figures").replaceChildren(...figures.filter(([, value], i) => value || i < 2)
    .map(([word, value]) => el("div", el("dt", word), el("dd", format(value)))));
}

const showSpend = () => setText("start", `Spend at most ${$("limit").validity.valid
  ? plural($("limit").valueAsNumber, "credit") : "... credits"}`);

// Shows the price of what has no result.
function showOffer({ credits }) {
  const payable = Math.min(credits, usage?.remaining ?? credits);
  $("offer").hidden = !credits || Boolean(obstacle());
  $("limit").max = credits;
  $("limit").value = payable;
  setText("offer-note", !credits ? "" : obstacle()
    || (payable < credits ? `Your quota pays for ${format(payable)} of them today.` : ""));
  showSpend();
}

function showList() {
  const text = $("list").value, entries = entriesOf(text), { run } = list, isChecked = list.text === text;
  const repeated = entries.length - new Set(entries.map((entry) => entry.toLowerCase())).size;
  const length = entries.length ? plural(entries.length, isCsv(text) ? "row" : "line") : "";
  setText("counted", length + (repeated ? `, ${format(repeated)} repeated` : ""));
  $("check").disabled = !entries.length || run !== null;
  $("check").classList.toggle("primary", !isChecked);
  $("list").readOnly = $("file").disabled = run !== null;
  $("price").hidden = !run && !isChecked;
  $("price").classList.toggle("late", Boolean(run && !run.isPaid));
  $("offered").hidden = run !== null;
  $("running").hidden = run === null;
}

function showPrice() {
  const n = count(list.rows);
  showFigures(n);
  showOffer(n);
  setText("price-title", list.title ?? (n.credits ? `This list costs at most ${plural(n.credits, "credit")}`
    : "Everything is known: this list costs nothing"));
  showTable(list.rows);
  showList();
}

function announcePrice() {
  speak($("price-title").textContent);
  moveFocus($("price"), $("drop"));
}

// ---- a run ----

function newRun(isPaid, limit) {
  const rows = isPaid ? list.rows : [];
  return { isPaid, limit, rows, size: isPaid ? count(rows).credits : entriesOf($("list").value).length,
    done: 0, results: 0, failed: 0, spent: 0, unsure: 0, controller: new AbortController(),
    beganAt: Date.now(), heardAt: Date.now() };
}

// Takes a line of the response. A result is never replaced; what has a problem is.
function take(run, line) {
  const before = run.rows[line.index], kind = kindOf(line);
  run.heardAt = Date.now();
  setText("run-note", "");
  if (before && !before.problem) return;
  run.rows[line.index] = line;
  run.spent += line.charged === "yes";
  run.unsure += line.charged === "maybe";
  if (run.isPaid && !isPayable(before)) return;
  run.done += !run.isPaid || kind !== "unknown";
  run.results += !line.problem;
  run.failed += kind === "failed" || kind === "invalid";
}

function showRun(run) {
  const failed = run.isPaid ? `, ${format(run.failed)} failed` : "";
  setText("run-text", `${format(run.done)} of ${format(run.size)}${failed}, ${duration(secondsSince(run.beganAt))}`);
  $("run-bar").value = run.size ? run.done / run.size : 0;
  speak($("run-text").textContent, true);
}

// If no line arrives for a while, says what the list waits for, if anything.
async function showWait(run) {
  if (Date.now() - run.heardAt < STALL_MS || !run.path) return;
  run.heardAt = Date.now();
  const why = await readJson(run.path).then((bulk) => WAITS[bulk.waiting_for], problemOf);
  if (list.run === run) setText("run-note", why?.title ?? (why ? `The list waits. ${why}` : ""));
}

function tick(run) {
  showRun(run);
  if (!run.isPaid) return;
  showFigures(count(run.rows));
  showTable(run.rows);
  showWait(run);
}

// Sends the list; without a limit, it spends nothing. Returns null if it is complete, undefined if the user has
// stopped it, or a problem.
async function send(run) {
  const text = $("list").value;
  const query = new URLSearchParams({ format: "ndjson", ...(run.isPaid ? { max_credits: run.limit } : { cached: 1 }) });
  const opened = (headers) => { run.path = /<\/(bulks\/\w+)>/.exec(headers.get("Link"))?.[1]; };
  const options = { method: "POST", body: text, opened, signal: run.controller.signal,
    headers: { "Content-Type": isCsv(text) ? "text/csv" : "text/plain" } };
  const timer = setInterval(() => tick(run), DRAW_MS);
  list.run = run;
  setText("price-title", run.isPaid ? "Looking up" : "Checking");
  setText("run-text", "");
  showFault();
  showList();
  speak($("price-title").textContent);
  if (run.isPaid) paying.add(run);
  try {
    await readLines(`emails?${query}`, options, (line) => { take(run, JSON.parse(line)); });
    return null;
  } catch (error) {
    return problemOf(error);
  } finally {
    clearInterval(timer);
    paying.delete(run);
    list.run = null;
  }
}

async function check() {
  const session = sessionSignal(), run = newRun(false);
  const problem = await send(run);
  await (problem === null && refreshUsage());
  if (problem === null && !session.aborted) list = { ...NO_LIST, text: $("list").value, rows: run.rows };
  showPrice();
  if (session.aborted) return;
  if (problem === null) announcePrice();
  if (!problem) return;
  showFault(problem);
  moveFocus($("list-fault"), $("drop"));
}

// Returns what a run has spent. Of one that did not end, more may be in flight.
function spentText(run, isComplete) {
  const sure = `${plural(run.spent, "credit")} spent${run.unsure ? `, ${format(run.unsure)} perhaps` : ""}`;
  const open = isComplete ? 0 : Math.min(run.limit - run.spent - run.unsure, run.size - run.done);
  return open > 0 ? `at least ${sure}; up to ${format(open)} more in flight` : sure;
}

async function start() {
  if (!$("limit").reportValidity()) return;
  const session = sessionSignal(), run = newRun(true, $("limit").valueAsNumber), sent = send(run);
  $("stop").focus();
  const problem = await sent;
  await refreshUsage();
  const hasBegun = !problem?.status;
  if (hasBegun && list.rows === run.rows) {
    const word = problem === null ? "Finished" : problem ? "Interrupted" : "Stopped";
    list.title = `${word}: ${format(run.results)} of ${format(run.size)} have a result`
      + `${run.failed ? `, ${format(run.failed)} failed` : ""}, ${spentText(run, problem === null)}`;
  }
  showPrice();
  if (session.aborted) return;
  if (problem === undefined) showFault({ kind: "note", title: "Nothing is paid twice", detail: STOPPED });
  if (problem) showFault({ ...problem, detail: `${problem.detail}${hasBegun ? ` ${STOPPED}` : ""}` });
  announcePrice();
}

export function clearList() {
  list = { ...NO_LIST };
  $("list").value = "";
  showFault();
  showPrice();
}

// ---- the text ----

async function useFile(file) {
  if (!file || list.run) return;
  try {
    $("list").value = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    showFault();
    showList();
    speak($("counted").textContent);
  } catch {
    showFault({ title: `${file.name} is not UTF-8 text`, detail: "In a spreadsheet, save it as CSV UTF-8." });
  }
}

on("list", "input", showList);
on("file", "change", async ({ target }) => {
  await useFile(target.files[0]);
  target.value = "";
});
// A file that is dropped beside the field would replace the page.
for (const name of ["dragover", "dragleave", "drop"])
  document.addEventListener(name, (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    if ($("many").hidden) return;
    $("drop").classList.toggle("over", name === "dragover");
    useFile(event.dataTransfer.files[0]);
  });
on("check", "click", check);
on("start", "click", start);
on("limit", "input", showSpend);
on("stop", "click", () => list.run?.controller.abort());
showPrice();
