// Numbers as people paste them: rows of text, CSV, or JSON. Every refusal names the place and the rule.

export class Wrong extends Error {}

const EXACT = 2 ** 53;

function number(token, where) {
  const value = typeof token === "number" ? token : token === "" ? NaN : Number(token);
  if (!Number.isFinite(value)) throw new Wrong(`${where} must be a finite number; got ${JSON.stringify(token).slice(0, 40)}`);
  if (Number.isInteger(value) && Math.abs(value) >= EXACT) throw new Wrong(`${where} must stay below 2^53, so that it is exact; scale it down`);
  return value;
}

function decoded(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Wrong(`text that begins with [ must be JSON: ${error.message}`);
  }
  return value;
}

const words = (line) => line.trim().split(/\s*[,;\t]\s*|\s+/).filter((word, i, all) => word !== "" || i < all.length - 1);

export function list(text) {
  const tokens = text.trim().startsWith("[") ? decoded(text) : text.split("\n").flatMap((line) => (line.trim() ? words(line) : []));
  return tokens.map((token, i) => number(token, `number ${i + 1}`));
}

export function matrix(text) {
  const rows = text.trim().startsWith("[") ? decoded(text) : text.split("\n").filter((line) => line.trim()).map(words);
  const made = rows.map((row, i) => {
    if (!Array.isArray(row)) throw new Wrong(`row ${i + 1} must be a list of numbers; got ${JSON.stringify(row).slice(0, 40)}`);
    return row.map((token, j) => number(token, `row ${i + 1}, column ${j + 1}`));
  });
  const odd = made.findIndex((row) => row.length !== made[0].length);
  if (odd > 0) throw new Wrong(`row ${odd + 1} must be as long as the first (${made[0].length}); it has ${made[odd].length}`);
  if (made.length && made.length !== made[0].length) throw new Wrong(`it must be square (n rows of n numbers); got ${made.length} x ${made[0].length}`);
  return made;
}

export function single(text, { whole, least, most, above }) {
  const value = number(text.trim(), "it");
  if (whole && !Number.isInteger(value)) throw new Wrong(`it must be a whole number; got ${text.trim().slice(0, 40)}`);
  if (above !== undefined && value <= above) throw new Wrong(`it must be above ${above}; got ${value}`);
  if (least !== undefined && value < least) throw new Wrong(`it must be at least ${least}; got ${value}`);
  if (most !== undefined && value > most) throw new Wrong(`it must be at most ${most}; got ${value}`);
  return value;
}

// What was read, in a few words, so that a wrong paste shows.
export function told(kind, value) {
  if (kind === "list") return `${value.length} number${value.length === 1 ? "" : "s"}, total ${value.reduce((a, b) => a + b, 0).toLocaleString("en")}`;
  const symmetric = value.every((row, i) => row.every((x, j) => x === value[j][i]));
  return `${value.length} x ${value.length}, ${symmetric ? "symmetric" : "not symmetric"}`;
}

export const written = (kind, value) => (kind === "matrix" ? value.map((row) => row.join(" ")).join("\n") : value.join(" "));
