/** `rnetns cni`: an attachment is somebody's. What never came to be can be removed, and what isn't ours stays. */

import { expect } from 'chai';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  add,
  cni,
  fresh,
  leased,
  leftovers,
  listWith,
  ping,
  pluginDirectory,
  references,
  succeed,
} from '../fixtures/cni/shared.js';
import { say } from '../fixtures/cni/plugins.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { PLAIN_SHELL, run } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

/** An address that tuning can't read, in ADD and in DEL. */
const UNREADABLE = '{"mac":5}';

async function refused(runtime: RuntimeDir, words: RegExp, ...args: string[]): Promise<void> {
  const { status, stderr } = await cni(runtime, ...args);
  expect(status, stderr).to.equal(125);
  expect(stderr).to.match(words);
}

const links = (runtime: RuntimeDir, netns: string): Promise<string> =>
  succeed(runtime, 'netns', 'exec', netns, 'ip', '-o', 'link');
const bridges = async (runtime: RuntimeDir): Promise<string> =>
  succeed(runtime, 'run', 'ip', '-o', 'link', 'show', 'type', 'bridge');

async function end(runtime: RuntimeDir, ...names: string[]): Promise<void> {
  expect(await leftovers(runtime)).to.equal('');
  expect(await references(runtime)).to.deep.equal(names.map((name) => [`netns:${name}`, 1]));
  for (const name of names) await succeed(runtime, 'netns', 'delete', name);
  await gone(runtime);
}

const file = (runtime: RuntimeDir, name: string): string =>
  join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d', `${name}.conflist`);

