// What the reporters share: the private channel, and for vitest and jest how a value is shown and a test is told.
import { closeSync, readSync, writeSync } from "node:fs";

const letter = Number(process.env.UNDERSTUDY_MARK);
const read = Buffer.alloc(64);
const mark = read.subarray(0, readSync(letter, read)).toString();
closeSync(letter);
const descriptor = Number(process.env.UNDERSTUDY_EVENTS);
delete process.env.UNDERSTUDY_MARK;
delete process.env.UNDERSTUDY_EVENTS;
let number = 0;
const ids = new Set();
let failed = 0;

export function put(event, facts) {
  let line = Buffer.from(JSON.stringify({ k: mark, n: number++, e: event, ...facts }) + "\n");
  while (line.length) line = line.subarray(writeSync(descriptor, line));
}

export function show(value) {
  return (typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))).slice(0, 300);
}

export function place(stack) {
  const lines = String(stack ?? "").split("\n").filter((line) => !line.includes("node_modules") && !line.includes("node:"));
  return /(\/[^\s()]+:\d+):\d+/.exec(lines.join("\n"))?.[1] ?? "";
}

export function test(id, outcome, facts) {
  while (ids.has(id)) id += "'";
  ids.add(id);
  if (outcome === "failed") failed += 1;
  put("test", { id, outcome, ms: 0, ...facts });
}

export function broken(id, message) {
  put("collect_error", { id, kind: "import", message: String(message).slice(0, 600) });
  failed += 1;
}

export function end() {
  put("collected", { ids: [...ids] });
  put("finish", { failed, collected: ids.size, errors: 0 });
  put("end", { code: failed ? 1 : 0 });
}
