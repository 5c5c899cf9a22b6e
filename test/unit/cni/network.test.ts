import { spawn } from 'node:child_process';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { addNetwork } from '../../../src/cni/add.js';
import { checkNetwork } from '../../../src/cni/check.js';
import { CniError } from '../../../src/cni/error.js';
import { delNetwork } from '../../../src/cni/del.js';
import { gcNetwork } from '../../../src/cni/gc.js';
import type { NetworkList } from '../../../src/cni/network-conf.js';
import type { JsonObject } from '../../../src/state/json.js';
import { statusOfNetwork } from '../../../src/cni/status.js';
import { validateNetwork } from '../../../src/cni/validate.js';
import { attachment, cniErrorOf, listOf, PluginBench, put, refuse, RESULT, say } from '../../fixtures/cni/plugins.js';
import { waitFor } from '../../fixtures/processes.js';
import { onTestEnd } from '../../fixtures/test-end.js';

const LIST = listOf([{ type: 'first', mark: 1 }, { type: 'second', capabilities: { mac: true } }, { type: 'third' }]);
const SECOND = { ...RESULT, routes: [{ dst: '10.0.0.0/8' }] };
/** sh: the previous result of the request, as it is; what a plugin answers that changes nothing. */
const PASS_ON = `printf %s "$input" | sed 's/.*"prevResult":\\({.*}\\)[,}].*/\\1/'`;

/** Three plugins that work, but for what `more` says. */
function bench(more: Record<string, Parameters<PluginBench['plugin']>[1]> = {}): PluginBench {
  const made = new PluginBench();
  const answers = { first: { ADD: say(RESULT) }, second: { ADD: say(SECOND) }, third: { ADD: say(SECOND) }, ...more };
  for (const [name, answer] of Object.entries(answers)) made.plugin(name, answer);
  return made;
}
const add = (made: PluginBench, list = LIST, given = attachment()) => addNetwork(made.cni, list, given);
const NONE = new CniError(7, 'no network configuration with name "net1" in /n', { hint: 'put one there' });
const del = (made: PluginBench, list: NetworkList | CniError = LIST, given = attachment()) =>
  delNetwork(made.cni, 'net1', given, list);
const facts = ({ cniCode, msg, details }: CniError) => ({ code: cniCode, msg, details });

