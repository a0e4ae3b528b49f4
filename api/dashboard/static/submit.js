// The form of /ui/submit: what is typed, dropped, taken from the gallery or from an earlier run becomes one request.

import { proof } from "./csrf.js";
import { forecast, node } from "./forecast.js";
import { Wrong, list, matrix, single, told, written } from "./numbers.js";

const $ = (id) => document.getElementById(id);
const root = $("submit"), form = $("ask");
const { families, options } = JSON.parse($("submit-data").textContent);
const TYPED = 400_000; // characters of a request that are put into fields; larger ones are kept as they are
const GRID = 12;
const LIMIT = 10;

let family = root.dataset.family;
let held = null; // {file} or {body, name}: a problem that is not in the fields
let before = null; // the request that this one differs from
let shownAt; // the moment of the dry run that is shown; null for the present
let key = null; // of this request, so that sending it twice asks once

// families

function show(name) {
  family = name;
  for (const part of root.querySelectorAll("[data-of]")) part.hidden = part.dataset.of !== name;
  for (const tab of root.querySelectorAll("[data-tab]")) {
    tab.setAttribute("aria-selected", tab.dataset.tab === name);
    tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
  }
  const url = new URL(location);
  url.searchParams.set("family", name);
  history.replaceState(history.state, "", url);
  hold(held);
}

root.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.tab) {
    if (held) hold(null);
    show(button.dataset.tab);
    edited();
  } else if (button?.dataset.example) {
    fill(families[family].examples[button.dataset.example]);
    dryRun();
  } else if (button?.id === "let-go") {
    hold(null);
    edited();
  } else if (button?.id === "dry") dryRun();
});

