// The list of runs: the page is a window on it, which moves as the reader scrolls; what is looked at stays where it is.

const NEAR = 900; // pixels from an end of the window at which it moves
const KEPT = 50; // rows that stay above the first visible one

const list = () => document.getElementById("runs");
const rows = () => [...document.querySelectorAll("#rows > tr")];
const top = () => document.getElementById("time").getBoundingClientRect().bottom;

let anchor = null; // a visible row and where it was
let asked = null; // the window that was asked for
const chosen = new Set();

function firstVisible(all = rows()) {
  const edge = top();
  let [low, high] = [0, all.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (all[middle].getBoundingClientRect().bottom > edge) high = middle;
    else low = middle + 1;
  }
  return low;
}

const reading = () => list() && list().getBoundingClientRect().top < top();

function remember() {
  const all = rows();
  const first = all[firstVisible(all)];
  const pinned = Boolean(list()?.dataset.before);
  anchor = (pinned || reading()) && first ? { id: first.id, at: first.getBoundingClientRect().top } : null;
}

function show(change) {
  const url = new URL(location);
  url.searchParams.delete("before");
  url.searchParams.delete("after");
  for (const [name, value] of Object.entries(change)) url.searchParams.set(name, value);
  if (url.href === location.href || asked === url.href) return;
  asked = url.href;
  if (change.before || change.after) remember();
  else anchor = null;
  history.replaceState(null, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
}

// Towards an end, the window moves; a reader who has left the top pins it, so that runs to come do not push the rows away.
function look() {
  const all = rows();
  if (!all.length) return;
  const first = firstVisible(all);
  const { before } = list().dataset;
  const below = document.getElementById("older").getBoundingClientRect().top - innerHeight;
  const more = document.getElementById("older").dataset.more;
  if (below < NEAR && more && first > KEPT) show({ before: Number(all[first - KEPT].dataset.position) + 1 });
  else if (before && (scrollY < NEAR || !reading()) && first < KEPT) show({ after: all[0].dataset.position });
  else if (!before && first > KEPT / 2) show({ before: Number(all[0].dataset.position) + 1 });
}

let due = false;
function scrolled() {
  remember();
  if (due) return;
  due = true;
  requestAnimationFrame(() => {
    due = false;
    look();
  });
}
addEventListener("scroll", scrolled, { passive: true });

const ends = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && scrolled(), { rootMargin: `${NEAR}px` });

function choose() {
  const button = document.getElementById("comparing");
  if (!button) return;
  for (const box of document.querySelectorAll("#rows input[name=runs]")) box.checked = chosen.has(box.value);
  button.textContent = chosen.size ? `Compare ${chosen.size}` : "Compare";
  button.disabled = chosen.size < 2;
}

function settled() {
  if (!list()) return;
  const row = anchor && document.getElementById(anchor.id);
  if (row) scrollBy(0, row.getBoundingClientRect().top - anchor.at);
  const url = new URL(location);
  if (url.searchParams.has("after")) {
    // where that came out: a position to begin with, or the newest
    const { before } = list().dataset;
    url.searchParams.delete("after");
    if (before) url.searchParams.set("before", before);
    history.replaceState(null, "", url);
  }
  asked = null;
  remember();
  choose();
  ends.disconnect();
  for (const id of ["newer", "older"]) ends.observe(document.getElementById(id));
}
addEventListener("mezan:drawn", settled);

addEventListener("change", (event) => {
  if (!event.target.matches("#rows input[name=runs]")) return;
  chosen[event.target.checked ? "add" : "delete"](event.target.value);
  choose();
});

addEventListener("submit", (event) => {
  if (event.target.id !== "compare") return;
  event.preventDefault();
  const query = new URLSearchParams([...chosen].map((run) => ["runs", run]));
  const at = new URL(location).searchParams.get("at");
  if (at !== null) query.set("at", at);
  location.href = `/ui/compare?${query}`;
});

// Up and down go from run to run, Home and End to the ends of what is shown; Home outside of it to the newest.
addEventListener("keydown", (event) => {
  if (event.key === "Home" && list()?.dataset.before && !event.target.closest?.("input, select, #rows")) {
    event.preventDefault();
    anchor = null;
    scrollTo(0, 0);
    show({});
    return;
  }
  if (!list() || event.ctrlKey || event.metaKey || event.altKey) return;
  const inside = event.target.closest?.("#rows > tr");
  if (!inside && event.target !== document.body && event.target.id !== "main") return;
  const all = rows();
  const here = inside ? all.indexOf(inside) : firstVisible(all) - (event.key === "ArrowDown" ? 1 : 0);
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, ...(inside ? { Home: 0, End: all.length - 1 } : {}) }[event.key];
  const row = all[to];
  if (!row) return;
  event.preventDefault();
  row.querySelector(inside && event.target.matches("input") ? "input" : "a.run").focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
});

settled();
