// SPDX-License-Identifier: MIT
// table.js - the results of a list: filter, pages, CSV.
import { $, codeLink, el, format, on, plural, setText } from "./dom.js";
import { csvOf, isPayable, kindOf } from "./counts.js";

const PAGE_ROWS = 500;
const FILTERS = {
  all: ["found", "none", "unknown", "failed", "invalid"],
  found: ["found"],
  none: ["none"],
  unknown: ["unknown"],
  failed: ["failed", "invalid"],
};

let lines = []; // of the table
let tablePage = 0;

function mailboxes(line) {
  const { emails, problem } = line;
  if (problem) return el("td.muted", problem.code === "not-cached" ? "not known" : problem.detail || problem.title);
  if (!emails.length) return el("td.muted", "none");
  const more = emails.length - 4;
  return el("td", ...emails.slice(0, 4).map(({ email }) => el("div.address", email)),
    el("div.muted", more > 0 ? `and ${format(more)} more` : ""));
}

function rowOf(line) {
  const { input, domain, company_name: company, status, problem, outcome, charged } = line;
  const more = domain ? [company, domain === input ? "" : input].filter(Boolean).join(", ") : "";
  line.row ??= el(isPayable(line) ? "tr.muted" : "tr",
    el("th", { scope: "row" }, domain ?? input, el("div.muted", more)), mailboxes(line),
    el("td", `${status} `, problem ? codeLink(problem.code) : ""), el("td", outcome), el("td", charged));
  return line.row;
}

// Returns the lines that a filter shows.
const matching = (filter) => lines.filter((line) => FILTERS[filter].includes(kindOf(line)));
const chosen = () => matching(document.querySelector("[name=show]:checked").value);

// Shows a page of the chosen lines. Rows that stay in place are not touched.
export function showTable(all = lines) {
  lines = all;
  const shown = chosen(), body = $("rows");
  tablePage = Math.max(0, Math.min(tablePage, Math.ceil(shown.length / PAGE_ROWS) - 1));
  const from = tablePage * PAGE_ROWS, to = Math.min(from + PAGE_ROWS, shown.length);
  shown.slice(from, to).map(rowOf).forEach((row, i) => {
    if (body.children[i] !== row) body.insertBefore(row, body.children[i]);
  });
  while (body.children.length > to - from) body.lastChild.remove();
  for (const input of $("filter").elements)
    input.nextSibling.querySelector("b").textContent = format(matching(input.value).length);
  $("results").hidden = !lines.length;
  $("no-rows").hidden = shown.length > 0;
  $("pager").hidden = shown.length <= PAGE_ROWS;
  setText("page-text", `${format(from + 1)} to ${format(to)} of ${format(shown.length)}`);
  setText("download", `Download CSV: ${plural(shown.length, "entry", "entries")}`);
  $("previous").disabled = tablePage === 0;
  $("next").disabled = to === shown.length;
}

function turnPage(step) {
  tablePage += step;
  showTable();
  $("scroll").focus();
}

on("filter", "change", () => {
  tablePage = 0;
  showTable();
});
on("previous", "click", () => turnPage(-1));
on("next", "click", () => turnPage(1));
on("download", "click", () => {
  const url = URL.createObjectURL(new Blob(csvOf(chosen()), { type: "text/csv" }));
  el("a", { href: url, download: "emails.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
});
