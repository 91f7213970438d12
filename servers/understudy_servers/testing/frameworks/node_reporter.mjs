// Reports node:test over the private descriptor. Runs in the main process, where test files are not loaded.
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { put } from "./reporter_events.mjs";

function show(value) {
  let text;
  try {
    text = typeof value === "string" ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  } catch {
    text = String(value);
  }
  return text.slice(0, 300);
}

function failure(details) {
  const outer = details.error ?? {};
  const error = outer.cause && typeof outer.cause === "object" ? outer.cause : outer;
  const place = /\(?(?:file:\/\/)?(\/[^\s()]+:\d+):\d+\)?/.exec(String(error.stack ?? ""));
  const facts = {
    kind: error.code === "ERR_ASSERTION" ? "assert" : "exception",
    message: String(error.message ?? outer.message ?? error).slice(0, 600),
    where: place ? place[1] : "",
  };
  if (error.code === "ERR_ASSERTION") {
    facts.expected = show(error.expected);
    facts.actual = show(error.actual);
  }
  return facts;
}

function text(file) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

// Whether a file uses node:test, itself or by files beside it that it imports.
function usesTests(file, seen = new Set()) {
  if (seen.has(file) || seen.size > 50) return false;
  seen.add(file);
  const source = text(file);
  if (/["']node:test["']/.test(source)) return true;
  const beside = [...source.matchAll(/(?:\bfrom|\bimport|\brequire\s*\(|\bimport\s*\()\s*["'](\.{1,2}\/[^"'\n]+)["']/g)];
  return beside.some(([, path]) => ["", ".js", ".mjs", ".cjs"].some((end) => usesTests(resolve(dirname(file), path + end), seen)));
}

// A file that has no test of its own is one test: it passes when it ends with 0. One that has and ends early is not.
function unreported(file, names, begun) {
  if (!names.size && usesTests(file)) return ["its tests"];
  const declared = [...text(file).matchAll(/^(?:await )?(?:test|it)\s*\(\s*(["'])((?:(?!\1)[^\\\n])+)\1/gm)].map((one) => one[2]);
  const unfinished = [...begun].filter(([, count]) => count > 0).map(([name]) => name);
  return [...new Set([...declared.filter((name) => !names.has(name)), ...unfinished])];
}

export default async function* reporter(source) {
  put("start", {});
  const ids = new Set();
  const path = [];
  const said = new Map();
  const files = new Map();
  const begun = new Map();
  const whole_files = [];
  const everything = !process.execArgv.some((word) => word.startsWith("--test-name-pattern"));
  let failed = 0;
  let errors = 0;
  for await (const { type, data } of source) {
    if (type === "test:stderr" && data.file) {
      const file = resolve(data.file); // some versions of Node give it as it was found, others as a whole path
      said.set(file, ((said.get(file) ?? "") + data.message).slice(0, 600));
    }
    if (!["test:enqueue", "test:start", "test:pass", "test:fail"].includes(type)) continue;
    if (data.file && !begun.has(data.file)) begun.set(data.file, new Map());
    const whole = Boolean(data.file) && data.nesting === 0 && resolve(data.name) === data.file;
    const open = whole ? undefined : begun.get(data.file);
    if (type === "test:enqueue") open?.set(data.name, (open.get(data.name) ?? 0) + 1);
    if (type === "test:start") path[data.nesting] = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    open?.set(data.name, (open.get(data.name) ?? 0) - 1);
    if (data.file && !files.has(data.file)) files.set(data.file, new Set());
    if (!whole && data.nesting === 0) files.get(data.file)?.add(data.name);
    if (data.details?.type === "suite") continue;
    const names = [...path.slice(0, data.nesting), data.name];
    let id = (whole || !data.file ? names : [data.file, ...names]).join(" > ");
    while (ids.has(id)) id += "'";
    ids.add(id);
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const outcome = skipped ? "skipped" : type === "test:pass" ? "passed" : "failed";
    if (outcome === "failed") failed += 1;
    const facts = outcome === "failed" ? failure(data.details ?? {}) : {};
    const told = { id, outcome, ms: data.details?.duration_ms ?? 0, ...facts };
    if (whole) whole_files.push([data.file, told]);
    else put("test", told);
  }
  for (const [file, told] of whole_files) {
    if (told.outcome === "failed" && said.has(file)) told.message = said.get(file); // it comes after the event
    put("test", told);
  }
  for (const [file, names] of everything ? files : []) {
    for (const name of unreported(file, names, begun.get(file))) {
      errors += 1;
      put("collect_error", { id: `${file} > ${name}`, kind: "exception", message: "stands in the file and was not reported" });
    }
  }
  put("collected", { ids: [...ids] });
  put("finish", { failed, collected: ids.size, errors });
  put("end", { code: failed ? 1 : 0 });
}
