// Loaded into every process of node:test before any code of the project, so that this cannot patch what tests assert with.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
for (const name of ["node:assert", "node:assert/strict", "node:test"]) {
  const words = require(name);
  for (const one of [words, words.strict, words.AssertionError?.prototype, words.mock]) if (one) Object.freeze(one);
}
