// A dry run's answer: one sentence, and a table with a bar for each solver's chance and an interval for its loss.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 40, HEIGHT = 10;

export function node(tag, given = {}, ...inside) {
  const made = tag === "svg" || tag === "rect" || tag === "line" || tag === "circle" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  made.append(...inside.filter((one) => one !== null));
  return made;
}

const figure = (x) => (x === null ? "-" : Math.abs(x) >= 1e6 || Number.isInteger(x) ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(6))));
const seconds = (x) => (x < 1 ? `${(x * 1e3).toFixed(1)} ms` : `${x.toFixed(2)} s`);
const percent = (x) => `${(100 * x).toFixed(x > 0 && x < 0.005 ? 1 : 0)} %`;

const drawing = (paint, ...shapes) => node("svg", { class: `bar ${paint}`, width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, ...shapes);

const bar = (share, paint) => drawing(paint, node("rect", { width: Math.max(1, share * WIDTH).toFixed(1), height: HEIGHT, rx: 2 }));

function interval(one, worst, paint) {
  const x = (loss) => (2 + (Math.min(loss, worst) / worst) * (WIDTH - 4)).toFixed(1);
  const [low, high] = one.low === null ? [Math.max(0, one.loss - one.error), one.loss + one.error] : [one.low, one.high];
  return drawing(
    paint,
    node("line", { x1: x(low), x2: x(high), y1: HEIGHT / 2, y2: HEIGHT / 2, stroke: "currentColor", "stroke-width": 2 }),
    node("circle", { cx: x(one.loss), cy: HEIGHT / 2, r: 3.2, fill: "currentColor" }),
  );
}

function row(one, found, solvers, worst, known) {
  const { paint = "none", mark = "circle" } = solvers[one.solver] ?? {};
  const name = node("span", { class: `solver ${paint}` }, node("i", { class: `mark ${mark}`, "aria-hidden": "true" }), one.solver);
  const spread = one.low === null ? "" : ` (80 %: ${one.low.toFixed(4)} to ${one.high.toFixed(4)})`;
  const time = one.seconds === null ? ["-", "fewer than five outcomes so far"] : [seconds(one.seconds[0]), `8 of 10 within ${seconds(one.seconds[1])} to ${seconds(one.seconds[2])}`];
  return node(
    "tr",
    one.solver === found.solver ? { class: "chosen" } : {},
    node("td", {}, name),
    node("td", { class: "n" }, bar(one.best, paint), percent(one.best)),
    node("td", { class: "n" }, known ? figure(one.objective) : "-"),
    known ? node("td", { class: "n", title: `expected loss ${one.loss.toFixed(4)} ± ${one.error.toFixed(4)}${spread}` }, interval(one, worst, paint), one.loss.toFixed(4)) : node("td", { class: "n" }, "-"),
    node("td", { class: "n", title: time[1] }, time[0]),
    node("td", { class: "n" }, String(one.outcomes)),
  );
}

export function forecast(found, { solvers, limit }) {
  const able = found.forecasts.filter((one) => one.refused === null);
  const refused = found.forecasts.filter((one) => one.refused !== null);
  const taken = able.find((one) => one.solver === (found.forced ?? found.solver)) ?? able[0];
  const worst = Math.max(1e-9, ...able.map((one) => Math.max(one.loss + one.error, one.high ?? 0)));
  const known = able.some((one) => one.outcomes > 0);
  const said = found.forced ? `${found.forced} runs, because you ask for it; ${found.policy} would take ${found.solver}` : `${found.solver} would be chosen`;
  const bound = found.bound === null ? "" : `; no better than ${figure(found.bound.value)} is possible (${found.bound.method})`;
  const expects = taken?.objective == null || !known ? "" : `Expected objective ${figure(taken.objective)}${bound}. `;
  const lasts = taken?.seconds ? `About ${seconds(Math.min(taken.seconds[0], limit))}, at most ${seconds(limit)}.` : `At most ${seconds(limit)}.`;
  const head = ["solver", "best", "objective", "loss", "time", "seen"];
  return [
    node("h3", {}, said),
    node("p", {}, expects + lasts),
    node("p", { class: "note" }, `${found.policy}: ${found.reason}`),
    known ? null : node("p", { class: "note" }, "Nothing has been solved in this family yet, so every solver is as promising as its prior says."),
    node("table", {}, node("thead", {}, node("tr", {}, ...head.map((word, i) => node("th", i ? { class: "n" } : {}, word)))), node("tbody", {}, ...able.map((one) => row(one, found, solvers, worst, known)))),
    ...refused.map((one) => node("p", { class: "note" }, `${one.solver} cannot be taken: ${one.refused}`)),
    node("p", { class: "note" }, `${found.family}, size ${found.size}, cluster ${found.cluster}; the fold of the log up to event ${found.as_of.toLocaleString("en")}. Loss is the distance to the bound, 0 is proved optimal; the line holds 8 of 10 of the outcomes seen.`),
  ].filter((one) => one !== null);
}
