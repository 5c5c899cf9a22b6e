/**
 * `npm run docs:man`: the man pages, from docs/man, docs/reference.md and the command line's definitions, to man/.
 *
 * SOURCE_DATE_EPOCH gives them another date than today (https://reproducible-builds.org/specs/source-date-epoch/).
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildProgram } from '../../../src/cli/parse.js';
import { allCommands } from '../../../src/cli/program.js';
import { manPages } from './pages.js';

const root = process.cwd();
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const epoch = process.env.SOURCE_DATE_EPOCH;
const date = epoch === undefined ? new Date() : new Date(Number(epoch) * 1000);
const pages = manPages({ program: buildProgram(allCommands(), version), root, version, date });
// Those of earlier builds too.
rmSync(join(root, 'man'), { recursive: true, force: true });
mkdirSync(join(root, 'man'));
for (const { file, text } of pages) writeFileSync(join(root, 'man', file), text);
