import { rmSync } from 'node:fs';
import { runCommand, type CommandResult } from '../exec/command.js';
import { findProgram } from '../exec/find-program.js';
import type { Redirect } from '../plan/host-part.js';
import { redirectLines, redirectRules } from '../plan/redirect.js';
import type { StateDirectory } from '../state/directory.js';
import { readOptional, writeAtomic } from '../state/files.js';
import type { ProcessId } from '../state/process.js';
import { enterArguments } from './enter.js';

const TIMEOUT_MS = 5000;

/**
 * See that who asks a forwarder whose server is gone gets its answer from one of now.
 *
 * @param supervisor - leads into O and M0, from where the shared network is entered.
 * @returns what is in the way; undefined: it is so.
 */
export async function redirectForwarders(
  state: StateDirectory,
  redirects: readonly Redirect[],
  supervisor: ProcessId,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const before = readOptional(state.redirects) ?? '';
  const lines = redirectLines(redirects);
  if (lines === before) return undefined;
  const path = (env.PATH ?? '').split(':');
  if (findProgram('nft', path) === undefined) return missingNft(redirects);
  const inside = async (command: string[], input = ''): Promise<CommandResult> => {
    const way = enterArguments({ pid: supervisor.pid, user: true, mount: true });
    const [file = 'nsenter', ...args] = [...way, 'nsenter', `--net=${state.netns}`, '--', ...command];
    return runCommand(file, args, { env, timeoutMs: TIMEOUT_MS, input });
  };
  const { status, stderr, outcome } = await inside(['nft', '-f', '-'], redirectRules(redirects));
  if (status !== 0) return `nft failed: ${stderr.trim().split('\n')[0] ?? outcome}`;
  if (lines === '') rmSync(state.redirects, { force: true });
  else writeAtomic(state.redirects, lines);
  // A socket that goes on asking would have its answers from where it had them before. 1: there was no such flow.
  if (findProgram('conntrack', path) === undefined) return undefined;
  for (const from of new Set([
    ...before.split('\n').map((line) => line.split(' ')[0] ?? ''),
    ...redirects.map((each) => each.from),
  ])) {
    const family = from.includes(':') ? 'ipv6' : 'ipv4';
    if (from !== '')
      await inside(['conntrack', '-D', '-f', family, '-p', 'udp', '--orig-dst', from, '--orig-port-dst', '53']);
  }
  return undefined;
}

export function missingNft(redirects: readonly Redirect[]): string {
  const from = redirects.map((each) => each.from).join(' ');
  return `programs that read resolv.conf once go on asking ${from}, which nobody answers: nft is not installed`;
}
