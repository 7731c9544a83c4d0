// SPDX-License-Identifier: MIT
// dom.js - elements, words, focus and announcements of the web page.
//
// Text becomes text nodes, because Trusted Types forbid everything else.

const SPEAK_EVERY_MS = 10000;

export const $ = (id) => document.getElementById(id);
export const setText = (id, text) => { $(id).textContent = text; };
export const on = (id, event, act) => $(id).addEventListener(event, act);

// ---- words ----

export const format = new Intl.NumberFormat("en").format;
export const plural = (n, one, many = `${one}s`) => `${format(n)} ${n === 1 ? one : many}`;
export const secondsSince = (time) => (Date.now() - new Date(time)) / 1000;

export function duration(seconds) {
  for (const [unit, length] of [["days", 86400], ["h", 3600], ["min", 60]])
    if (seconds >= 2 * length) return `${Math.round(seconds / length)} ${unit}`;
  return `${Math.max(0, Math.round(seconds))} s`;
}

// ---- elements ----

// Returns an element "name.class.class". Objects are attributes and listeners; other parts are children.
export function el(kind, ...parts) {
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

export const button = (text, click, style = "") => el("button", { type: "button", class: style, click }, text);
export const facts = (...all) =>
  el("p.muted.small.facts", ...all.filter(Boolean).map((fact) => el("span", fact)));

// A link out of the page opens a tab of its own, because the results here are in memory only.
export const codeLink = (code) =>
  el("a", { href: `problems/${code}`, target: "_blank", rel: "noopener", title: "opens a new tab" }, code);

// Returns the card of a problem document (openapi.yaml), or of a note of the page in that form.
export function problemCard({ title, detail, code, charged, request_id: id, wait, kind = "problem" }, ...actions) {
  return el(`article.card.${kind}`, el("h3", { tabindex: -1 }, title), el("p", detail), el("p.actions", ...actions),
    facts(code && codeLink(code), charged && charged !== "no" && `charged: ${charged}`,
      wait && `try again in ${duration(wait)}`, id && `request ${id}`));
}

// ---- screen readers and focus ----

let spokenAt = 0;

// Announces a text. Progress is announced now and then only.
export function speak(text, isProgress = false) {
  if (isProgress && Date.now() - spokenAt < SPEAK_EVERY_MS) return;
  spokenAt = Date.now();
  setText("status", text === $("status").textContent ? `${text}\u00a0` : text); // a change, or nothing is said
}

export const speakCard = (card) =>
  speak([...card.querySelectorAll("h3, h3 ~ p:not(.facts, .actions)")].map((part) => part.textContent).join(". "));

// Moves the focus to the title in `target`, unless the user works elsewhere: in neither `target` nor `origins`.
export function moveFocus(target, ...origins) {
  const active = document.activeElement;
  const isOurs = [target, ...origins].some((part) => part.contains(active));
  if (isOurs || active === document.body || !active.checkVisibility()) target.querySelector("[tabindex]").focus();
}

// Not all pages over http have navigator.clipboard.
export function copy(text, { target }) {
  const area = el("textarea.unseen", text);
  target.dataset.label ??= target.textContent;
  target.after(area);
  area.select();
  const said = document.execCommand("copy") ? "Copied" : "Copying failed: select the text";
  area.remove();
  target.focus();
  target.textContent = said;
  speak(said);
  clearTimeout(target.timer);
  target.timer = setTimeout(() => { target.textContent = target.dataset.label; }, 1500);
}
