import { mkdirSync, rmdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ensureBase, removeBase } from '../../config/runtime-dir.js';
import { EXIT, RnetnsError } from '../../errors/error.js';
import { closeInherited } from '../../exec/background.js';
import { takeFairShare } from '../../exec/fair-share.js';
import { endOnTerm } from '../../exec/running.js';
import { undo } from '../../lifecycle/create.js';
import { endParts } from '../../lifecycle/end-parts.js';
import { ensure } from '../../lifecycle/ensure.js';
import { checkWritable, statStateDirectory, writeError, type StateDirectory } from '../../state/directory.js';
import { hostUid } from '../../state/host-uid.js';
import { findRuntime, ownUid } from '../../state/runtime.js';
import { makeContext } from '../context.js';
import { exitWith } from '../report.js';

/**
 * `ensure --name NAME [--generation ID [--again|--undo]]`: the launcher's. With a generation the caller holds the lock and a lease, and
 * gets a living namespace; `--again`: what it has begun without Node goes first; `--undo`: what a killed one has begun goes, and that is all.
 * Without a generation the launcher could not get that far, and is told why.
 */
export async function ensureCommand(args: readonly string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      name: text,
      config: text,
      'log-level': text,
      generation: text,
      json: { type: 'boolean' },
      again: { type: 'boolean' },
      undo: { type: 'boolean' },
    },
  });
  const context = makeContext({ name: values.name, config: values.config, logLevel: values['log-level'] });
  const runtime = findRuntime();
  ensureBase(runtime, ownUid(), hostUid());
  try {
    if (values.generation === undefined) explain(context.state);
    else {
      endOnTerm(`making the namespace ${context.state.name}`, exitWith(values.json === true));
      closeInherited();
      await takeFairShare(context.env);
      if (values.again === true) await endParts(context.state);
      await (values.undo === true ? undo : ensure)(context, values.generation);
    }
    return EXIT.ok;
  } finally {
    if (values.generation === undefined) removeBase(runtime, ownUid());
    await context.log.flush();
  }
}

function explain(state: StateDirectory): never {
  if (statStateDirectory(state) === undefined) {
    try {
      mkdirSync(state.path, { mode: 0o700 });
    } catch (cause) {
      throw writeError(state.path, cause);
    }
    rmdirSync(state.path);
  } else checkWritable(state);
  throw new RnetnsError('ERR_STATE_DIR', `cannot lock the state directory ${state.path}`, {
    hint: 'flock(1) of util-linux must be installed, and /proc mounted',
  });
}
