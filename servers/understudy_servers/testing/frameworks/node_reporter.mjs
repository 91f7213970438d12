// Reports node:test over the private descriptor. Runs in the main process, where test files are not loaded.
import { writeSync } from "node:fs";

const mark = process.env.UNDERSTUDY_MARK;
const descriptor = Number(process.env.UNDERSTUDY_EVENTS);
delete process.env.UNDERSTUDY_MARK;
delete process.env.UNDERSTUDY_EVENTS;
let number = 0;

function put(event, facts) {
  let line = Buffer.from(JSON.stringify({ k: mark, n: number++, e: event, ...facts }) + "\n");
  while (line.length) line = line.subarray(writeSync(descriptor, line));
}

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

export default async function* reporter(source) {
  put("start", {});
  const ids = [];
  const path = [];
  let failed = 0;
  for await (const { type, data } of source) {
    if (type === "test:start") path[data.nesting] = data.name;
    if (type !== "test:pass" && type !== "test:fail") continue;
    if (data.details?.type === "suite") continue;
    const names = [...path.slice(0, data.nesting), data.name];
    const file = data.file && data.name !== data.file ? data.file : "";
    if (names.length === 1 && data.file && data.name === data.file && type === "test:pass") continue;
    let id = [file, ...names].filter(Boolean).join(" > ");
    while (ids.includes(id)) id += "'";
    ids.push(id);
    const skipped = data.skip !== undefined || data.todo !== undefined;
    const outcome = skipped ? "skipped" : type === "test:pass" ? "passed" : "failed";
    if (outcome === "failed") failed += 1;
    put("test", { id, outcome, ms: data.details?.duration_ms ?? 0, ...(outcome === "failed" ? failure(data.details ?? {}) : {}) });
  }
  put("collected", { ids });
  put("finish", { failed, collected: ids.length, errors: 0 });
  put("end", { code: failed ? 1 : 0 });
}