describe('cni: ADD', () => {
  it('goes forward, hands each result on, returns the last one and remembers it', async () => {
    const made = bench();
    const given = attachment({ args: [['IP', '10.1.0.9']], capabilityArgs: { mac: 'm' } });
    expect(await add(made, LIST, given)).to.deep.equal(SECOND);
    expect(made.story()).to.deep.equal(['first ADD', 'second ADD', 'third ADD']);
    expect(made.calls().map(({ input }) => input)).to.deep.equal([
      { type: 'first', mark: 1, name: 'net1', cniVersion: '1.0.0' },
      { type: 'second', name: 'net1', cniVersion: '1.0.0', prevResult: RESULT, runtimeConfig: { mac: 'm' } },
      { type: 'third', name: 'net1', cniVersion: '1.0.0', prevResult: SECOND },
    ]);
    expect(made.cni.cache.read('net1', given)).to.deep.equal({
      ...given,
      network: 'net1',
      config: LIST.source,
      result: SECOND,
    });
    expect(made.warnings).to.deep.equal([]);
  });

  it('a plugin that fails: DEL of those that ran, last first, and its own error with its name', async () => {
    const made = bench({ second: { ADD: refuse(108, 'no', 'not today') } });
    const error = await cniErrorOf(() => add(made));
    expect(facts(error)).to.deep.equal({ code: 108, msg: 'no', details: 'not today' });
    expect(error.message).to.equal('adding eth0 of c1 to network net1 failed on plugin second: no; not today');
    expect(made.story()).to.deep.equal(['first ADD', 'second ADD', 'second DEL', 'first DEL']);
    expect(made.calls()[3]?.input.prevResult).to.deep.equal(RESULT);
    expect(made.cached()).to.deep.equal([]);
  });

  it('a plugin that did nothing gets no DEL: it speaks another version, or cannot be started', async () => {
    const made = bench({ second: { ADD: refuse(1, 'incompatible CNI versions'), DEL: refuse(1, 'the same') } });
    expect((await cniErrorOf(() => add(made))).cniCode).to.equal(1);
    chmodSync(made.path('bin/second'), 0o644);
    expect((await cniErrorOf(() => add(made))).message).to.match(/failed on plugin second: cannot start .*: EACCES$/);
    expect(made.story()).to.deep.equal(['first ADD', 'second ADD', 'first DEL', 'first ADD', 'first DEL']);
    expect(made.cached()).to.deep.equal([]);
    expect(made.warnings).to.deep.equal([]);
  });

  it('what cannot be undone is told and stays in the cache, and the first error counts; gc then frees it', async () => {
    const made = bench({ first: { ADD: say(RESULT), DEL: refuse(101, 'busy') }, third: { ADD: 'echo garbage' } });
    const error = await cniErrorOf(() => add(made));
    expect(facts(error)).to.deep.equal({ code: 6, msg: 'the result is no JSON: "garbage\\n"', details: '' });
    expect(error.message).to.match(/^adding eth0 of c1 to network net1 failed on plugin third: the result is no JSON/);
    expect(made.story().slice(3)).to.deep.equal(['third DEL', 'second DEL', 'first DEL']);
    expect(made.warnings).to.deep.equal(['deleting eth0 of c1 from network net1 failed on plugin first: busy']);
    expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
    made.plugin('first', {});
    await gcNetwork(made.cni, LIST, []);
    expect(made.cached()).to.deep.equal([]);
  });

  it('kill -9 of the one who adds, between two plugins: gc frees what the first one made', async () => {
    const made = bench({ second: { ADD: `echo $$ >\${0%/*}/pid; sleep 600` } });
    const program = `
      import { addNetwork } from '${import.meta.resolve('../../../src/cni/add.js')}';
      import { AttachmentCache } from '${import.meta.resolve('../../../src/cni/cache.js')}';
      import { parseNetworkList } from '${import.meta.resolve('../../../src/cni/network-conf.js')}';
      import { spawnPlugin } from '${import.meta.resolve('../../../src/cni/spawn-plugin.js')}';
      const { pluginDirs, path, cache, list, attachment } = JSON.parse(process.argv[1]);
      const cni = { runner: spawnPlugin, pluginDirs, path, timeoutMs: 60000, cache: new AttachmentCache(cache), warn() {}, checkNetns() {}, netnsInode() {}, links: () => [], deleteLink() {}, program: 'rnetns' };
      await addNetwork(cni, parseNetworkList(list), attachment);`;
    const { pluginDirs, path } = made.cni;
    const given = { pluginDirs, path, cache: made.path('cache'), list: LIST.source, attachment: attachment() };
    const adder = spawn(process.execPath, ['--input-type=module', '-e', program, JSON.stringify(given)]);
    onTestEnd(() => void adder.kill('SIGKILL'));
    const pidOfSecond = () => Number(existsSync(made.path('bin/pid')) && readFileSync(made.path('bin/pid'), 'utf8'));
    const second = await waitFor(() => pidOfSecond() || undefined, { what: 'the second plugin', timeoutMs: 20_000 });
    onTestEnd(() => void process.kill(-second, 'SIGKILL'));
    adder.kill('SIGKILL');
    await waitFor(() => adder.signalCode !== null, { what: 'the end of the one who adds' });

    expect(made.cni.cache.read('net1', attachment())?.result).to.deep.equal(RESULT);
    await gcNetwork(made.cni, LIST, []);
    expect(made.story().slice(2)).to.deep.equal(['third DEL', 'second DEL', 'first DEL']);
    expect(made.calls().at(-1)?.input.prevResult).to.deep.equal(RESULT);
    expect(made.cached()).to.deep.equal([]);
  });

  it('is in the cache before the first plugin runs', async () => {
    const made = bench({ first: { ADD: `ls \${0%/*}/../cache/results >&2; ${say(RESULT)}` } });
    await add(made);
    expect(made.warnings).to.deep.equal(['plugin first (ADD): net1-c1-eth0']);
  });

  it('a plugin that hangs is killed, and what ran is undone', async () => {
    const made = bench({ second: { ADD: 'sleep 600' } });
    const error = await cniErrorOf(() => addNetwork({ ...made.cni, timeoutMs: 3000 }, LIST, attachment()));
    expect(error.cniCode).to.equal(11);
    expect(error.message).to.match(/failed on plugin second: the plugin did not end within 3 s and was killed$/);
    expect(made.story()).to.deep.equal(['first ADD', 'second ADD', 'second DEL', 'first DEL']);
    expect(made.cached()).to.deep.equal([]);
  });

  it('a result of an unknown version is refused and undone; of another known one it is converted', async () => {
    const made = bench({ first: { ADD: say({ ...RESULT, cniVersion: '9.9.9' }) } });
    const error = await cniErrorOf(() => add(made));
    expect(error.cniCode).to.equal(1);
    expect(made.story()).to.deep.equal(['first ADD', 'first DEL']);

    made.plugin('first', { ADD: say({ cniVersion: '0.2.0', ip4: { ip: '10.1.0.2/24' } }) });
    await add(made);
    const prev = made.calls().find(({ plugin, verb }) => plugin === 'second' && verb === 'ADD');
    expect(prev?.input.prevResult).to.deep.equal({ cniVersion: '1.0.0', ips: [{ address: '10.1.0.2/24' }] });
  });

  it('what is wrong from the start runs nothing and leaves nothing', async () => {
    const made = bench();
    const cases: [number, RegExp, NetworkList, ReturnType<typeof attachment>][] = [
      [2, /failed: no plugin of the network has the capability bandwidth; there are mac$/, LIST, attachment({ capabilityArgs: { mac: 'm', bandwidth: { ingressRate: 1 }, portMappings: [], dns: {} } })],
      [2, /has the capability mac, ips; none of its plugins lists one$/, listOf([{ type: 'first' }]), attachment({ capabilityArgs: { mac: 'm', ips: ['10.1.0.9'] } })],
      [7, /failed: failed to find plugin "missing"/, listOf([{ type: 'first' }, { type: 'missing' }]), attachment()],
      [4, /failed: interface name is too long/, LIST, attachment({ ifName: 'averyveryverylongname' })],
      [4, /failed: invalid characters in containerID; "a b"/, LIST, attachment({ containerId: 'a b' })],
      [4, /failed: missing path of the network namespace/, LIST, attachment({ netns: '' })],
      [4, /failed: the path of the network namespace must be absolute/, LIST, attachment({ netns: 'netns' })],
      [4, /failed: invalid pair "A=b;c" in CNI_ARGS/, LIST, attachment({ args: [['A', 'b;c']] })],
      [1, /failed: incompatible CNI versions; the network allows 0\.4/, listOf([{ type: 'first' }], { cniVersion: '0.4' }), attachment()],
    ]; // prettier-ignore
    for (const [code, message, list, given] of cases) {
      const error = await cniErrorOf(() => add(made, list, given));
      expect(error.cniCode, error.message).to.equal(code);
      expect(error.message).to.match(message);
    }
    put(made.path('cache/results'), 'in the way');
    expect((await cniErrorOf(() => add(made))).cniCode).to.equal(5);
    expect(made.story()).to.deep.equal([]);
  });

  it('a second time is refused, and so is the interface of another container; the first one keeps its network', async () => {
    const made = bench();
    await add(made);
    const again = await cniErrorOf(() => add(made));
    expect(again.cniCode).to.equal(4);
    expect(again.message).to.equal('adding eth0 of c1 to network net1 failed: it is there already');
    expect(again.hint).to.equal('to take that off first: rnetns cni del net1 c1 --ifname=eth0');
    const other = await cniErrorOf(() =>
      add(made, listOf([{ type: 'first' }], { name: 'net2' }), attachment({ containerId: 'c2' })),
    );
    expect(other.message).to.equal(
      'adding eth0 of c2 to network net2 failed: eth0 in /run/netns/c1 is that of c1 on network net1',
    );
    expect(made.story()).to.have.lengthOf(3);
    const twice = await cniErrorOf(() => add(made, LIST, attachment({ ifName: 'eth1' })));
    expect(twice.message).to.equal('adding eth1 of c1 to network net1 failed: it is on that network by eth0 already');
    expect(twice.hint).to.equal('to take that off first: rnetns cni del net1 c1 --ifname=eth0');
    expect(made.story()).to.have.lengthOf(3);
    await add(made, listOf([{ type: 'first' }], { name: 'net2' }), attachment({ ifName: 'eth1' }));
    const odd = attachment({ containerId: 'c2', ifName: '$(id)' });
    await add(made, LIST, odd);
    expect((await cniErrorOf(() => add(made, LIST, odd))).hint).to.match(/ cni del net1 c2 '--ifname=\$\(id\)'$/);
    // As libcni before 1.2 wrote it.
    made.cni.cache.write({ ...made.cni.cache.read('net1', odd)!, netns: '' });
    expect((await cniErrorOf(() => add(made, LIST, odd))).hint).to.include(' cni del net1 c2 /run/netns/c1 ');
  });

  it('with a choice of versions asks the plugins, and takes what all of them know', async () => {
    const VERSION = say({ cniVersion: '1.1.0', supportedVersions: ['0.3.1', '0.4.0', '1.0.0'] });
    const made = bench({ first: { ADD: say(RESULT), VERSION } });
    const list = listOf([{ type: 'first' }], { cniVersions: ['0.4.0', '1.0.0', '1.1.0'] });
    expect((await add(made, list)).cniVersion).to.equal('1.0.0');
    await del(made, list);
    expect(made.story()).to.deep.equal(['first VERSION', 'first ADD', 'first DEL']);
    expect(made.calls()[1]?.input.cniVersion).to.equal('1.0.0');
  });
});

