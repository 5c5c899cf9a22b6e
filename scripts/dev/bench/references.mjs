/** What `setup` and `teardown` cost on a namespace that is up, and whether that grows with the references there are. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ms, row, target } from './figures.mjs';
import { allGone, keepPodman, keepRnetns, rnetns, stateDir, status, until } from './host.mjs';
import { hyperfine } from './hyperfine.mjs';

const COUNTS = [10, 1000, 10_000];

/** `setup` and `teardown` of one id, each prepared by the other. */
const pair = (options = '', command = '') => [
  { run: `rnetns setup ${options} --id probe ${command}`, prepare: `rnetns teardown ${options} --id probe` },
  { run: `rnetns teardown ${options} --id probe ${command}`, prepare: `rnetns setup ${options} --id probe` },
];

/** Beside podman, which has no references of its own: what it calls for each container is `--rootless-netns`. */
export async function references(warmRuns) {
  const podman = await keepPodman();
  const command = await keepRnetns();
  const commands = [...pair(), ...pair('', '-- true'), 'podman unshare --rootless-netns true', 'true'];
  const [setup, teardown, setupTrue, teardownTrue, joined, bare] = hyperfine(commands, warmRuns, 10);
  row('setup --id', ms(setup));
  row('teardown --id', ms(teardown));
  row('setup --id -- true', ms(setupTrue));
  row('teardown --id -- true', ms(teardownTrue));
  row('podman unshare --rootless-netns true', ms(joined));
  target('setup --id / podman', setup / joined, 0.12);
  target('teardown --id / podman', teardown / joined, 0.25);
  target('setup --id -- true / (podman + true)', setupTrue / (joined + bare), 1);
  target('teardown --id -- true / (podman + true)', teardownTrue / (joined + bare), 1);
  rnetns('teardown', '--id', 'probe');
  await command.end();
  await podman.end();
  await allGone();
}

/** One namespace for each count, all up at once: each round of the measurement looks at all of them. */
export async function manyReferences(warmRuns) {
  const names = COUNTS.map((count) => `with-${count}`);
  for (const [i, name] of names.entries()) fill(name, COUNTS[i]);
  const times = hyperfine(
    names.flatMap((name) => pair(`--name ${name}`)),
    warmRuns,
    10,
  );
  const [setups, teardowns] = [0, 1].map((which) => names.map((_, i) => times[2 * i + which]));
  for (const [i, count] of COUNTS.entries()) {
    row(`with ${count} references: setup --id`, ms(setups[i]));
    row(`with ${count} references: teardown --id`, ms(teardowns[i]));
  }
  const [few, many] = [COUNTS[0], COUNTS.at(-1)];
  target(`setup --id: ${many} : ${few} references`, setups.at(-1) / setups[0], 1.5);
  target(`teardown --id: ${many} : ${few} references`, teardowns.at(-1) / teardowns[0], 1.5);
  for (const [i, name] of names.entries()) {
    rnetns('teardown', '--name', name, '--id', 'probe');
    const { refCount } = status(name);
    if (refCount !== COUNTS[i]) throw new Error(`${name} has ${refCount} references, not ${COUNTS[i]}`);
    empty(name);
  }
  await until('all of them are gone', () => names.every((name) => !existsSync(stateDir(name))));
}

/** The first by a real setup, the others as it writes them: docs/protocol.md has the format. */
function fill(name, count) {
  rnetns('setup', '--name', name, '--id', 'first');
  const dir = join(stateDir(name), 'references');
  mkdirSync(dir, { recursive: true });
  const line = readFileSync(join(dir, 'first'));
  for (let i = 1; i < count; i += 1) writeFileSync(join(dir, `filled-${i}`), line, { flag: 'wx' });
}

function empty(name) {
  for (let i = 1; i < Math.max(...COUNTS); i += 1) {
    rmSync(join(stateDir(name), 'references', `filled-${i}`), { force: true });
  }
  rnetns('teardown', '--name', name, '--id', 'first');
}
