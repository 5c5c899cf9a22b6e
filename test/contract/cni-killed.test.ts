/** kill -9 of the one who adds: whatever it had done by then, `cni gc` frees it, and nothing else. */

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { add, fresh, leased, leftovers, ping, pluginDirectory, references, succeed } from '../fixtures/cni/shared.js';
import { script } from '../fixtures/cni/plugins.js';
import { alive, waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher } from '../fixtures/rnetns.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const CHAIN = ['bridge', 'portmap', 'firewall', 'tuning'];

describe('cni add, killed', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('before and after each plugin of the chain: gc frees what nobody owns, and what others have stays', async function () {
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
    const runtime = fresh(this, {}, settings);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const db = await add(runtime, 'db');
    const before = { leftovers: await leftovers(runtime), references: await references(runtime) };
    const ports = JSON.stringify({ portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] });
    for (const point of ['before bridge', ...CHAIN.map((type) => `after ${type}`)]) {
      writeFileSync(join(marks, 'point'), point);
      const args = ['cni', 'add', 'rnetns', 'id-web', 'web', '--capability', ports];
      const adder = spawn(launcher, args, { env: runtime.env, stdio: 'ignore' });
      onTestEnd(() => void adder.kill('SIGKILL'));
      await waitFor(() => existsSync(join(marks, 'pid')), { timeoutMs: 30_000, what: point });
      const plugin = Number(readFileSync(join(marks, 'pid'), 'utf8'));
      adder.kill('SIGKILL');
      rmSync(join(marks, 'pid'));
      rmSync(join(marks, 'point'));
      if (point !== 'before bridge') expect(leased(runtime), point).to.have.lengthOf(4);
      await succeed(runtime, 'cni', 'gc', 'rnetns');
      expect(alive(plugin), `${point}: the plugin lives on`).to.be.false;
      expect(await leftovers(runtime), point).to.equal(before.leftovers);
      expect(await references(runtime), point).to.deep.equal(before.references);
      expect(await succeed(runtime, 'netns', 'exec', 'web', 'ip', '-brief', 'link'), point).to.not.include('eth0');
    }
    await add(runtime, 'web', '--capability', ports);
    await ping(runtime, 'web', db);
    for (const name of ['web', 'db']) await succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name);
    expect(await leftovers(runtime)).to.equal('');
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });
});