describe('cni: DEL', () => {
  it('goes backward, with the final result, and can be repeated', async () => {
    const made = bench();
    await add(made);
    await del(made);
    expect(made.story().slice(3)).to.deep.equal(['third DEL', 'second DEL', 'first DEL']);
    expect(made.calls().slice(3).map(({ input }) => input.prevResult)).to.deep.equal([SECOND, SECOND, SECOND]); // prettier-ignore
    expect(made.cached()).to.deep.equal([]);
    await del(made);
    expect(made.story()).to.have.lengthOf(6);
  });

  it('uses the configuration, arguments and namespace of the ADD, whatever became of the files', async () => {
    const made = bench();
    await add(made, LIST, attachment({ args: [['A', 'b']], capabilityArgs: { mac: 'm' } }));
    await del(made, NONE, attachment({ netns: '' }));
    expect(made.warnings).to.deep.equal([]);
    const last = made.calls().slice(3);
    expect(last.map(({ env }) => [env.CNI_ARGS, env.CNI_NETNS])).to.deep.equal(
      Array(3).fill(['IgnoreUnknown=1;A=b', '/run/netns/c1']),
    );
    expect(last[1]?.input.runtimeConfig).to.deep.equal({ mac: 'm' });
    expect(last[2]?.input.mark).to.equal(1);
  });

  it('goes on after failures, reports all of them, and keeps the attachment for another try', async () => {
    const made = bench({
      first: { ADD: say(RESULT), DEL: refuse(101, 'busy') },
      third: { ADD: say(SECOND), DEL: refuse(102, 'gone', 'long ago') },
    });
    await add(made);
    const error = await cniErrorOf(() => del(made));
    expect(made.story().slice(3)).to.deep.equal(['third DEL', 'second DEL', 'first DEL']);
    const act = 'deleting eth0 of c1 from network net1 failed on plugin';
    expect(error.cniCode).to.equal(102);
    expect(error.message).to.equal(`${act} third: gone; long ago; ${act} first: busy`);
    expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
  });

  it('of a damaged cache warns, does what it can, and forgets it; a missing plugin stops no other', async () => {
    const made = bench();
    put(made.path('cache/results/net1-c1-eth0'), '{');
    await del(made, listOf([{ type: 'first' }, { type: 'missing' }, { type: 'third' }]));
    expect(made.warnings[0]).to.match(/is damaged$/);
    expect(made.warnings[1]).to.match(/failed on plugin missing: failed to find plugin "missing"/);
    expect(made.story()).to.deep.equal(['third DEL', 'first DEL']);
    expect(made.calls().at(-1)?.input).not.to.have.property('prevResult');
    expect(made.cached()).to.deep.equal([]);
    // Not even the network is known.
    put(made.path('cache/results/net1-c1-eth0'), '{');
    await del(made, NONE);
    expect(made.cached()).to.deep.equal([]);
  });

  it('of what is not attached is no error and asks no plugin, also on an unknown network; a bad name is one', async () => {
    const made = bench();
    await add(made);
    await del(made, LIST, attachment({ containerId: 'c2' }));
    await del(made, LIST, attachment({ ifName: 'eth1' }));
    await delNetwork(made.cni, 'net9', attachment(), NONE);
    expect(made.story()).to.have.lengthOf(3);
    expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
    const bad = await cniErrorOf(() => delNetwork(made.cni, 'net1', attachment({ containerId: '../x' }), LIST));
    expect(bad.cniCode).to.equal(4);
  });

  it('before 0.4.0 gets no previous result', async () => {
    const made = bench({ first: { ADD: say({ ...RESULT, cniVersion: '0.3.1' }) } });
    const list = listOf([{ type: 'first' }], { cniVersion: '0.3.1' });
    await add(made, list);
    await del(made, list);
    expect(made.calls().at(-1)?.input).not.to.have.property('prevResult');
  });
});

