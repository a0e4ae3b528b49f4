// The page is a function of its URL. Live or not, it changes in one way: its fragment is asked for again and morphed in.

import { enter } from "./csrf.js";

const $ = (id) => document.getElementById(id);
const slider = $("slider"), field = $("position"), form = $("time");
const DECISIONS = "SolverChosen";
const REST = 200; // milliseconds between two looks at a log that grows

let head = Number(slider.max);
let at = new URL(location).searchParams.get("at") === null ? null : Number(slider.value);
let wanted = null, busy = false, playing = false, stale = false, drawn = Date.now();

const page = () => $("page");
const words = (n) => Number(n).toLocaleString("en");

function address(position) {
  const url = new URL(location);
  if (position === null) url.searchParams.delete("at");
  else url.searchParams.set("at", position);
  return url;
}

function tell() {
  const shown = at ?? head;
  slider.max = field.max = head;
  slider.value = shown;
  if (document.activeElement !== field) field.value = shown;
  slider.setAttribute("aria-valuetext", `event ${words(shown)} of ${words(head)}`);
  $("head").textContent = words(head);
  $("live").setAttribute("aria-pressed", at === null);
  $("banner").hidden = at === null;
  $("banner-position").textContent = $("footer-position").textContent = words(shown);
  $("banner-diff").href = `/ui/diff?from=${shown}`;
}

function trouble(text) {
  $("trouble").hidden = !text;
  $("trouble").textContent = text ?? "";
}

// What is as it was is left alone, and looked at no further; a field may hold something else than it says.
const FIELDS = "input:not([name=runs]), select, textarea";
const same = (old, fresh) => old.isEqualNode(fresh) && !old.matches?.(FIELDS) && !old.querySelector?.(FIELDS);

// Nodes with data-js were made here; what is inside data-own belongs to whoever types in it.
const keep = {
  beforeNodeRemoved: (node) => !(node.dataset && "js" in node.dataset),
  beforeNodeMorphed: (old, fresh) => !same(old, fresh) && !(old.dataset && "own" in old.dataset) && !(old === document.activeElement && old.matches?.("input, select, textarea") && fresh.id === old.id),
  beforeAttributeUpdated: (name, node) => !(name === "open" && node.matches?.("details, dialog")) && !(name === "data-keep"),
};

function filters(url) {
  const query = new URLSearchParams(url.search);
  query.delete("at");
  return url.pathname + query;
}

async function draw(url) {
  const answer = await fetch(url, { headers: { "Mezan-Fragment": "1" } });
  if (answer.status === 401) return enter();
  const html = await answer.text();
  if (wanted && filters(wanted) !== filters(url)) return; // what the reader has chosen meanwhile would be undone
  if (!answer.headers.has("mezan-head")) throw new Error(`the server answered ${answer.status}`);
  head = Math.max(head, Number(answer.headers.get("mezan-head")));
  drawn = Date.now();
  Idiomorph.morph(page(), html, { morphStyle: "outerHTML", callbacks: keep, ignoreActiveValue: true });
  document.title = `${page().dataset.title} · Mezan`;
  for (const plot of document.querySelectorAll("mezan-plot")) plot.update();
  dispatchEvent(new CustomEvent("mezan:drawn", { detail: Number(page().dataset.position) }));
}

// At most one exchange is under way; whatever is asked for meanwhile, the last of it comes next.
async function refresh() {
  wanted = address(at);
  if (busy) return;
  busy = true;
  try {
    while (wanted) {
      const url = wanted;
      wanted = null;
      await draw(url);
    }
    trouble(null);
  } catch (error) {
    trouble(`No answer (${error.message}); trying again.`);
    stale = true;
  } finally {
    busy = false;
    tell();
  }
}

function go(position, { push = false } = {}) {
  at = position === null ? null : Math.max(0, Math.min(head, Math.round(position)));
  history[push ? "pushState" : "replaceState"](null, "", address(at));
  tell();
  return refresh();
}

// A run's page steps through the run's own events.
async function jump(to, types = "") {
  const query = new URLSearchParams({ from: at ?? head + 1, to, types, stream: form.dataset.stream });
  const { position } = await (await fetch(`/ui/jump?${query}`)).json();
  if (position !== null) await go(position);
  return position !== null;
}

const step = (count) =>
  form.dataset.stream && Math.abs(count) === 1 ? jump(count > 0 ? "next" : "previous") : go((at ?? head) + count);

