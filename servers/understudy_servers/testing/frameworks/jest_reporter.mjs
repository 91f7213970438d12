// Reports jest over the private descriptor. Runs in the main process; with `--workers` tests run in other processes.
import { broken, end, place, put, show, test } from "./reporter_events.mjs";

const OUTCOMES = { passed: "passed", failed: "failed" };

export default class UnderstudyReporter {
  onRunStart() {
    put("start", {});
  }

  onRunComplete(_, results) {
    for (const file of results.testResults) {
      if (file.testExecError) broken(file.testFilePath, file.testExecError.message);
      for (const one of file.testResults) {
        const error = one.failureDetails?.[0];
        const matched = error?.matcherResult;
        const text = String(one.failureMessages?.[0] ?? "").replace(/\u001b\[[0-9;]*m/g, "");
        const facts = one.status === "failed" && {
          kind: matched ? "assert" : "exception",
          message: text.split("\n    at ")[0].slice(0, 600),
          where: place(text),
          ...(matched ? { expected: show(matched.expected), actual: show(matched.actual) } : {}),
        };
        test(`${file.testFilePath} > ${one.fullName}`, OUTCOMES[one.status] ?? "skipped", facts || {});
      }
    }
    end();
  }

  getLastError() {}
}