root.querySelector(".tabs").addEventListener("keydown", (event) => {
  const tabs = [...root.querySelectorAll("[data-tab]")];
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  event.stopPropagation();
  const next = tabs[(tabs.indexOf(event.target) + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
});

// fields

const place = (name) => root.querySelector(`[data-of="${family}"] [data-field="${name}"], [data-of="${family}"][data-field="${name}"]`) ?? root.querySelector(`.field[data-field="${name}"]:not([data-of] *, [data-of])`);
const control = (name) => place(name)?.querySelector("input:not(.cells input), select, textarea");

function say(name, text, bad = false) {
  const note = place(name)?.querySelector(".say");
  if (!note) return false;
  note.textContent = text;
  note.classList.toggle("bad", bad);
  control(name).toggleAttribute("aria-invalid", false);
  if (bad) control(name).setAttribute("aria-invalid", "true");
  return true;
}

// The value of a field; undefined when it is empty. Throws Wrong.
function value({ name, kind }) {
  const given = control(name);
  if (kind === "flag") return given.checked || undefined;
  const text = given.value.trim();
  if (text === "") return undefined;
  if (kind === "matrix") return matrix(text);
  if (kind === "list") return list(text);
  if (kind === "number" || kind === "integer") {
    const bound = (name_) => (given.dataset[name_] === undefined ? undefined : Number(given.dataset[name_]));
    return single(text, { whole: kind === "integer", least: bound("least"), most: bound("most"), above: bound("above") });
  }
  if (kind === "json") {
    try {
      return JSON.parse(text);
    } catch (error) {
      throw new Wrong(`it must be JSON: ${error.message}`);
    }
  }
  if (kind === "choice" && text === given.querySelector("option[selected]")?.value) return undefined;
  return text;
}

function check(field) {
  try {
    const found = value(field);
    if (found === undefined && field.required) throw new Wrong("it is needed");
    say(field.name, found !== undefined && (field.kind === "matrix" || field.kind === "list") ? told(field.kind, found) : "");
    return found;
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    say(field.name, `${field.name}: ${error.message}`, true);
    throw error;
  }
}

// The whole request. Throws Wrong after every field has had its say.
function request() {
  const asked = [...families[family].fields.filter((field) => !held || !field.required), ...options];
  const body = {};
  let wrong = null;
  for (const field of asked) {
    try {
      const found = check(field);
      if (found !== undefined) body[field.name] = found;
    } catch (error) {
      wrong ??= field.name;
      if (!(error instanceof Wrong)) throw error;
    }
  }
  for (const name of ["solver", "policy"]) if (control(name).value) body[name] = control(name).value;
  const pans = [...place("pans").querySelectorAll("select")].map((one) => one.value).filter(Boolean);
  if (pans.length === 1) {
    say("pans", "pans: a race needs two solvers", true);
    wrong ??= "pans";
  } else if (pans.length) body.pans = pans;
  if (wrong) {
    if (place(wrong).closest("details")) place(wrong).closest("details").open = true;
    control(wrong).focus();
    throw new Wrong(wrong);
  }
  return held?.body ? { ...held.body, ...body } : { type: family, ...body };
}

function fill(body) {
  if (!families[body.type]) return alarm(`This server has no family ${body.type}.`);
  hold(null);
  show(body.type);
  const names = new Set(families[family].fields.map((field) => field.name));
  for (const { name, kind } of families[family].fields) put(name, kind, body[name]);
  if (body.seed !== undefined || body.time_limit !== undefined) for (const { name, kind } of options) put(name, kind, body[name]);
  for (const name of ["solver", "policy"]) control(name).value = body[name] ?? "";
  place("pans").querySelectorAll("select").forEach((one, i) => (one.value = body.pans?.[i] ?? ""));
  if (options.some(({ name }) => name !== "time_limit" && name !== "seed" && body[name] !== undefined) || body.pans) $("more").open = true;
  edited();
  return names;
}

function put(name, kind, given) {
  const into = control(name);
  if (kind === "flag") into.checked = given === true;
  else if (given === undefined || given === null) into.value = kind === "choice" ? into.querySelector("option[selected]")?.value ?? "" : "";
  else into.value = kind === "matrix" || kind === "list" ? written(kind, given) : kind === "json" ? JSON.stringify(given) : given;
  const field = families[family].fields.find((one) => one.name === name) ?? { name, kind };
  if (into.value === "" && kind !== "flag") say(name, "");
  else quietly(() => check(field));
  grid(name);
}

function quietly(work) {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return undefined;
  }
}

// A small matrix can be typed cell by cell; the text stays the truth.
function grid(name) {
  const details = place(name)?.querySelector(".cells");
  if (!details?.open) return;
  const box = details.querySelector("div"), rows = quietly(() => matrix(control(name).value));
  if (box.contains(document.activeElement)) return;
  if (rows === undefined || rows.length > GRID) {
    box.replaceChildren(node("p", { class: "note" }, rows === undefined ? "Mend the text first." : `Only up to ${GRID} rows.`));
    return;
  }
  const size = rows.length || 3;
  const cell = (i, j) => {
    const made = node("input", { type: "text", inputmode: "decimal", "aria-label": `${name}, row ${i + 1}, column ${j + 1}` });
    made.value = rows[i]?.[j] ?? 0;
    return node("td", {}, made);
  };
  const lines = Array.from({ length: size }, (_, i) => node("tr", {}, ...Array.from({ length: size }, (_, j) => cell(i, j))));
  const resize = (by, word) => {
    const button = node("button", { type: "button" }, word);
    button.addEventListener("click", () => {
      const n = Math.max(2, size + by);
      control(name).value = written("matrix", Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => rows[i]?.[j] ?? 0)));
      box.replaceChildren();
      typed(name);
    });
    return button;
  };
  box.replaceChildren(node("table", { role: "presentation" }, ...lines), node("p", {}, resize(1, "add one"), " ", resize(-1, "take one")));
}

root.addEventListener("toggle", (event) => event.target.matches(".cells") && event.target.open && grid(event.target.closest(".field").dataset.field), true);

