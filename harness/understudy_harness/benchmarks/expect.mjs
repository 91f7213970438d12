// What the JavaScript exercises of Exercism use of jest (https://jestjs.io/docs/expect), on node:test alone.
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { after, afterEach, before, beforeEach, describe, it, test } from 'node:test';

export { afterEach, beforeEach, describe, it, test };
export const afterAll = after;
export const beforeAll = before;
// What stays skipped counts neither for nor against, as in jest's exit status.
export const xtest = () => {};
export const xit = xtest;
export const xdescribe = xtest;

// Babel, which jest uses, takes both kinds of modules; a package in Node takes one.
export async function load(path, from) {
  const url = new URL(path, from);
  const text = readFileSync(url, 'utf8');
  if (/^\s*(?:export|import)\b/m.test(text)) return import(url.href);
  const name = fileURLToPath(url);
  const module = new Module(name);
  module.filename = name;
  module.paths = createRequire(url).resolve.paths('x') ?? [];
  module._compile(text, name);
  return { default: module.exports, ...module.exports };
}

const tag = (value) => Object.prototype.toString.call(value);
const keys = (value) => [...Object.keys(value), ...Object.getOwnPropertySymbols(value)];

export function equal(a, b, strict = false, seen = []) {
  if (Object.is(a, b)) return true;
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false;
  if (a instanceof Error && b instanceof Error) return a.message === b.message;
  if (tag(a) !== tag(b) || (strict && a.constructor !== b.constructor)) return false;
  if (a instanceof Date || a instanceof Number || a instanceof String || a instanceof Boolean)
    return Object.is(a.valueOf(), b.valueOf());
  if (a instanceof RegExp) return a.source === b.source && a.flags === b.flags;
  if (seen.some(([x, y]) => x === a && y === b)) return true;
  const deeper = [...seen, [a, b]];
  const same = (x, y) => equal(x, y, strict, deeper);
  if (a instanceof Set || a instanceof Map) {
    const rest = [...b];
    return a.size === b.size && [...a].every((x) => {
      const at = rest.findIndex((y) => same(x, y));
      return at >= 0 && rest.splice(at, 1).length === 1;
    });
  }
  if ((Array.isArray(a) || ArrayBuffer.isView(a)) && a.length !== b.length) return false;
  if (typeof a[Symbol.iterator] === 'function' && !Array.isArray(a) && !ArrayBuffer.isView(a)) {
    if (a.constructor !== b.constructor) return false;
    const [x, y] = [[...a], [...b]];
    if (x.length !== y.length || !x.every((one, place) => same(one, y[place]))) return false;
  }
  const names = new Set([...keys(a), ...keys(b)]);
  return [...names].every((name) => (strict ? Object.hasOwn(a, name) === Object.hasOwn(b, name) : true) && same(a[name], b[name]));
}

function thrown(received, rejected) {
  if (rejected) return { error: received };
  try {
    received();
  } catch (error) {
    return { error };
  }
  return null;
}

function throws(received, expected, rejected) {
  const found = thrown(received, rejected);
  if (found === null || expected === undefined) return found !== null;
  const message = found.error?.message ?? String(found.error);
  if (typeof expected === 'string') return message.includes(expected);
  if (expected instanceof RegExp) return expected.test(message);
  if (typeof expected === 'function') return found.error instanceof expected;
  return message === expected.message;
}

const MATCHERS = {
  toBe: (a, b) => Object.is(a, b),
  toEqual: (a, b) => equal(a, b),
  toStrictEqual: (a, b) => equal(a, b, true),
  toBeCloseTo: (a, b, digits = 2) => a === b || Math.abs(a - b) < 10 ** -digits / 2,
  toBeInstanceOf: (a, b) => a instanceof b,
  toBeUndefined: (a) => a === undefined,
  toBeDefined: (a) => a !== undefined,
  toBeNull: (a) => a === null,
  toBeNaN: (a) => Number.isNaN(a),
  toBeTruthy: (a) => Boolean(a),
  toBeFalsy: (a) => !a,
  toBeGreaterThan: (a, b) => a > b,
  toBeGreaterThanOrEqual: (a, b) => a >= b,
  toBeLessThan: (a, b) => a < b,
  toBeLessThanOrEqual: (a, b) => a <= b,
  toContain: (a, b) => (typeof a === 'string' ? a.includes(b) : [...a].includes(b)),
  toContainEqual: (a, b) => [...a].some((one) => equal(one, b)),
  toHaveLength: (a, b) => a.length === b,
  toMatch: (a, b) => (b instanceof RegExp ? b.test(a) : a.includes(b)),
};

const show = (value) => {
  try {
    return typeof value === 'function' ? value.toString() : (JSON.stringify(value) ?? String(value));
  } catch {
    return String(value);
  }
};

function matchers(received, wanted, rejected = false) {
  const all = { ...MATCHERS, toThrow: (a, b) => throws(a, b, rejected), toThrowError: (a, b) => throws(a, b, rejected) };
  return Object.fromEntries(
    Object.entries(all).map(([name, matches]) => [
      name,
      (...expected) => {
        if (matches(received, ...expected) === wanted) return;
        const words = `expected ${show(received)} ${wanted ? '' : 'not '}${name} ${expected.map(show).join(', ')}`;
        const failed = new Error(words.trim());
        failed.name = 'AssertionError';
        throw failed;
      },
    ]),
  );
}

const later = (promise, rejected, wanted) =>
  Object.fromEntries(
    Object.keys(matchers()).map((name) => [
      name,
      async (...expected) => {
        const settled = await Promise.allSettled([promise]).then(([one]) => one);
        if ((settled.status === 'rejected') !== rejected)
          throw new Error(`the promise was ${settled.status}, with ${show(settled.value ?? settled.reason)}`);
        return matchers(rejected ? settled.reason : settled.value, wanted, rejected)[name](...expected);
      },
    ]),
  );

export function expect(received) {
  const promised = (rejected) => ({ ...later(received, rejected, true), not: later(received, rejected, false) });
  return {
    ...matchers(received, true),
    not: matchers(received, false),
    get resolves() {
      return promised(false);
    },
    get rejects() {
      return promised(true);
    },
  };
}