describe('cni: an attachment that never succeeded', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('for an argument that its plugin cannot read leaves nothing, and the id can be used at once', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    for (const act of ['add', 'del', 'del without a namespace', 'gc']) {
      await refused(runtime, /plugin tuning: /, 'add', 'rnetns', 'id-web', 'web', '--capability', UNREADABLE);
      if (act === 'del') await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
      if (act === 'del without a namespace') await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web');
      if (act === 'gc') await succeed(runtime, 'cni', 'gc', 'rnetns');
      expect(await leftovers(runtime), act).to.equal('');
    }
    await add(runtime, 'web');
    await ping(runtime, 'web', '10.89.0.1');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web');
    await end(runtime, 'web');
  });

  it('with a mistake in its list: del, gc and add go by the list of today, and say what it is if it is still there', async function () {
    const right = { ...listWith('portmap'), name: 'typo' };
    const { plugins } = right as { plugins?: object[] };
    const wrong = { ...right, plugins: [...(plugins ?? []).slice(0, 1), { type: 'portmap', snat: 'yes' }] };
    const runtime = fresh(this, { typo: wrong });
    await succeed(runtime, 'netns', 'add', 'web');
    for (const [act, list] of [
      [['del', 'typo', 'id-web', 'web'], right],
      [['del', 'typo', 'id-web'], wrong],
      [['gc', 'typo'], right],
      [['gc', 'typo'], wrong],
      [['add', 'typo', 'id-web', 'web'], right],
    ] as const) {
      writeFileSync(file(runtime, 'typo'), JSON.stringify(wrong));
      await refused(runtime, /plugin portmap: .*snat/, 'add', 'typo', 'id-web', 'web');
      writeFileSync(file(runtime, 'typo'), JSON.stringify(list));
      const { status, stderr } = await cni(runtime, ...act);
      expect(status, stderr).to.equal(0);
      if (list === wrong) expect(stderr).to.match(/ rnetns warn: .*plugin portmap: .*snat/);
      else expect(stderr).to.equal('');
      if (act[0] === 'add') await succeed(runtime, 'cni', 'del', 'typo', 'id-web');
      expect(await leftovers(runtime), act.join(' ')).to.equal('');
    }
    await end(runtime, 'web');
  });

  it('by a plugin that was uninstalled is removed; one that succeeded only by force, with its words as a warning', async function () {
    const bin = pluginDirectory('odd', `cat >/dev/null; [ "$CNI_COMMAND" != ADD ] || ${say({ cniVersion: '1.0.0' })}`);
    const settings = `[network]\ncni_plugin_dirs[] = /usr/lib/cni\ncni_plugin_dirs[] = ${bin}`;
    const runtime = fresh(this, { broken: listWith('odd') }, settings);
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'cni', 'add', 'broken', 'id-web', 'web');
    rmSync(join(bin, 'odd'));
    await refused(runtime, /hint: .*cni del --force broken id-web --ifname=eth0\n$/, 'del', 'broken', 'id-web', 'web');
    const { status, stderr } = await cni(runtime, 'del', '--force', 'broken', 'id-web', 'web');
    expect(status, stderr).to.equal(0);
    expect(stderr).to.match(/^\S+ rnetns warn: .*failed to find plugin "odd"[^\n]*\n$/);
    for (const id of ['id-web', 'nobody']) await succeed(runtime, 'cni', 'del', '--force', 'broken', id, 'web');

    writeFileSync(join(bin, 'odd'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    await refused(runtime, /failed on plugin odd/, 'add', 'broken', 'id-web', 'web');
    rmSync(join(bin, 'odd'));
    expect((await cni(runtime, 'del', 'broken', 'id-web')).status).to.equal(0);
    await end(runtime, 'web');
  });

  it('for a bad address takes the bridge with it that it made; one that was there before stays', async function () {
    const runtime = fresh(this, { second: { ...listWith('portmap', { isGateway: true }), name: 'second' } });
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const elsewhere = ['--args', 'IgnoreUnknown=1;IP=10.200.0.9'];
    await refused(runtime, /plugin bridge/, 'add', 'rnetns', 'id-web', 'web', ...elsewhere);
    expect(await bridges(runtime)).to.equal('');
    expect(await leftovers(runtime)).to.equal('');
    // One that has lost its address with its only port, as cnitool leaves it.
    const lost =
      'ip link add br1 type bridge && ip link add v1 type veth peer name v2 && ip link set v1 master br1 && ip link delete v1';
    await succeed(runtime, 'run', PLAIN_SHELL, '-c', lost);
    expect(await bridges(runtime)).to.include('link/ether 00:00:00:00:00:00');
    await refused(runtime, /plugin bridge/, 'add', 'second', 'id-web', 'web', ...elsewhere);
    expect(await bridges(runtime)).to.include(' br1: ');
    await succeed(runtime, 'cni', 'add', 'second', 'id-web', 'web');
    await succeed(runtime, 'cni', 'del', 'second', 'id-web', 'web');
    expect(await leftovers(runtime)).to.equal('');

    // Many at once: the bridge of those that succeed isn't taken away.
    const both = await Promise.all([
      cni(runtime, 'add', 'rnetns', 'id-web', 'web', ...elsewhere),
      cni(runtime, 'add', 'rnetns', 'id-db', 'db'),
    ]);
    expect(
      both.map(({ status }) => status),
      both[1].stderr,
    ).to.deep.equal([125, 0]);
    await ping(runtime, 'db', '10.89.0.1');
    await add(runtime, 'web');
    for (const name of ['web', 'db']) await succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`);
    await end(runtime, 'db', 'web');
  });

  it('leaves one that has begun beside it a bridge that it can use', async function () {
    const marks = mkdtempSync('/tmp/rnetns-marks-');
    onTestEnd(() => rmSync(marks, { recursive: true }));
    const bridge = pluginDirectory(
      'bridge',
      `case "$CNI_COMMAND $CNI_CONTAINERID" in
        'ADD id-db') : >${marks}/begun; until [ -e ${marks}/go ]; do sleep 0.05; done ;;
        'DEL id-web') /usr/lib/cni/bridge && : >${marks}/undone; exit ;;
      esac
      exec /usr/lib/cni/bridge`,
    );
    const mark = (name: string) => waitFor(() => existsSync(join(marks, name)), { timeoutMs: 60_000, what: name });
    const runtime = fresh(this, {}, `[network]\ncni_plugin_dirs[] = ${bridge}\ncni_plugin_dirs[] = /usr/lib/cni`);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const db = cni(runtime, 'add', 'rnetns', 'id-db', 'db');
    await mark('begun');
    const web = cni(runtime, 'add', 'rnetns', 'id-web', 'web', '--args', 'IgnoreUnknown=1;IP=10.200.0.9');
    await mark('undone');
    writeFileSync(join(marks, 'go'), '');
    const both = await Promise.all([web, db]);
    const statuses = both.map(({ status }) => status);
    expect(statuses, both[1].stderr).to.deep.equal([125, 0]);
    await ping(runtime, 'db', '10.89.0.1');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-db');
    await end(runtime, 'db', 'web');
  });
});

describe('cni: an attachment of which nothing is known', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('for its file is damaged can be deleted, and added again', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    for (const act of ['add', 'del']) {
      await add(runtime, 'web');
      writeFileSync(join(runtime.stateDir(), 'var/lib/cni/results/rnetns-id-web-eth0'), '{"kind":');
      const { status, stderr } = await cni(runtime, act, 'rnetns', 'id-web', 'web');
      expect(status, stderr).to.equal(0);
      expect(stderr).to.match(/warn: the cached attachment \S+ is damaged\n$/);
      await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web');
      // The rules of the firewall are known by the result, which is lost.
      expect(leased(runtime)).to.deep.equal([]);
      expect(await links(runtime, 'web')).to.not.include('eth0');
    }
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });
});

describe("cni: an interface that isn't ours", function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('is not deleted by an add that it stands in the way of, nor by a del of what is not attached', async function () {
    const runtime = fresh(this, { other: { ...listWith('portmap'), name: 'other' } });
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const own = ['netns', 'exec', 'web', 'ip', 'link', 'add', 'eth0', 'type', 'bridge'];
    await succeed(runtime, ...own);
    await refused(runtime, /there is an interface eth0 in .*\/web already\nhint: /, 'add', 'rnetns', 'id-web', 'web');
    await refused(runtime, /there is an interface lo in /, 'add', 'rnetns', 'id-web', 'web', '--ifname', 'lo');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
    expect(await links(runtime, 'web')).to.include(' eth0: ');

    await add(runtime, 'db');
    for (const [network, id] of [
      ['rnetns', 'no-such-id'],
      ['other', 'id-db'],
      ['unknown', 'id-db'],
    ] as const) {
      for (const more of [['db'], [], ['db', '--force']]) {
        const { status, stdout, stderr } = await cni(runtime, 'del', network, id, ...more);
        expect({ status, stdout, stderr }, `${network} ${id}`).to.deep.equal({ status: 0, stdout: '', stderr: '' });
      }
    }
    await ping(runtime, 'db', '10.89.0.1');
    expect(await references(runtime)).to.deep.include(['id-db', 1]);
    // The namespace of another container.
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-db', 'web');
    expect(await links(runtime, 'web')).to.include(' eth0: ');
    expect(await links(runtime, 'db')).to.not.include('eth0');
    await end(runtime, 'db', 'web');
  });

  it('stays when it has taken the place of ours', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    await add(runtime, 'web');
    await succeed(runtime, 'netns', 'exec', 'web', 'ip', 'link', 'delete', 'eth0');
    await succeed(runtime, 'netns', 'exec', 'web', 'ip', 'link', 'add', 'eth0', 'type', 'bridge');
    const { status, stderr } = await cni(runtime, 'del', 'rnetns', 'id-web', 'web');
    expect(status, stderr).to.equal(0);
    expect(stderr).to.match(/warn: eth0 in \S+ is not that of id-web on network rnetns: it stays\n$/);
    expect(await links(runtime, 'web')).to.include(' eth0: ');
    expect(leased(runtime)).to.deep.equal([]);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('the same network twice on one container is refused, and the first one keeps its way out', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    await add(runtime, 'web');
    const before = await leftovers(runtime);
    expect(before).to.match(/MASQUERADE|-N CNI-/);
    await refused(
      runtime,
      /on that network by eth0 already\nhint: .* cni del rnetns id-web --ifname=eth0\n$/,
      ...['add', 'rnetns', 'id-web', 'web', '--ifname', 'eth1'],
    );
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web', '--ifname', 'eth1');
    expect(await leftovers(runtime)).to.equal(before);
    expect(await references(runtime)).to.deep.include(['id-web', 1]);
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
    await end(runtime, 'web');
  });
});

describe('cni: what is asked of a plugin', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('runtimeConfig of the file reaches the plugin; a capability that none has is refused before anything is made', async function () {
    const seen = mkdtempSync('/tmp/rnetns-seen-');
    onTestEnd(() => rmSync(seen, { recursive: true }));
    const bin = pluginDirectory(
      'odd',
      `cat >${seen}/$CNI_COMMAND; [ "$CNI_COMMAND" != ADD ] || ${say({ cniVersion: '1.0.0' })}`,
    );
    const limits = { bandwidth: { ingressRate: 1000, ingressBurst: 2000 } };
    const odd = { cniVersion: '1.0.0', name: 'odd', plugins: [{ type: 'odd', runtimeConfig: limits }] };
    const runtime = fresh(this, { odd }, `[network]\ncni_plugin_dirs[] = ${bin}`);
    const { status, stderr } = await cni(runtime, 'add', 'odd', 'c', 'web', '--capability', '{"bandwith":{"x":1}}');
    expect(status).to.equal(125);
    expect(stderr).to.match(/no plugin of the network has the capability bandwith/);
    await succeed(runtime, 'netns', 'add', 'web');
    await succeed(runtime, 'cni', 'add', 'odd', 'c', 'web', '--capability', '{"portMappings":[]}');
    await succeed(runtime, 'cni', 'del', 'odd', 'c');
    for (const verb of ['ADD', 'DEL']) {
      const { runtimeConfig } = JSON.parse(readFileSync(join(seen, verb), 'utf8')) as { runtimeConfig: object };
      expect(runtimeConfig, verb).to.deep.equal(limits);
    }
    expect((await run(['netns', 'delete', 'web'], { env: runtime.env })).stderr).to.equal('');
    await gone(runtime);
  });
});