root.addEventListener("input", (event) => {
  const field = event.target.closest(".field");
  if (!field) return;
  if (event.target.matches(".cells input")) {
    const rows = [...field.querySelectorAll(".cells tr")].map((line) => [...line.querySelectorAll("input")].map((one) => one.value.trim() || "0"));
    control(field.dataset.field).value = written("matrix", rows);
  }
  typed(field.dataset.field);
});

function typed(name) {
  const field = [...families[family].fields, ...options].find((one) => one.name === name);
  if (!field) say(name, "");
  else if (control(name).value.trim() === "" && field.kind !== "flag") say(name, "");
  else quietly(() => check(field));
  grid(name);
  edited();
}

function edited() {
  key = null;
  $("wrong").textContent = "";
  $("forecast").classList.toggle("old", shownAt !== undefined);
  if (before) tellChanges();
}

// files

function hold(given) {
  held = given;
  $("held").hidden = !held;
  $("drop").hidden = held !== null;
  for (const content of root.querySelectorAll(".content")) content.hidden = held !== null;
  const name = place("name");
  if (name) name.hidden = held !== null;
  if (!held) $("file").value = "";
  else {
    $("held-name").textContent = held.name;
    $("held-about").textContent = held.about;
  }
}

function alarm(text) {
  $("wrong").textContent = text;
  $("wrong").scrollIntoView({ block: "nearest" });
}

async function taken(file) {
  $("file-note").textContent = "";
  const ending = file.name.includes(".") ? `.${file.name.split(".").pop().toLowerCase()}` : "";
  if (ending === ".json" && file.size <= TYPED) {
    try {
      const body = JSON.parse(await file.text());
      fill({ type: family, name: file.name.slice(0, -ending.length), ...body });
      dryRun();
    } catch (error) {
      alarm(`${file.name} must be JSON with the members of a request: ${error.message}`);
    }
    return;
  }
  const told_ = Object.keys(families).find((name) => families[name].endings.includes(ending));
  hold({ file, name: file.name, about: `${file.size.toLocaleString("en")} bytes` });
  show(told_ ?? family);
  edited();
  if (await dryRun()) $("held-about").textContent += ", read and found in order";
}

$("file").addEventListener("change", (event) => event.target.files[0] && taken(event.target.files[0]));
for (const kind of ["dragenter", "dragover"])
  root.addEventListener(kind, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    $("drop").classList.add("over");
  });
root.addEventListener("dragleave", () => $("drop").classList.remove("over"));
root.addEventListener("drop", (event) => {
  $("drop").classList.remove("over");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  taken(event.dataTransfer.files[0]);
});

// asking

function exchange(door, body, headers, more = {}) {
  const url = new URL(held?.file ? `/${door}/file` : `/${door}`, location.href);
  for (const [name, given] of Object.entries(more)) url.searchParams.set(name, given);
  if (!held?.file) return fetch(url, { method: "POST", headers: { ...headers, ...proof(), "content-type": "application/json" }, body: JSON.stringify(body) });
  const { type, name, ...rest } = body;
  url.searchParams.set("name", held.file.name);
  if (!Object.values(families).some((one) => one.endings.some((ending) => held.file.name.toLowerCase().endsWith(ending)))) url.searchParams.set("family", type);
  for (const [name_, given] of Object.entries(rest)) for (const one of [given].flat()) url.searchParams.append(name_, one);
  return fetch(url, { method: "POST", headers: { ...headers, ...proof(), "content-type": "application/octet-stream" }, body: held.file });
}

// A rule that was broken stands next to the field that its sentence names first.
function refused(problem) {
  const said = problem.detail ?? problem.title ?? "the server refused";
  const names = [...families[family].fields.filter((field) => !held || !field.required), ...options, { name: "solver" }, { name: "policy" }, { name: "pans" }].map(({ name }) => name);
  const at = (name) => said.search(new RegExp(`(?<![\\w.])${name.replace("_", "[_ ]")}(?!\\w)`));
  const named = names.filter((name) => at(name) >= 0).sort((a, b) => at(a) - at(b))[0];
  if (named && say(named, said, true)) {
    place(named).closest("details")?.setAttribute("open", "");
    control(named).focus();
  } else alarm(said);
}

