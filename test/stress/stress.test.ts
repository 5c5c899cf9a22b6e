/**
 * Stress: random operations from many processes on several namespaces, with sudden death and sleep of everything
 *
 * RNETNS_STRESS_SECONDS (60) and RNETNS_STRESS_SEED (1) say how long and with which choices: `npm run stress`.
 * On a violation it prints the seed, the check, the trace of what happened, and the shortest plan found that fails it.
 */

import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { reset, runEpisode } from './episode.js';
import { minimise } from './minimise.js';
import { describeOperation } from './perform.js';
import { planPhase, type Phase } from './plan.js';
import { Violation } from './violation.js';
import { World } from './world.js';

const PHASES_PER_EPISODE = 5;
const MINIMISE_MS = Number(process.env.RNETNS_STRESS_MINIMISE_SECONDS ?? 90) * 1000;

const seconds = Number(process.env.RNETNS_STRESS_SECONDS ?? 60);
const seed = Number(process.env.RNETNS_STRESS_SEED ?? 1);

async function violationOf(
  world: World,
  phases: readonly Phase[],
  isOver = () => false,
): Promise<Violation | undefined> {
  try {
    await runEpisode(world, phases, isOver);
    return undefined;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    await reset(world);
    return error;
  }
}

function describePhase({ items }: Phase, number: number): string {
  const lines = items.map((item) =>
    item.kind === 'operation'
      ? `  worker ${item.worker}, ${item.pauseMs} ms later: ${describeOperation(item.operation)}`
      : `  at ${item.atMs} ms: ${item.stopMs === undefined ? 'SIGKILL' : `SIGSTOP for ${item.stopMs} ms`} to the ${item.victims.join(', ')} of ${item.name}`,
  );
  return [`phase ${number}:`, ...lines].join('\n');
}

async function explain(world: World, phases: readonly Phase[], violation: Violation, where: string): Promise<string> {
  const trace = world.trace.toString();
  console.log(`\n${where}\n${violation.message}\n${trace}\nlooking for a shorter plan that fails`);
  let shortTrace: string | undefined;
  const fails = async (candidate: readonly Phase[]): Promise<boolean> => {
    const again = await violationOf(world, candidate);
    if (again?.check !== violation.check) return false;
    shortTrace = `${again.message}\n${world.trace.toString()}`;
    return true;
  };
  const shortest = await minimise(phases, fails, performance.now() + MINIMISE_MS);
  const found =
    shortTrace === undefined
      ? `no shorter plan failed; the last phase was:\n${trace.slice(trace.lastIndexOf('--- phase'))}`
      : `the shortest plan that failed:\n${shortest.map(describePhase).join('\n')}\nwhat happened then:\n${shortTrace}`;
  return `${where}\n${violation.message}\n${found}`;
}

describe('stress', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta');
  });

  it(`${seconds} s of random operations and sudden deaths, seed ${seed}`, async function () {
    this.timeout(seconds * 1000 + MINIMISE_MS + 300_000);
    const world = new World(freshRuntimeDir(this));
    const deadline = performance.now() + seconds * 1000;
    try {
      for (let episode = 0; performance.now() < deadline; episode += 1) {
        const phases = Array.from({ length: PHASES_PER_EPISODE }, (_, phase) => planPhase(seed, episode, phase));
        const violation = await violationOf(world, phases, () => performance.now() > deadline);
        if (violation === undefined) continue;
        throw new Error(await explain(world, phases, violation, `seed ${seed}, episode ${episode}`));
      }
    } finally {
      console.log(`  ${world.figures.toString()}`);
    }
  });
});
