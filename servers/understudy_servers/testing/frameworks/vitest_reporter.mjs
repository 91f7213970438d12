// Reports vitest over the private descriptor. Runs in the main process; tests run in workers.
import { broken, end, place, put, show, test } from "./reporter_events.mjs";

const OUTCOMES = { passed: "passed", failed: "failed", skipped: "skipped", pending: "failed" };

export default class UnderstudyReporter {
  onInit() {
    put("start", {});
  }

  onTestRunEnd(modules) {
    for (const module of modules) {
      for (const error of module.errors()) broken(module.relativeModuleId ?? module.moduleId, error.message);
      for (const one of module.children.allTests()) {
        const result = one.result();
        const error = result.errors?.[0];
        const facts = error && {
          kind: error.name === "AssertionError" ? "assert" : "exception",
          message: String(error.message).replace(/\u001b\[[0-9;]*m/g, "").slice(0, 600),
          where: place(error.stack),
          ...(error.name === "AssertionError" ? { expected: show(error.expected), actual: show(error.actual) } : {}),
        };
        test(`${module.relativeModuleId ?? module.moduleId} > ${one.fullName}`, OUTCOMES[result.state] ?? "failed", facts ?? {});
      }
    }
    end();
  }
}