async function ask(door, headers, more) {
  let body;
  try {
    body = request();
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    alarm("Something above is missing or wrong; it says what.");
    return null;
  }
  $("wrong").textContent = "";
  try {
    const answer = await exchange(door, body, headers, more);
    const found = await answer.json();
    if (answer.ok) return { found, body };
    refused(found);
  } catch (error) {
    alarm(`The server cannot be reached (${error.message}); nothing was lost, try again.`);
  }
  return null;
}

const moment = () => new URL(location).searchParams.get("at");

async function dryRun() {
  const at = moment();
  $("dry").disabled = true;
  $("sending").textContent = "asking what would be chosen";
  const answer = await ask("predict", {}, at === null ? {} : { as_of: at });
  $("dry").disabled = false;
  $("sending").textContent = "";
  if (!answer) return false;
  const { found, body } = answer;
  if (found.family !== family) show(found.family);
  $("forecast").replaceChildren(...forecast(found, { solvers: families[found.family].solvers, limit: body.time_limit ?? LIMIT }));
  $("forecast").classList.remove("old");
  shownAt = at;
  return true;
}

// The slider moves what is expected, too; at the present the dry run says which event it is the fold of.
let following = false;
addEventListener("mezan:drawn", async () => {
  if (shownAt === undefined || following) return;
  following = true;
  while (moment() !== shownAt && (await dryRun()));
  following = false;
});

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  key ??= [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  $("send").disabled = true;
  $("sending").textContent = "recording the request";
  const answer = await ask("solve", { "idempotency-key": key });
  $("send").disabled = false;
  $("sending").textContent = "";
  if (answer) location.assign(answer.found.links.page);
});

// once more, with one change

function tellChanges() {
  const now = quietly(() => {
    const body = { type: family };
    for (const field of [...families[family].fields.filter((one) => !held || !one.required), ...options]) {
      const found = quietly(() => value(field));
      if (found !== undefined) body[field.name] = found;
    }
    for (const name of ["solver", "policy"]) if (control(name).value) body[name] = control(name).value;
    const pans = [...place("pans").querySelectorAll("select")].map((one) => one.value).filter(Boolean);
    if (pans.length) body.pans = pans;
    return held?.body ? { ...held.body, ...body } : body;
  });
  const brief = (given) => (given === undefined ? "none" : Array.isArray(given) && given.length > 2 ? "edited" : JSON.stringify(given));
  const changed = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
  const said = changed.map((name) => (brief(now[name]) === "edited" ? `${name} edited` : `${name} ${brief(before[name])} → ${brief(now[name])}`));
  $("changes").textContent = said.length ? `Changed: ${said.join(", ")}.` : "Nothing is changed yet: with the same seed it repeats the run, but may start from what is known by now.";
}

async function again(run) {
  const at = moment();
  const answer = await fetch(`/runs/${run}/request${at === null ? "" : `?as_of=${at}`}`);
  const text = await answer.text();
  const body = JSON.parse(text);
  if (!answer.ok) return alarm(body.detail ?? body.title);
  before = body;
  if (text.length <= TYPED) fill(body);
  else {
    const content = Object.fromEntries(families[body.type].fields.filter((field) => field.required).map(({ name }) => [name, body[name]]));
    const { [Object.keys(content)[0]]: _, ...small } = body;
    fill({ ...small, ...Object.fromEntries(Object.keys(content).map((name) => [name, undefined])) });
    hold({ body: { type: body.type, ...content, ...(body.name ? { name: body.name } : {}) }, name: body.name || "the problem", about: `of the earlier run, ${text.length.toLocaleString("en")} characters: too large for the fields, kept as it is` });
  }
  tellChanges();
  return undefined;
}

if (root.dataset.run) again(root.dataset.run);
