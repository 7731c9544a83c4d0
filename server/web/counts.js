// SPDX-License-Identifier: MIT
// counts.js - what a list is, has and costs. Pure functions of its text and of its lines: the entries as the server
// returns them (openapi.yaml, BulkLine), by their index.

// ---- the text ----

// Whether the first line names columns. If commas do not separate them, the server says so.
export const isCsv = (text) => /^\ufeff?(.*[,;\t])?\s*"?domain"?\s*([,;\t\r\n]|$)/i.test(text);

// Returns the entries as text, without blank lines, comments and the names of columns.
export function entriesOf(text) {
  if (isCsv(text)) return (text.match(/("[^"]*"|[^"\n])+/g) ?? []).filter((row) => row.trim()).slice(1);
  return text.split("\n").map((line) => line.trim()).filter((line) => line && !line.startsWith("#"));
}

// ---- the lines ----

export const codeOf = (line) => line.problem?.code ?? "";

// Returns what a line is: a result that is "found" or "none"; "unknown", which was not looked up; "invalid",
// which never gets a result; "failed", by a lookup or by a quota.
export function kindOf({ count, status, outcome, problem }) {
  if (!problem) return count ? "found" : "none";
  if (problem.retryable && (status >= 503 || status === 402 || status === 409)) return "unknown";
  return outcome === "rejected" && !problem.retryable ? "invalid" : "failed";
}

// Whether a run may pay for a line: it may get a result, and no equal line comes before it.
export const isPayable = ({ outcome, problem }) => Boolean(problem?.retryable) && outcome !== "duplicate";

// Counts lines by kind: equal ones as "repeated" only. `credits` is the most that they cost.
export function count(lines) {
  const n = { found: 0, none: 0, unknown: 0, failed: 0, invalid: 0, repeated: 0, credits: 0 };
  for (const line of lines) {
    n[line.outcome === "duplicate" ? "repeated" : kindOf(line)]++;
    if (isPayable(line)) n.credits++;
  }
  return { ...n, known: n.found + n.none };
}

// ---- CSV, byte for byte as the server writes it ----

const COLUMNS = ["index", "input", "tracking_id", "domain", "company_name", "email", "email_status", "status", "code",
  "outcome", "charged"];

function cell(value = "") {
  const text = String(value), safe = (/^[=+@\t\r-]/.test(text) ? "'" : "") + text;
  return /[,"\r\n]/.test(text) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Returns the rows of the lines: one for each mailbox, or one without.
export function csvOf(lines) {
  const rows = lines.flatMap((line) => (line.count ? line.emails : [{}]).map(({ email, status }) => {
    const row = { ...line, email, email_status: status, code: codeOf(line) };
    return COLUMNS.map((name) => cell(row[name]));
  }));
  return [COLUMNS, ...rows].map((row) => `${row.join(",")}\r\n`);
}