async function play(on) {
  playing = on;
  $("play").setAttribute("aria-pressed", on);
  $("play").textContent = on ? "⏸" : "▶";
  if (on && (at === null || at >= head)) await go(0);
  const stride = Math.max(1, Math.round((head - (at ?? 0)) / 200));
  while (playing) {
    if (form.dataset.stream) {
      if (!(await jump("next"))) break;
    } else await go(at + stride);
    if (at >= head) break;
    await new Promise((done) => setTimeout(done, 60));
  }
  playing = false;
  $("play").setAttribute("aria-pressed", false);
  $("play").textContent = "▶";
}

slider.addEventListener("input", () => go(Number(slider.value)));
field.addEventListener("change", () => go(Number(field.value)));
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.step) step(Number(button.dataset.step));
  else if (button.dataset.jump) jump(button.dataset.jump, DECISIONS);
  else if (button.id === "play") play(!playing);
  else if (button.id === "live") go(null);
});

addEventListener("keydown", (event) => {
  if (event.target.matches("input:not(#slider), select, textarea, [contenteditable]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = event.shiftKey ? 100 : 1;
  const keys = {
    ArrowLeft: () => step(-far),
    ArrowRight: () => step(far),
    " ": () => play(!playing),
    j: () => jump("previous", DECISIONS),
    k: () => jump("next", DECISIONS),
    l: () => go(null),
    "?": () => $("help").showModal(),
  };
  if (/^[1-8]$/.test(event.key)) keys[event.key] = () => document.querySelectorAll("nav a")[event.key - 1].click();
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || (event.key === " " && event.target.matches("button, a, summary"))) return;
  event.preventDefault();
  act();
});

// Links inside stay at the moment, however they are followed; filters, and links that say so, change the URL in place.
function aim(event) {
  const link = event.target.closest?.("a[href^='/ui']");
  if (!link || link.matches("[data-moment]")) return [];
  const url = new URL(link.getAttribute("href"), location); // an SVG link's href is no text
  if (url.pathname === "/ui/diff" && url.searchParams.has("from")) return [];
  if (at === null) url.searchParams.delete("at");
  else url.searchParams.set("at", at);
  link.setAttribute("href", url.pathname + url.search + url.hash);
  return [link, url];
}
for (const way of ["auxclick", "contextmenu", "dragstart"]) addEventListener(way, aim, true);
addEventListener("click", (event) => {
  const [link, url] = aim(event);
  if (!link || !link.matches("[data-morph]") || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  history.pushState(null, "", url);
  refresh();
});

function filter(given) {
  const url = new URL(location);
  for (const name of new Set([...new FormData(given).keys(), ...[...given.elements].map((e) => e.name).filter(Boolean)])) url.searchParams.delete(name);
  for (const [name, value] of new FormData(given)) if (value !== "") url.searchParams.append(name, value);
  for (const name of ["before", "after"]) url.searchParams.delete(name);
  history.pushState(null, "", url);
  return refresh();
}
document.addEventListener("change", (event) => event.target.form?.matches("[data-filter]") && filter(event.target.form));
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-filter]")) return;
  event.preventDefault();
  filter(event.target);
});
addEventListener("popstate", () => {
  const given = new URL(location).searchParams.get("at");
  at = given === null ? null : Number(given);
  refresh();
});

$("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("mezan-theme", root.dataset.theme);
  } catch {
    // not kept, then
  }
  for (const plot of document.querySelectorAll("mezan-plot")) plot.update(true);
});

const source = new EventSource("/ui/head");
source.addEventListener("message", (event) => {
  head = Math.max(head, Number(event.data));
  tell();
  if (at === null && Number(page().dataset.position) < head) stale = true;
});
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) refresh(); // refused, not lost: the page's answer says why
  if (source.readyState !== EventSource.OPEN) trouble("The server cannot be reached; what you see stays as it was. Trying again.");
});
source.addEventListener("open", () => trouble(null));
addEventListener("mezan:refresh", refresh);
setInterval(() => {
  const pending = page().querySelector("[data-pending]"); // the server is still at work on what this page asked for
  stale ||= pending !== null && Date.now() - drawn > Number(pending.dataset.pending);
  if (!stale || busy || document.hidden || playing) return;
  stale = false;
  refresh();
}, REST);

tell();
