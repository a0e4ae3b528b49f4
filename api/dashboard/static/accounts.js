// Forms of the accounts' pages: each is sent as one JSON object. What is told once stays on the page until it is left.

import { enter, proof } from "./csrf.js";

function body(form) {
  const sent = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if (field.multiple) sent[field.name] = [...field.selectedOptions].map((one) => one.value);
    else if (field.value !== "") sent[field.name] = "number" in field.dataset ? Number(field.value) : field.value;
  }
  return sent;
}

function element(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function reveal(form, found) {
  form.querySelector(".told")?.remove();
  const place = element("div", form.dataset.told, "told");
  for (const name of form.dataset.shows.split(" ")) for (const one of [found[name]].flat()) place.append(element("code", one));
  form.append(place);
}

async function send(form) {
  const say = form.querySelector(".say");
  const { role, ...rest } = body(form);
  const address = form.dataset.send.replace("{role}", encodeURIComponent(role));
  const sent = address === form.dataset.send && role !== undefined ? { role, ...rest } : rest;
  say.textContent = "";
  say.classList.remove("bad");
  const answer = await fetch(address, {
    method: form.dataset.method ?? "POST",
    headers: { ...proof(), "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(sent),
  });
  if (answer.ok) {
    const found = answer.status === 204 ? {} : await answer.json();
    if (form.dataset.shows) reveal(form, found);
    else location.assign(form.dataset.onward ?? location.href);
    return;
  }
  if (answer.status === 401) return enter();
  const problem = await answer.json();
  say.textContent = problem.detail;
  say.classList.add("bad");
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.dataset.send) return;
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    await send(form);
  } catch (error) {
    form.querySelector(".say").textContent = `No answer (${error.message}).`;
  } finally {
    button.disabled = false;
  }
});
