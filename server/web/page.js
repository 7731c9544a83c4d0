// SPDX-License-Identifier: MIT
// page.js - the start of the web page: access and tabs.
import { $, button, on, problemCard, setText, speak, speakCard } from "./dom.js";
import { clearList } from "./list.js";
import { clearLookups, openQuestion, showCurl } from "./lookup.js";
import { forgetKey, paying, problemOf, setKey } from "./requests.js";
import { refreshServer } from "./server.js";
import { clearUsage, readUsage, usage } from "./usage.js";

// ---- access ----

let owner = null; // the client whose results are in the page; null = there are none

function showAccess(id) {
  for (const part of ["connecting", "key-form", "denied"]) $(part).hidden = part !== id;
  route();
}

function askForKey(fault) {
  forgetKey();
  clearUsage();
  $("key").hidden = true;
  setText("key-fault", fault);
  $("key-input").value = "";
  showAccess("key-form");
  $("key-input").focus();
  speak(fault || "This server needs a key");
}

// Deletes the results of a client.
function clearPage() {
  owner = null;
  clearLookups();
  clearList();
  history.replaceState(null, "", `#${readHash().name}`);
}

async function connect() {
  try {
    await readUsage();
    if (owner !== null && owner !== usage.client) clearPage();
    owner = usage.client;
    showCurl();
    showAccess();
  } catch (error) {
    const problem = problemOf(error);
    if (!problem || problem.status === 401) return;
    const card = problemCard(problem, button("Try again", connect));
    $("denied").replaceChildren(card);
    showAccess("denied");
    speakCard(card);
  }
}

addEventListener("unauthorized", ({ detail }) => askForKey(detail));
on("key-form", "submit", async (event) => {
  event.preventDefault();
  const key = $("key-input").value.trim();
  if (!/^[!-~]+$/.test(key)) return askForKey("This is not a key.");
  setKey(key);
  await connect();
  if (usage) titleOf().focus();
});
on("forget", "click", ({ target }) => {
  const question = "forget, and stop what is paid";
  if (paying.size && target.textContent !== question) return void setText("forget", question);
  clearPage();
  askForKey("");
  connect();
});
addEventListener("beforeunload", (event) => {
  if (paying.size) event.preventDefault();
});

// ---- tabs ----

const TABS = ["lookup", "many", "server"];

// Returns the tab in the URL, and the question behind it: #lookup?domain=milvali.com.
function readHash(url = location) {
  const [, name, query] = /#(\w+)\??(.*)/.exec(url) ?? [];
  return { name: TABS.includes(name) ? name : TABS[0], query: new URLSearchParams(query) };
}

const titleOf = () => $(`${readHash().name}-title`);

function route() {
  const { name, query } = readHash();
  const isOpen = usage !== null || name === "server";
  for (const tab of TABS) $(tab).hidden = tab !== name || !isOpen;
  $("access").hidden = isOpen;
  for (const link of document.querySelectorAll("header nav a"))
    link.setAttribute("aria-current", link.hash === `#${name}` ? "page" : "false");
  document.title = `${titleOf().textContent} - emailsd`;
  if (name === "server") refreshServer();
  if (usage) openQuestion(query);
}

addEventListener("hashchange", ({ oldURL, newURL }) => {
  route();
  if (readHash(oldURL).name !== readHash(newURL).name) titleOf().focus();
});

$("app").hidden = false;
showCurl();
route();
connect();