describe('cni: CHECK, GC, STATUS and validation', () => {
  it('CHECK goes forward with the final result, and stops at the first error', async () => {
    const made = bench({ second: { ADD: PASS_ON, CHECK: refuse(100, 'address is gone') } });
    await add(made);
    const error = await cniErrorOf(() => checkNetwork(made.cni, 'net1', attachment(), LIST));
    expect(error.message).to.equal('checking eth0 of c1 on network net1 failed on plugin second: address is gone');
    expect(made.story().slice(3)).to.deep.equal(['first CHECK', 'second CHECK']);
    expect(made.calls()[3]?.input.prevResult).to.deep.equal(SECOND);
  });

  it('CHECK of what was never added, of an old version, of a damaged cache; disableCheck of today', async () => {
    const made = bench();
    const check = (list: NetworkList) => checkNetwork(made.cni, 'net1', attachment(), list);
    expect((await cniErrorOf(() => check(LIST))).cniCode).to.equal(3);
    const old = await cniErrorOf(() => check(listOf([{ type: 'first' }], { cniVersion: '0.3.1', disableCheck: true })));
    expect(old.cniCode).to.equal(1);
    expect(old.message).to.include('"0.3.1" does not support the CHECK command');
    await add(made);
    await check(listOf([{ type: 'first' }], { disableCheck: true }));
    made.cni.cache.write({ ...made.cni.cache.read('net1', attachment())!, unfinished: {} });
    expect((await cniErrorOf(() => check(LIST))).msg).to.equal('its add has not come to an end');
    put(made.path('cache/results/net1-c1-eth0'), '{');
    expect((await cniErrorOf(() => check(LIST))).cniCode).to.equal(6);
    expect(made.story()).to.have.lengthOf(3);
  });

  // https://github.com/containernetworking/plugins/issues/819
  it('CHECK of a published port that fails on portmap names the bug that its old versions have; no other one does', async () => {
    const made = bench({ portmap: { ADD: say(RESULT), CHECK: refuse(999, 'could not check ipv6 dnat') } });
    const list = listOf([{ type: 'portmap', capabilities: { portMappings: true } }]);
    const hint = async (containerId: string, capabilityArgs: JsonObject) => {
      const given = attachment({ containerId, capabilityArgs, netns: `/n/${containerId}` });
      await add(made, list, given);
      return (await cniErrorOf(() => checkNetwork(made.cni, 'net1', given, list))).hint;
    };
    expect(await hint('c1', { portMappings: [{ hostPort: 8080, containerPort: 80 }] })).to.match(
      /^portmap before 1\.3\.0 .*"disableCheck": true in the list$/,
    );
    expect(await hint('c2', {})).to.equal(undefined);
  });

  it('CHECK of a namespace: one that is given must be there, and be that of the ADD', async () => {
    const made = bench();
    const missing = new CniError(8, '/n/missing is no network namespace');
    const cni = {
      ...made.cni,
      checkNetns: (path: string) => {
        if (path === '/n/missing') throw missing;
      },
    };
    await add(made);
    const check = (netns: string) => checkNetwork(cni, 'net1', attachment({ netns }), LIST);
    const other = await cniErrorOf(() => check('/n/other'));
    expect(other.cniCode).to.equal(8);
    expect(other.message).to.match(
      /^checking eth0 of c1 .* failed: it was added in \/run\/netns\/c1, not in \/n\/other$/,
    );
    expect((await cniErrorOf(() => check('/n/missing'))).msg).to.equal(missing.msg);
    expect((await cniErrorOf(() => check('relative'))).cniCode).to.equal(4);
    expect(made.story()).to.have.lengthOf(3);
    for (const netns of ['', '/run/netns/c1']) await check(netns);
    // As libcni before 1.2 wrote it: the namespace that is given is all there is.
    made.cni.cache.write({ ...made.cni.cache.read('net1', attachment())!, netns: '' });
    await check('/n/given');
    expect(made.calls().slice(3).map(({ env }) => env.CNI_NETNS)).to.deep.equal([
      ...Array<string>(6).fill('/run/netns/c1'),
      ...Array<string>(3).fill('/n/given'),
    ]); // prettier-ignore
  });

  it('GC deletes what is not in use with what it was added with, and leaves other networks alone', async () => {
    const made = bench();
    for (const id of ['c1', 'c2', 'c3']) await add(made, LIST, attachment({ containerId: id, netns: `/n/${id}` }));
    const other = listOf([{ type: 'first' }], { name: 'net2' });
    await add(made, other, attachment({ containerId: 'c4', netns: '/n/c4' }));
    await gcNetwork(made.cni, LIST, [{ containerId: 'c2', ifName: 'eth0' }]);
    expect(made.cached()).to.deep.equal(['net1-c2-eth0', 'net2-c4-eth0']);
    const deleted = made.calls().filter(({ verb }) => verb === 'DEL');
    expect(deleted.map(({ plugin, env }) => `${plugin} ${env.CNI_NETNS!}`)).to.deep.equal(
      ['c1', 'c3'].flatMap((id) => ['third', 'second', 'first'].map((plugin) => `${plugin} /n/${id}`)),
    );
    await gcNetwork(made.cni, { ...LIST, disableGc: true }, []);
    expect(made.cached()).to.include('net1-c2-eth0');
  });

  it('GC from 1.1.0 on tells every plugin what is in use, and reports all errors', async () => {
    const made = bench({ first: { GC: refuse(100, 'one') }, third: { GC: refuse(101, 'three') } });
    const list = listOf([{ type: 'first' }, { type: 'second' }, { type: 'third' }], { cniVersion: '1.1.0' });
    const error = await cniErrorOf(() => gcNetwork(made.cni, list, [attachment()]));
    expect(error.cniCode).to.equal(100);
    expect(error.message).to.match(/failed on plugin first: one; .*failed on plugin third: three$/);
    expect(made.story()).to.deep.equal(['first GC', 'second GC', 'third GC']);
    expect(made.calls()[1]?.input['cni.dev/valid-attachments']).to.deep.equal([{ containerID: 'c1', ifname: 'eth0' }]);
  });

  it('STATUS keeps the code of the first plugin that is not ready; before 1.1.0 nobody is asked', async () => {
    const made = bench({ second: { STATUS: refuse(50, 'not yet') } });
    await statusOfNetwork(made.cni, LIST);
    expect(made.story()).to.deep.equal([]);
    const list = listOf([{ type: 'first' }, { type: 'second' }, { type: 'third' }], { cniVersion: '1.1.0' });
    expect(facts(await cniErrorOf(() => statusOfNetwork(made.cni, list)))).to.include({ code: 50, msg: 'not yet' });
    expect(made.story()).to.deep.equal(['first STATUS', 'second STATUS']);
  });

  it('validation: every plugin is there and answers, and there is a common version', async () => {
    const VERSION = say({ cniVersion: '1.1.0', supportedVersions: ['1.0.0'] });
    const made = bench({ first: { VERSION }, second: { VERSION }, third: { VERSION: 'echo x' } });
    const list = listOf([{ type: 'first' }, { type: 'second', capabilities: { mac: true, ips: false } }]);
    expect(await validateNetwork(made.cni, list)).to.deep.equal({ version: '1.0.0', capabilities: ['mac'] });
    const error = await cniErrorOf(() => validateNetwork(made.cni, listOf([{ type: 'third' }, { type: 'missing' }])));
    expect(error.message).to.match(/^network net1 is not valid: .*no JSON; .*failed to find plugin "missing"/);
    const old = listOf([{ type: 'first' }], { cniVersion: '0.4.0' });
    expect((await cniErrorOf(() => validateNetwork(made.cni, old))).cniCode).to.equal(1);
  });
});
