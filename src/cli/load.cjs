/**
 * Load a program of this directory as `npm run build` has compiled it, in NAME.cache: of what Node.js takes to start one,
 * a third is parsing.
 *
 * V8 takes the compiled form only where it was made by the same V8 with the same flags, from a text of this length; else it
 * compiles the text, as it does without. So one build serves every Node.js, and is fast with its own. The compiled form knows
 * no import(): what a program loads late is in it, or is loaded by require (src/config/lazy-require.ts).
 *
 * `npm run build` copies this to dist/cli.
 */
'use strict';

const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

/** As Module.wrap has it, but for the blanks: an offset puts the columns right. */
const HEAD = '(function (exports, require, module, __filename, __dirname) {';

/** esbuild writes nothing but ASCII, which is read and kept with the least effort as Latin-1. */
function compile(name, cachedData) {
  const filename = join(__dirname, `${name}.cjs`);
  return new Script(`${HEAD}${readFileSync(filename, 'latin1')}\n})`, {
    filename,
    columnOffset: -HEAD.length,
    cachedData,
  });
}

/** undefined in a build that was made by a Node.js which can't. */
function compiled(name) {
  try {
    return readFileSync(join(__dirname, `${name}.cache`));
  } catch {
    return undefined;
  }
}

/** What the program exports. */
function load(name) {
  const program = { exports: {} };
  const run = compile(name, compiled(name)).runInThisContext();
  run(program.exports, require, program, join(__dirname, `${name}.cjs`), __dirname);
  return program.exports;
}

module.exports = { compile, load };
