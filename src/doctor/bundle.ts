import { closeSync, existsSync, openSync, rmSync, writeSync } from 'node:fs';
import { release, version as kernelVersion } from 'node:os';
import { gzipSync } from 'node:zlib';
import { errnoReason } from '../config/errno.js';
import { CONNECTING } from '../driver/drivers.js';
import { RnetnsError } from '../errors/error.js';
import { tryProgram } from '../exec/probe.js';
import { wholeAnswer } from '../exec/whole-answer.js';
import { findProgram } from '../exec/find-program.js';
import { listNamespaces } from '../inspect/list.js';
import { readStatus } from '../inspect/status.js';
import { readOptional } from '../state/files.js';
import type { Host } from './host.js';
import { redact } from './redact.js';
import type { Diagnosis } from './run-checks.js';
import { tar, type Entry } from './tar.js';

/** What a bug report needs, packed without secrets: only what is listed here goes in, and all of it through redact(). */
export interface Bundle {
  file: string;
  /** Names of the files in it. */
  contents: string[];
}

/** Variables that say how rnetns and its programs are called; of all others not even the name is told. */
const VARIABLES =
  /^(PATH|SHELL|TERM|LANG|LC_[A-Z]+|XDG_[A-Z_]+|RNETNS_[A-Z_]+|CONTAINERS_CONF(_OVERRIDE)?|DBUS_SESSION_BUS_ADDRESS|container|NO_COLOR|(https?|ftp|all|no)_proxy)$/i;
const VERSION_MS = 1000;
const PROGRAMS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(CONNECTING.map(({ program }) => [program.file, '--version'])),
  unshare: '--version',
  ip: '-V',
  nft: '--version',
  iptables: '--version',
  systemctl: '--version',
};
const FILES: readonly (readonly [name: string, path: string])[] = [
  ['os-release', '/etc/os-release'],
  ['mountinfo', '/proc/self/mountinfo'],
  ['uid_map', '/proc/self/uid_map'],
  ['cgroup', '/proc/self/cgroup'],
];

/** Before the checks are made: whoever waited for them shall have their bundle. */
export function refuseExisting(file: string): void {
  if (!existsSync(file)) return;
  throw new RnetnsError('ERR_BUNDLE', `writing the bundle failed on ${file}: it exists`, {
    hint: 'give a new name, or remove it first',
  });
}

/**
 * Write it; the file is the caller's alone.
 *
 * @throws RnetnsError ERR_BUNDLE; then there is no such file.
 */
export async function writeBundle(file: string, host: Host, diagnosis: Diagnosis): Promise<Bundle> {
  const entries = await collect(host, diagnosis);
  const home = host.environment.HOME ?? '';
  const clean = entries.map(({ name, content }) => ({ name, content: redact(content, home) }));
  const packed = gzipSync(tar(clean, new Date()));
  let descriptor: number | undefined;
  try {
    descriptor = openSync(file, 'wx', 0o600);
    for (let written = 0; written < packed.length;) written += writeSync(descriptor, packed, written);
  } catch (cause) {
    if (descriptor !== undefined) rmSync(file, { force: true });
    throw new RnetnsError('ERR_BUNDLE', `writing the bundle failed on ${file}: ${errnoReason(cause)}`, {
      hint: 'give a new name in a directory that can be written',
      cause,
    });
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return { file, contents: entries.map(({ name }) => name) };
}

async function collect(host: Host, diagnosis: Diagnosis): Promise<Entry[]> {
  const { state, runtime, settings, environment } = host;
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const orError = async (value: () => Promise<unknown>) =>
    value().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
  const texts: (readonly [string, string | undefined])[] = [
    ['doctor.json', json(diagnosis)],
    ['settings.json', json(settings instanceof Error ? settings.message : settings.settings)],
    ['status.json', state === undefined ? undefined : json(await orError(async () => readStatus(state)))],
    ['list.json', runtime instanceof Error ? undefined : json(await listNamespaces(runtime.base))],
    ['log', state === undefined ? undefined : readOptional(state.log)],
    ['log.1', state === undefined ? undefined : readOptional(`${state.log}.1`)],
    ['environment', describeEnvironment(environment)],
    ['versions', await versions(host)],
    ...FILES.map(([name, path]) => [name, readOptional(path)] as const),
  ];
  return texts.flatMap(([name, content]) =>
    content === undefined ? [] : [{ name: `rnetns-report/${name}`, content }],
  );
}

function describeEnvironment(environment: Host['environment']): string {
  const names = Object.keys(environment).sort();
  const told = names.filter((name) => VARIABLES.test(name));
  const lines = told.map((name) => `${name}=${(environment[name] ?? '').replace(/[\r\n]+/g, ' ')}`);
  return [...lines, `(${names.length - told.length} more, left out)`, ''].join('\n');
}

async function versions({ version, path, env, config }: Host): Promise<string> {
  const answers = Object.entries(PROGRAMS).map(async ([name, option]) => {
    const found = findProgram(name, [...config.engine.helperBinariesDirs, ...path]);
    if (found === undefined) return `${name}: not found`;
    const { stdout, stderr, outcome } = await wholeAnswer(
      (command) => tryProgram(command, { env, timeoutMs: VERSION_MS }),
      [found, option],
    );
    const [line = ''] = (stdout + stderr).split('\n');
    return `${name}: ${found}: ${line === '' ? outcome : line}`;
  });
  const lines = [`rnetns: ${version}`, `node: ${process.version}`, `kernel: ${release()} ${kernelVersion()}`];
  return [...lines, ...(await Promise.all(answers)), ''].join('\n');
}
