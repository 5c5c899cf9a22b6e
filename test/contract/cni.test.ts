/** `rnetns cni`: real plugins, in the shared namespace, for containers whose namespaces are named ones. */

import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { add, cni, fresh, leased, leftovers, ping, references, succeed } from '../fixtures/cni/shared.js';
import { waitFor } from '../fixtures/processes.js';
import { requires } from '../fixtures/requirements.js';
import { launcher, run } from '../fixtures/rnetns.js';
import { freePort } from '../fixtures/servers.js';
import { gone } from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

describe('cni', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'busybox', 'cni-plugins');
  });

  it('puts two containers on a network, with a published port, and takes them off; nothing is left', async function () {
    const runtime = fresh(this);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const hostPort = await freePort();
    const ports = { portMappings: [{ hostPort, containerPort: 80, protocol: 'tcp' }] };
    const web = await add(runtime, 'web', '--capability', JSON.stringify(ports));
    const db = await add(runtime, 'db');
    expect([web, db]).to.deep.equal(['10.89.0.2', '10.89.0.3']);
    await ping(runtime, 'db', web);
    await ping(runtime, 'web', 'fd72:6e65:746e::3');
    const server = spawn(launcher, ['netns', 'exec', 'web', 'busybox', 'nc', '-l', '-p', '80', '-e', 'echo', 'hello'], {
      env: runtime.env,
      stdio: 'ignore',
    });
    onTestEnd(() => void server.kill('SIGKILL'));
    await waitFor(
      async () =>
        (await run(['run', 'busybox', 'nc', '-w', '3', '10.89.0.1', String(hostPort)], { env: runtime.env })).stdout ===
        'hello\n',
      { what: 'the port to answer' },
    );
    expect(await references(runtime)).to.deep.equal([
      ['id-db', 1],
      ['id-web', 1],
      ['netns:db', 1],
      ['netns:web', 1],
    ]);
    const [listed] = JSON.parse(await succeed(runtime, 'cni', 'list', '--json')) as { attachments: object[] }[];
    expect(listed?.attachments).to.have.lengthOf(2);
    for (const netns of [['db'], []]) await succeed(runtime, 'cni', 'check', 'rnetns', 'id-db', ...netns);
    for (const [netns, words] of [
      ['nonexist', /nonexist is no network namespace: there is no such file/],
      ['/etc/passwd', /\/etc\/passwd is no network namespace/],
      ['web', /it was added in \S+\/netns\/db, not in \S+\/netns\/web/],
    ] as const) {
      const { status, stderr } = await cni(runtime, 'check', 'rnetns', 'id-db', netns);
      expect(status, netns).to.equal(125);
      expect(stderr).to.match(words);
    }
    expect((await cni(runtime, 'check', 'rnetns', 'id-db', 'db', '--args', 'A=b')).status).to.equal(2);
    for (const name of ['web', 'db', 'web']) await succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name);
    expect(leased(runtime)).to.deep.equal([]);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  it('netns delete of an attached container warns what stays, and what to do first', async function () {
    const runtime = fresh(this);
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    await add(runtime, 'web');
    await succeed(runtime, 'cni', 'add', 'rnetns', 'id-db', 'db', '--ifname', 'eth1');
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-db', 'db', '--ifname', 'eth1');
    await succeed(runtime, 'netns', 'delete', 'db');
    const { status, stdout, stderr } = await run(['netns', 'delete', 'web'], { env: runtime.env });
    expect({ status, stdout }).to.deep.equal({ status: 0, stdout: '' });
    expect(stderr).to.match(
      /^rnetns: warning: web was deleted with the container id-web still on the network rnetns: /,
    );
    expect(stderr).to.match(/\nhint: .*: rnetns cni del rnetns id-web\n$/);
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web');
    await gone(runtime);
  });

  it('two networks of one container are one reference that counts for both', async function () {
    const more = {
      cniVersion: '1.0.0',
      name: 'second',
      plugins: [{ type: 'ptp', ipam: { type: 'host-local', subnet: '10.88.2.0/24' } }],
    };
    const runtime = fresh(this, { second: more });
    await succeed(runtime, 'netns', 'add', 'web');
    await add(runtime, 'web');
    await succeed(runtime, 'cni', 'add', 'second', 'id-web', 'web', '--ifname', 'eth1');
    expect((await references(runtime))[0]).to.deep.equal(['id-web', 2]);
    await succeed(runtime, 'cni', 'del', 'rnetns', 'id-web', 'web');
    expect((await references(runtime))[0]).to.deep.equal(['id-web', 1]);
    await succeed(runtime, 'cni', 'del', 'second', 'id-web', 'web', '--ifname', 'eth1');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  // npm run bench -- cni does the same with 100.
  it('what is attached without a file or a reference is listed, gets no reference by a del, and is freed by gc', async function () {
    const runtime = fresh(this);
    await succeed(runtime, 'netns', 'add', 'web');
    await add(runtime, 'web');
    const file = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni/net.d/87-rnetns.conflist');
    const list = JSON.parse(readFileSync(file, 'utf8')) as object;
    writeFileSync(file, JSON.stringify({ ...list, name: 'another' }));
    await succeed(runtime, 'teardown', '--id', 'id-web');
    await succeed(runtime, 'cni', 'del', 'another', 'id-web', 'web', '--ifname', 'eth1');
    expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
    const listed = JSON.parse(await succeed(runtime, 'cni', 'list', '--json')) as {
      name: string;
      file: string | null;
    }[];
    // The machine may have networks of its own in /etc/cni/net.d.
    const own = listed.filter(({ file: from }) => from === null || from === file);
    expect(own.map(({ name, file: from }) => [name, from])).to.deep.equal([
      ['another', file],
      ['rnetns', null],
    ]);
    expect(await succeed(runtime, 'cni', 'list')).to.match(/^rnetns .*\(without a file\)\n {2}id-web eth0 /m);
    await succeed(runtime, 'cni', 'gc', 'rnetns');
    expect(await leftovers(runtime)).to.equal('');
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('24 containers by 8 callers: each has addresses of its own, and all come back', async function () {
    const runtime = fresh(this);
    const names = Array.from({ length: 24 }, (_, index) => `c${index}`);
    for (const name of names) await succeed(runtime, 'netns', 'add', name);
    const each = async (act: (name: string) => Promise<unknown>): Promise<void> => {
      const left = [...names];
      const worker = async (): Promise<void> => {
        for (let name = left.pop(); name !== undefined; name = left.pop()) await act(name);
      };
      await Promise.all(Array.from({ length: 8 }, worker));
    };
    const addresses: string[] = [];
    await each(async (name) => addresses.push(await add(runtime, name)));
    expect(new Set(addresses).size).to.equal(names.length);
    expect(leased(runtime)).to.have.lengthOf(2 * names.length);
    await each((name) => succeed(runtime, 'cni', 'del', 'rnetns', `id-${name}`, name));
    expect(await leftovers(runtime)).to.equal('');
    for (const name of names) await succeed(runtime, 'netns', 'delete', name);
    await gone(runtime);
  });

  it('the plugin of type rnetns runs its delegates in the shared namespace, for any runtime', async function () {
    const runtime = fresh(this);
    const bin = mkdtempSync('/tmp/rnetns-bin-');
    onTestEnd(() => rmSync(bin, { recursive: true }));
    expect(await succeed(runtime, 'cni', 'install', bin)).to.equal(`${join(bin, 'rnetns')}\n`);
    expect(JSON.parse(await succeed(runtime, 'cni', 'install', bin, '--json'))).to.deep.equal({
      file: join(bin, 'rnetns'),
    });
    await succeed(runtime, 'netns', 'add', 'web');
    const ipam = { type: 'host-local', ranges: [[{ subnet: '10.88.3.0/24' }]] };
    const delegate = [{ type: 'bridge', bridge: 'br3', isGateway: true, ipam }];
    const config = { cniVersion: '1.0.0', name: 'net', type: 'rnetns', delegate };
    const call = async (
      command: string,
      input: object,
      more: NodeJS.ProcessEnv = {},
    ): Promise<{ status: number | null; answer: unknown }> => {
      const env = {
        ...runtime.env,
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: join(runtime.dir, 'netns', 'web'),
        CNI_IFNAME: 'eth0',
        CNI_ARGS: '',
        CNI_PATH: `${bin}:/usr/lib/cni`,
        ...more,
      };
      const { status, stdout } = await run([], { env, file: join(bin, 'rnetns'), input: JSON.stringify(input) });
      return { status, answer: stdout === '' ? undefined : JSON.parse(stdout) };
    };
    const versions = await call('VERSION', { cniVersion: '1.0.0' });
    expect(versions.status).to.equal(0);
    expect(versions.answer).to.have.property('supportedVersions').that.includes('1.0.0');
    const added = await call('ADD', config);
    expect(added.status, JSON.stringify(added.answer)).to.equal(0);
    expect(added.answer).to.have.nested.property('ips[0].address', '10.88.3.2/24');
    expect(await references(runtime)).to.deep.equal([
      ['c1', 1],
      ['netns:web', 1],
    ]);
    expect((await call('CHECK', config)).status).to.equal(0);
    expect((await call('CHECK', config, { CNI_NETNS: '/etc/passwd' })).answer).to.include({ code: 8 });
    expect((await call('ADD', config)).answer).to.deep.equal({
      cniVersion: '1.0.0',
      code: 4,
      msg: 'it is there already',
      details:
        'adding eth0 of c1 to network net failed; hint: to take that off first: rnetns cni del net c1 --ifname=eth0',
    });
    const onStdin = 'the configuration on stdin is wrong: ';
    for (const [wrong, msg] of [
      [{ delegate: [{ type: 'rnetns' }] }, `${onStdin}delegate: the plugin rnetns cannot delegate to itself`],
      [{ delegate: undefined }, 'delegate is missing in the configuration on stdin: a list of plugins'],
      [{ delegate: [] }, `${onStdin}delegate has no plugins`],
      [{ delegate: {} }, `${onStdin}delegate must be an array, not an object`],
      [{ delegate: [...delegate, {}] }, `${onStdin}delegate[1]: missing 'type'`],
      [{ name: 'a b' }, `${onStdin}invalid characters found in network name`],
      [{ namespace: 1 }, `${onStdin}namespace is no string`],
      [
        { delegate: [{ type: 'nonesuch' }], name: 'other' },
        /^failed to find plugin "nonesuch" in path .*:\/usr\/lib\/cni/,
      ],
    ] as const) {
      const { status, answer } = await call('ADD', { ...config, ...wrong });
      const said = answer as { cniVersion: string; code: number; msg: string };
      if (typeof msg === 'string') expect(said.msg).to.equal(msg);
      else expect(said.msg).to.match(msg);
      expect({ status, code: said.code, cniVersion: said.cniVersion }, said.msg).to.deep.equal({
        status: 1,
        code: 7,
        cniVersion: '1.0.0',
      });
    }
    const badId = await call('ADD', config, { CNI_CONTAINERID: 'a b' });
    expect(badId.answer).to.include({ code: 4, msg: 'invalid characters in containerID' });
    for (const round of [1, 2]) expect((await call('DEL', config)).status, `DEL ${round}`).to.equal(0);

    // GC, under both names that the spec has had: what is named stays, and what isn't goes with its reference.
    await call('ADD', config);
    const valid = [{ containerID: 'c1', ifname: 'eth0' }];
    for (const key of ['cni.dev/valid-attachments', 'cni.dev/attachments']) {
      expect((await call('GC', { ...config, [key]: valid })).status, key).to.equal(0);
      expect((await call('CHECK', config)).status, key).to.equal(0);
    }
    expect((await call('GC', { ...config, 'cni.dev/attachments': [] })).status).to.equal(0);
    expect(leased(runtime, 'net')).to.deep.equal([]);
    expect(await references(runtime)).to.deep.equal([['netns:web', 1]]);
    await succeed(runtime, 'netns', 'delete', 'web');
    await gone(runtime);
  });

  it('settings given to it are those that the namespace is made with', async function () {
    const runtime = fresh(this);
    const settings = join(runtime.dir, '..', 'other.conf');
    writeFileSync(settings, '[network]\ndefault_rootless_network_cmd = none\n[rnetns]\nlinger = 60\n');
    const { status, stderr } = await cni(runtime, 'status', 'rnetns', '--config', settings);
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    const { driver } = JSON.parse(await succeed(runtime, 'status', '--json')) as { driver: { name: string } };
    expect(driver.name).to.equal('none');
    await succeed(runtime, 'stop');
    await gone(runtime);
  });

  it('an unknown network, a namespace that is gone and a bad capability are errors, and make nothing', async function () {
    const runtime = fresh(this);
    for (const [args, status, words] of [
      [['add', 'none', 'c', 'web'], 125, /no network configuration with name "none"/],
      [['add', 'rnetns', 'c', 'web'], 125, /failed/],
      [['add', 'rnetns', 'c', 'web', '--ifname', 'averyveryverylongname'], 125, /interface name is too long/],
      [['add', 'rnetns', 'c', 'web', '--capability', '[]'], 2, /--capability must be a JSON object/],
      [['check', 'rnetns', 'c', 'web'], 125, /never added/],
    ] as const) {
      const result = await cni(runtime, ...args);
      expect(result.status, result.stderr).to.equal(status);
      expect(result.stderr).to.match(words);
    }
    await gone(runtime);
  });
});
