import { existsSync } from 'node:fs';
import { pinOutside } from '../namespace/outside-userns.js';
import { recordedProcess } from '../namespace/proof.js';
import { removeNamespace } from '../namespace/teardown.js';
import { makeOutside } from '../state/directory.js';
import { writeInPlace } from '../state/files.js';
import { writeKeptPlan } from '../state/kept-plan.js';
import { isOfAnotherBoot } from '../state/record.js';
import { forgetReferences, readReferences } from '../state/references.js';
import { removeRemains } from '../state/remains.js';
import { connect, ensureWayOut } from './connect.js';
import { type Context } from './context.js';
import { keptBody } from './kept-body.js';
import type { Plan } from '../plan/plan.js';
import { endParts } from './end-parts.js';
import { chooseParts, makePlan } from './make-plan.js';
import { publish, surroundings } from './publish.js';
import { settleAll } from './settle-all.js';

export async function create(context: Context, generation: string, scope: Promise<void>): Promise<void> {
  const { state, log } = context;
  log.debug(`creating ${state.path}, generation ${generation}`);
  if (!existsSync('/sys/fs/selinux/enforce')) log.debug('no SELinux here: the new /run is not relabelled');
  const { idMap, found } = await chooseParts(context);
  if (isOfAnotherBoot(state)) forgetReferences(state);
  removeRemains(state, generation);
  makeOutside(state);
  writeInPlace(state.resolvConf, '');
  const around = surroundings(context, generation);
  try {
    // O beside the plan: neither needs the other, and asking the driver what it can do takes as long.
    const planned = makePlan(context, { idMap, found });
    const [pin] = await settleAll(
      scope.then(() => (idMap === null ? undefined : pinOutside(around, idMap))),
      // Whether it can be made shows where it is awaited.
      planned.then(
        (plan) => log.debug(`plan: ${JSON.stringify(plan)}`),
        () => undefined,
      ),
    );
    try {
      const way = pin && { pid: pin.pid, user: true };
      const connected = await connect(context, around, way, planned);
      const keeper = recordedProcess(state.keeperFile);
      const { supervisor, plan } =
        keeper === undefined ? connected : await ensureWayOut(context, around, keeper, connected);
      await publish(context, generation, { supervisor, plan, since: new Date().toISOString(), created: true });
      keep(context, plan, await planned);
    } finally {
      pin?.kill();
    }
  } catch (cause) {
    await undo(context, generation).catch((error: unknown) => log.error(String(error)));
    throw cause;
  }
}

/** For the next start, if that can go without Node. A plan that can't be kept is no reason to fail. */
function keep({ state, config, inputs, log }: Context, plan: Plan, made: Plan): void {
  const body = plan === made ? keptBody(state, config, plan) : undefined;
  if (body === undefined) inputs.cannotKeep('it needs Node');
  try {
    const why = writeKeptPlan(state, inputs, body ?? '');
    if (why !== undefined) log.debug(`the plan is not kept: ${why}`);
  } catch (error) {
    log.debug(`the plan is not kept: ${String(error)}`);
  }
}

/** Only what was made: references of a namespace whose processes had all died are containers', and stay. */
export async function undo({ state, env }: Context, generation: string): Promise<void> {
  if (readReferences(state).count === 0) return removeNamespace(state, env);
  await endParts(state);
  removeRemains(state, generation);
}
