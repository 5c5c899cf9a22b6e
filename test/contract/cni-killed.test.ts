/** The one who adds is ended: `cni gc` frees what one that was killed had done by then, and nothing else; the others undo it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { add, fresh, leased, leftovers, ping, pluginDirectory, references, succeed } from '../fixtures/cni/shared.js';
import { script } from '../fixtures/cni/plugins.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { freePort } from '../fixtures/servers.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const CHAIN = ['bridge', 'portmap', 'firewall', 'tuning'];
const ports = async (): Promise<string> =>
  JSON.stringify({ portMappings: [{ hostPort: await freePort(), containerPort: 80, protocol: 'tcp' }] });

/** Plugins that stop before or after they have added, at the point in the file `point`, and say in `pid` who they are. */
function withPausing(context: Mocha.Context): { marks: string; runtime: RuntimeDir } {
  const marks = mkdtempSync('/tmp/rnetns-marks-');
  onTestEnd(() => rmSync(marks, { recursive: true }));
  const pause = `exec 0</dev/null; echo $$ >${marks}/pid.tmp; mv ${marks}/pid.tmp ${marks}/pid; sleep 600`;
  const body = (type: string): string => `
    at() { [ "$CNI_COMMAND" = ADD ] && [ "$(cat ${marks}/point 2>/dev/null)" = "$1 ${type}" ]; }
    ! at before || { ${pause}; }
    /usr/lib/cni/${type} || exit
    ! at after || { ${pause}; }`;
  const plugins = pluginDirectory('bridge', body('bridge'));
  for (const type of CHAIN) script(join(plugins, type), body(type));
  const settings = `[network]\ncni_plugin_dirs[] = ${plugins}\ncni_plugin_dirs[] = /usr/lib/cni`;
  const runtime = fresh(context, {}, settings);
  return { marks, runtime };
}

/** Begin to add the container `web`, up to that point. */
async function addUpTo({ marks, runtime }: { marks: string; runtime: RuntimeDir }, point: string) {
  writeFileSync(join(marks, 'point'), point);
  const args = ['cni', 'add', 'rnetns', 'id-web', 'web', '--capability', await ports()];
  const adder = spawn(launcher, args, { env: runtime.env, stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  onTestEnd(() => void adder.kill('SIGKILL'));
  await waitFor(() => existsSync(join(marks, 'pid')), { what: point });
  const plugin = Number(readFileSync(join(marks, 'pid'), 'utf8'));
  rmSync(join(marks, 'pid'));
  rmSync(join(marks, 'point'));
  return { adder, plugin };
}

describe('cni add, ended', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('by kill -9, before and after each plugin of the chain: gc frees what nobody owns, and what others have stays', async function () {
    const { marks, runtime } = withPausing(this);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const db = await add(runtime, 'db');
    const before = { leftovers: await leftovers(runtime), references: await references(runtime) };
    for (const point of ['before bridge', ...CHAIN.map((type) => `after ${type}`)]) {
      const { adder, plugin } = await addUpTo({ marks, runtime }, point);
      adder.kill('SIGKILL');
      if (point !== 'before bridge') expect(leased(runtime), point).to.have.lengthOf(4);
      await succeed(runtime, 'cni', 'gc', 'rnetns');
      expect(alive(plugin), `${point}: the plugin lives on`).to.be.false;
      expect(await leftovers(runtime), point).to.equal(before.leftovers);
      expect(await references(runtime), point).to.deep.equal(before.references);
      expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link'), point).to.not.include('eth0');
    }
    await add(runtime, 'web', '--capability', await ports());
    await ping(runtime, 'web', db);
    for (const name of ['web', 'db']) await succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name);
    expect(await leftovers(runtime)).to.equal('');
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  it('by kill -9 with a bridge that it made: del, gc and the next add take that away, and the id is free', async function () {
    const { marks, runtime } = withPausing(this);
    await succeed(runtime, 'netns', 'add', 'web');
    const bridges = () => succeed(runtime, 'run', 'ip', '-o', 'link', 'show', 'type', 'bridge');
    for (const act of [['del', 'rnetns', 'id-web'], ['gc', 'rnetns'], ['add']]) {
      const { adder } = await addUpTo({ marks, runtime }, 'after bridge');
      adder.kill('SIGKILL');
      expect(await bridges()).to.include(' rnetns0: ');
      expect(await succeed(runtime, 'cni', 'list')).to.match(/ {2}id-web eth0 .* \(unfinished\)$/m);
      if (act[0] === 'add') await add(runtime, 'web');
      else {
        await succeed(runtime, 'cni', ...act);
        expect(await bridges(), act.join(' ')).to.equal('');
        expect(await leftovers(runtime), act.join(' ')).to.equal('');
      }
    }
    await ping(runtime, 'web', '10.89.0.1');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web');
    expect(await leftovers(runtime)).to.equal('');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  for (const [what, signal, point] of [
    ['Ctrl-C', 'SIGINT', 'after bridge'],
    ['a runtime', 'SIGTERM', 'before bridge'],
    ['a terminal that is closed', 'SIGHUP', 'after tuning'],
  ] as const) {
    it(`by ${what}, ${point}: a plugin that doesn't end is ended, and what was added is undone`, async function () {
      const { marks, runtime } = withPausing(this);
      await succeed(runtime, 'netns', 'add', 'web');
      const { adder, plugin } = await addUpTo({ marks, runtime }, point);
      let words = '';
      adder.stderr.setEncoding('utf8').on('data', (text: string) => (words += text));
      const ended = once(adder, 'close');
      // The whole process group, as a terminal does it.
      process.kill(-(adder.pid ?? NaN), signal);
      expect(await ended).to.deep.equal([125, null]);
      expect(words).to.equal(`rnetns: cni add was interrupted by ${signal}\n`);
      expect(alive(plugin)).to.be.false;
      expect(await leftovers(runtime)).to.equal('');
      expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
      await succeed(runtime, 'netns', 'delete', 'web');
      await gone(runtime);
    });
  }
});
