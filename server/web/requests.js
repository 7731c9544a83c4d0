// SPDX-License-Identifier: MIT
// requests.js - requests to the API, their problems, and the key that they carry.
//
// The key stays in sessionStorage and travels in a header. An EventSource cannot send it, so fetch reads
// the streams.

const KEY = "emailsd-key";
export const RESPONSE_MS = 10000; // the longest wait for a response that needs no lookup
const SILENCE_MS = 45000; // the longest pause of a stream; the server sends something every 15 s

export const STOPPED = "What has been submitted continues, and its result will be free. "
  + "What was still queued is dropped, and costs nothing.";

// The paid requests in flight.
export const paying = new Set();

// ---- the key ----

export const getKey = () => sessionStorage.getItem(KEY);
export const setKey = (key) => sessionStorage.setItem(KEY, key);

let session = new AbortController();

// The signal of the key's requests: aborted when the key is forgotten.
export const sessionSignal = () => session.signal;

export function forgetKey() {
  sessionStorage.removeItem(KEY);
  session.abort();
  session = new AbortController();
}

// ---- problems ----

const isBroken = (error) => error instanceof TypeError; // as fetch reports a broken connection

// Returns the problem of an error, or undefined if the user has stopped the request.
export function problemOf(error) {
  if (error.name === "AbortError") return undefined;
  if (!isBroken(error)) return error.body ?? { title: "Error in the page", detail: String(error) };
  return { title: error.hasBegun ? "The connection broke" : "No connection to emailsd",
    detail: `${location.host} does not respond.`, retryable: true };
}

async function throwProblem(path, response) {
  const { status } = response, key = getKey();
  const problem = await response.json().catch(() => ({ title: `HTTP status ${status}`,
    detail: `The response to /${path.split("?")[0]} is not that of emailsd. A proxy may block this path.` }));
  if (status === 401)
    dispatchEvent(new CustomEvent("unauthorized", { detail: key ? "The server does not know this key." : "" }));
  throw Object.assign(new Error(path), { body: { ...problem, status, wait: response.headers.get("Retry-After") } });
}

// ---- requests ----

// Returns a signal that aborts if restart() is not called for `ms`. end() releases it.
function silence(ms) {
  const controller = new AbortController();
  let timer;
  const end = () => clearTimeout(timer);
  const restart = () => {
    end();
    timer = setTimeout(() => controller.abort(), ms);
  };
  restart();
  return { signal: controller.signal, restart, end };
}

// Sends a request with the key, and returns what read(response, quiet) returns. Throws an error whose body is the
// problem document if `accepts` returns false, and a TypeError if the connection breaks or is silent.
async function send(path, { signal, accepts = ({ ok }) => ok, ms = RESPONSE_MS, ...options }, read) {
  const key = getKey(), quiet = silence(ms);
  const headers = { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) };
  const signals = AbortSignal.any([session.signal, quiet.signal, ...(signal ? [signal] : [])]);
  let hasBegun = false;
  try {
    const response = await fetch(path, { ...options, headers, signal: signals, cache: "no-store" });
    if (!accepts(response)) await throwProblem(path, response);
    hasBegun = true;
    return await read(response, quiet);
  } catch (error) {
    throw Object.assign(quiet.signal.aborted ? new TypeError("silence") : error, { hasBegun });
  } finally {
    quiet.end();
  }
}

export const readJson = (path, options = {}) => send(path, options, (response) => response.json());
export const readText = (path) => send(path, {}, (response) => response.text());

// Sends a request and calls take(line) for each line of the response as it arrives, until it returns true. Calls
// opened(headers) before. Throws if the stream breaks.
export function readLines(path, { opened = () => {}, ...options }, take) {
  return send(path, { ms: SILENCE_MS, ...options }, async (response, quiet) => {
    opened(response.headers);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { value, done } = await reader.read();
      if (done) return;
      quiet.restart();
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line && take(line)) return void reader.cancel();
    }
  });
}
