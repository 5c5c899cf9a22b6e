import { lstatSync, rmSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Inputs } from '../config/inputs.js';
import { isFallback } from '../config/runtime-dir.js';
import { shellWord } from '../exec/shell-word.js';
import type { StateDirectory } from './directory.js';
import { makeDirectory, readOptional, writeAtomic } from './files.js';
import { bootId } from './process.js';

/**
 * Theory of operation: the plan for the next cold start
 *
 * What Node decided for a namespace can be kept in a file of sh lines, with all that it was made from, so that a cold start
 * needs no Node as long as that is the same. `rnetns plan` says what it depends on.
 * scripts/kept-plan.sh asks whether it is fresh. The file is
 *   1. rn_plan_same(): a test for each value, each place where nothing is, and each directory on the way to one
 *   2. rn_plan_stat(): the files, as arguments of the one stat(1); and rn_plan_seen, what it said of them then
 *   3. an empty line, and the plan itself
 *   4. a line that says that the file is whole
 * The same inputs give the same lines. So Node, which plans again before it looks, needs no parser: a plan is fresh if it
 * begins with the lines of now, and an input differs if its line isn't there.
 *
 * It is in the runtime directory, which is the caller's own, on no file server, and gone at logout: nobody else's word is
 * followed, and nothing has to be cleaned up. It is never in /tmp, where that is not so.
 */

const END = 'rn_plan_end=1\n';

export interface KeptPlan {
  path: string;
  /** `fresh`: no input differs; `stale`: an input differs; `none`: there is none; `damaged`: it is no whole one. */
  state: 'fresh' | 'stale' | 'none' | 'damaged';
  /** The inputs that differ, by path or name. */
  differs: string[];
}

/**
 * Keep a plan, or remove the one that is kept: the caller has made another.
 *
 * @param body - sh lines that set variables and define functions; no name in them begins with `rn_plan_`.
 * @returns why it isn't kept; undefined when it is.
 * @throws RnetnsError ERR_STATE_DIR
 */
export function writeKeptPlan(state: StateDirectory, inputs: Inputs, body: string): string | undefined {
  const why = unkeepable(state, inputs) ?? placeProblem(state, makeDirectory);
  const text = `${header(state, inputs)}\n${body.replace(/\n*$/, '\n')}${END}`;
  if (why === undefined) {
    // Written where what a killed writer leaves goes with the state; beside it nothing would remove that.
    makeDirectory(state.outside);
    writeAtomic(state.keptPlan, text, join(state.outside, '.plan.tmp'));
  } else if (placeProblem(state) === undefined) {
    rmSync(state.keptPlan, { force: true });
  }
  return why;
}

/** Why a plan that is made now would not be kept. */
export function unkeepable(state: StateDirectory, { unkeepable: why }: Inputs): string | undefined {
  return isFallback(state.runtimeDir) ? 'the runtime directory is in /tmp' : why;
}

/** @param inputs - those of the same plan, made just now. */
export function lookAtKeptPlan(state: StateDirectory, inputs: Inputs): KeptPlan {
  const path = state.keptPlan;
  const kept = readOwn(path);
  if (kept === undefined) return { path, state: 'none', differs: [] };
  const differs = piecesOf(state, inputs).flatMap(({ name, text }) => (kept.includes(text) ? [] : [name]));
  if (differs.length > 0) return { path, state: 'stale', differs };
  const isWhole = kept.startsWith(`${header(state, inputs)}\n`) && kept.endsWith(`\n${END}`);
  return { path, state: isWhole ? 'fresh' : 'damaged', differs };
}

function header(state: StateDirectory, inputs: Inputs): string {
  const pieces = piecesOf(state, inputs);
  const texts = (kind: Piece['kind']): string[] => pieces.flatMap((piece) => (piece.kind === kind ? [piece.text] : []));
  const files = pieces.flatMap(({ kind, name }) => (kind === 'file' ? [shellWord(name)] : []));
  return `# Kept by rnetns for its next start: src/state/kept-plan.ts
rn_plan_same() {
  ${texts('test').join(' &&\n  ')}
}
rn_plan_stat() {
  ${['"$@"', ...files].join(' \\\n  ')}
}
rn_plan_seen='${texts('file').join('')}'
`;
}

/** What stands for one input in the file. */
interface Piece {
  name: string;
  kind: 'test' | 'file';
  text: string;
}

function piecesOf(state: StateDirectory, { places, values }: Inputs): Piece[] {
  const tests = [
    ['rn_plan_who', whoText(), 'user, user namespace or boot'] as const,
    ['rn_base', dirname(state.path), 'directory'] as const,
    ['rn_name', state.name, '--name'] as const,
    ...[...values].map(([variable, { text, name }]) => [variable, text, name] as const).sort(byFirst),
  ];
  return [
    ...tests.map(([variable, text, name]) => test(name, `[ "\${${variable}-}" = ${quoted(text)} ]`)),
    ...[...places].sort(byFirst).map(([path, place]): Piece => {
      const word = shellWord(path);
      if (place.kind === 'missing') return test(path, `! [ -e ${word} ] && ! [ -L ${word} ]`);
      if (place.kind === 'directory') return test(path, `[ -d ${word} ] && ! [ -L ${word} ]`);
      return { name: path, kind: 'file', text: `\n${escaped(place.line)}` };
    }),
  ];
}

function test(name: string, text: string): Piece {
  return { name, kind: 'test', text };
}

function byFirst([one]: readonly [string, ...unknown[]], [other]: readonly [string, ...unknown[]]): number {
  return one < other ? -1 : 1;
}

function escaped(text: string): string {
  return text.replaceAll("'", String.raw`'\''`);
}

function quoted(text: string): string {
  return `'${escaped(text)}'`;
}

/**
 * Boot, user namespace, and the ids by which files can be read and become part of the map. Capabilities matter where the
 * user namespace isn't the host's: with them it will do for ours (hasOwnUserns). scripts/kept-plan.sh makes the same text.
 */
function whoText(): string {
  const maps = (readOptional('/proc/self/uid_map') ?? '')
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).join(' '));
  const status = readOptional('/proc/self/status') ?? '';
  const keys = maps.join() === '0 0 4294967295' ? ['Uid', 'Gid', 'Groups'] : ['Uid', 'Gid', 'Groups', 'CapEff'];
  const ids = keys.map((key) => new RegExp(`^${key}:(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '');
  return [bootId(), ...maps, ...ids].join(' ');
}

/** What is wrong with the directory that hides plans from those inside; undefined when all is well with it. */
function placeProblem({ keptPlan }: StateDirectory, make?: (path: string) => void): string | undefined {
  const directory = dirname(keptPlan);
  make?.(directory);
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true || !isOwn(stats)) return `${directory} is not a directory of yours`;
  return (stats.mode & 0o077) === 0 ? undefined : `${directory} is open to others`;
}

function readOwn(path: string): string | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isFile() === true && isOwn(stats) ? readOptional(path) : undefined;
}

function isOwn({ uid }: Stats): boolean {
  return uid === process.geteuid?.();
}
