// A run's page: what its buttons do, and what is fetched only when it is looked at.

import { proof } from "./csrf.js";

const $ = (id) => document.getElementById(id);
const run = () => document.querySelector("[data-run]")?.dataset.run;

function element(name, text, more = {}) {
  const made = Object.assign(document.createElement(name), more);
  made.textContent = text;
  return made;
}

// What a button found survives every redraw of the page until it is pressed again.
function tell(place, ...parts) {
  const box = element("div", "");
  box.dataset.js = "";
  box.append(...parts);
  place.replaceChildren(box);
}

const words = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function report(found, what) {
  const parts = [element("strong", found.identical ? "identical" : "different", { className: found.identical ? "good" : "bad" })];
  parts.push(` ${what}, ${found.compared} ${found.compared === 1 ? "comparison" : "comparisons"}.`);
  const first = found.difference;
  if (first) {
    const place = element("a", `event ${first.position}`, { href: `/ui/runs/${run()}?at=${first.position}` });
    place.dataset.moment = "";
    const table = element("table", "");
    for (const [name, value] of [["recorded", first.recorded], ["now", first.replayed]]) {
      const row = table.insertRow();
      row.append(element("th", name), element("td", words(value)));
    }
    parts.push(" The first difference: ", place, `, ${first.type}, field ${first.field}.`, table);
  }
  for (const note of found.notes) parts.push(element("p", note, { className: "note" }));
  return parts;
}

async function ask(button) {
  const { post, get, into, says } = button.dataset;
  const place = $(into ?? "replayed");
  button.disabled = true;
  tell(place, `${says} …`);
  try {
    const answer = await fetch(post ?? get, post ? { method: "POST", headers: proof() } : {});
    const found = await answer.json();
    if (!answer.ok) tell(place, element("strong", found.title ?? "refused", { className: "bad" }), ` ${found.detail ?? ""}`);
    else if (get) tell(place, ...report(found.verification, "every choice made again from the log"));
    else if ("identical" in found) tell(place, ...report(found, "executed again, the recorded work repeated"));
    else tell(place, found.status);
  } catch (error) {
    tell(place, element("strong", "no answer", { className: "bad" }), ` (${error.message})`);
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-post], button[data-get]");
  if (button) ask(button);
});

// The JSON of an event comes when its row is opened.
document.addEventListener(
  "toggle",
  async (event) => {
    const { open, dataset, children } = event.target;
    if (!open || !dataset.event || children.length > 1) return;
    const place = element("pre", "…", { tabIndex: 0 });
    place.dataset.js = "";
    event.target.append(place);
    const answer = await fetch(`/runs/${run()}/events?after=${dataset.event - 1}&limit=1`);
    place.textContent = JSON.stringify((await answer.json()).events?.[0], null, 2);
  },
  true,
);

// What takes the policies some time comes when the page has been drawn and nothing else is to do, once per decision.
const rest = window.requestIdleCallback ?? setTimeout;
async function explain() {
  const place = $("explanation");
  if (!place) return;
  const { source, card } = place.dataset;
  const kept = place.querySelector("[data-js]");
  if (kept?.dataset.card === card) return;
  const box = kept ?? element("div", "");
  box.dataset.js = "";
  box.dataset.card = card;
  if (!kept) place.replaceChildren(box);
  try {
    const answer = await fetch(source, { headers: { "Mezan-Fragment": "1" } });
    const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("reasons");
    if (box.dataset.card !== card) return;
    box.replaceChildren(...(found ? found.childNodes : [element("p", "no explanation came", { className: "note" })]));
  } catch {
    delete box.dataset.card;
  }
}
addEventListener("mezan:drawn", () => rest(explain));
if (document.readyState === "complete") rest(explain);
else addEventListener("load", () => rest(explain));
