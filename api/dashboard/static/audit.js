// Verifying and rebuilding: the button's work with its progress; what came of it is drawn by the server.

import { proof } from "./csrf.js";

async function* messages(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      const fields = Object.fromEntries(part.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]));
      yield { kind: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

const words = (n) => Number(n).toLocaleString("en");

async function work(button) {
  const place = document.createElement("span");
  place.className = "working";
  place.dataset.js = "";
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", `${button.textContent.trim()}: progress`);
  const told = document.createElement("span");
  told.setAttribute("role", "status");
  const stop = document.createElement("button");
  stop.type = "button";
  stop.textContent = "stop";
  place.append(bar, told, stop);
  button.after(place);
  button.disabled = true;
  const ending = new AbortController();
  stop.addEventListener("click", () => ending.abort());
  let problem = null;
  try {
    const head = button.dataset.head;
    const asked = head ? { body: JSON.stringify({ head: JSON.parse(head) }), headers: { "Content-Type": "application/json" } } : {};
    const answer = await fetch(button.dataset.post, {
      method: "POST",
      signal: ending.signal,
      ...asked,
      headers: { ...asked.headers, ...proof(), Accept: "text/event-stream" },
    });
    if (!answer.ok) problem = (await answer.json()).detail;
    else
      for await (const { kind, data } of messages(answer)) {
        if (kind === "progress") {
          bar.max = Math.max(1, data.of);
          bar.value = data.done;
          told.textContent = `${words(data.done)} of ${words(data.of)} events`;
        } else if (kind === "problem") problem = data.detail;
      }
  } catch (error) {
    problem = ending.signal.aborted ? "stopped" : error.message;
  }
  button.disabled = false;
  bar.remove();
  stop.remove();
  told.textContent = problem ?? "";
  if (!problem) place.remove();
  else {
    delete place.dataset.js;
    setTimeout(() => place.remove(), 6000);
  }
  dispatchEvent(new Event("mezan:refresh"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-post]");
  if (button && !button.disabled) work(button);
});
