/** Whose an attachment is: what never came to be can always be removed, and what isn't ours stays. */

import { chmodSync, rmSync } from 'node:fs';
import { expect } from 'chai';
import { addNetwork } from '../../../src/cni/add.js';
import { delNetwork, type DelOptions } from '../../../src/cni/del.js';
import { CniError } from '../../../src/cni/error.js';
import { gcNetwork } from '../../../src/cni/gc.js';
import { isSameLink, type Link, parseLinks } from '../../../src/cni/links.js';
import type { NetworkList } from '../../../src/cni/network-conf.js';
import { attachment, cniErrorOf, listOf, PluginBench, refuse, RESULT, say } from '../../fixtures/cni/plugins.js';

const NETNS = '/run/netns/c1';
const link = (name: string, more: Partial<Link> = {}): Link => ({
  name,
  index: 2,
  peerIndex: 7,
  mac: '02:00:00:00:00:01',
  kind: 'veth',
  master: undefined,
  ...more,
});
const bridge = (name: string): Link => link(name, { kind: 'bridge', index: 5, peerIndex: undefined });
const NONE = new CniError(7, 'no network configuration with name "net1" in /n');

/** `first` makes an interface, as the plugin of type bridge does; `second` fails at whatever its configuration has. */
function bench(second = refuse(999, 'cannot unmarshal string')): PluginBench {
  const made = new PluginBench();
  made.plugin('first', { ADD: say(RESULT) });
  made.plugin('second', {
    ADD: second,
    DEL: `case $input in *wrong*) ${refuse(999, 'cannot unmarshal string')} ;; esac`,
  });
  return made;
}
const LIST = listOf([{ type: 'first' }, { type: 'second', capabilities: { portMappings: true } }]);
const TYPO = listOf([{ type: 'first' }, { type: 'second', snat: 'wrong' }]);
const del = (made: PluginBench, today: NetworkList | CniError = LIST, given = attachment(), more: DelOptions = {}) =>
  delNetwork(made.cni, 'net1', given, today, more);

describe('cni: an attachment that never succeeded', () => {
  it('of which a plugin did not understand what it was given is undone without that, and leaves nothing', async () => {
    const made = bench();
    const given = attachment({ args: [['A', 'b']], capabilityArgs: { portMappings: 'wrong' } });
    expect((await cniErrorOf(() => addNetwork(made.cni, LIST, given))).msg).to.equal('cannot unmarshal string');
    expect(made.story()).to.deep.equal(['first ADD', 'second ADD', 'second DEL', 'second DEL', 'first DEL']);
    expect(made.calls()[3]?.input).not.to.have.property('runtimeConfig');
    expect(made.calls()[3]?.env.CNI_ARGS).to.equal('');
    expect(made.cached()).to.deep.equal([]);
    expect(made.warnings).to.deep.equal([]);
  });

  it('with a mistake in its list is removed by the list of today, or with a warning, by del and by gc', async () => {
    for (const [remove, warned] of [
      [(made: PluginBench) => del(made), false],
      [(made: PluginBench) => gcNetwork(made.cni, LIST, []), false],
      [(made: PluginBench) => del(made, TYPO), true],
      [(made: PluginBench) => del(made, NONE), true],
      [(made: PluginBench) => gcNetwork(made.cni, TYPO, []), true],
    ] as const) {
      const made = bench();
      await cniErrorOf(() => addNetwork(made.cni, TYPO, attachment()));
      expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
      made.warnings.length = 0;
      await remove(made);
      expect(made.cached()).to.deep.equal([]);
      expect(made.warnings).to.deep.equal(
        warned ? ['deleting eth0 of c1 from network net1 failed on plugin second: cannot unmarshal string'] : [],
      );
    }
  });

  it('takes its interface and its address with it, where the plugin that should is not there any more', async () => {
    const made = bench();
    made.plugin('ipam', {});
    const list = listOf([
      { type: 'first', ipam: { type: 'ipam' } },
      { type: 'second', snat: 'wrong' },
    ]);
    await cniErrorOf(() => addNetwork(made.cni, list, attachment()));
    made.links.set(NETNS, [link('lo', { kind: '' }), link('eth0')]);
    rmSync(made.path('bin/first'));
    await del(made, list);
    expect(made.story().slice(-2)).to.deep.equal(['second DEL', 'ipam DEL']);
    expect(made.links.get(NETNS)?.map(({ name }) => name)).to.deep.equal(['lo']);
    expect(made.cached()).to.deep.equal([]);
  });
});

describe('cni: del --force', () => {
  it('ends in success, with what the plugins said as warnings; without it they are errors that tell of it', async () => {
    const made = bench(say(RESULT));
    await addNetwork(made.cni, LIST, attachment());
    made.plugin('second', { DEL: refuse(101, 'busy') });
    chmodSync(made.path('bin/first'), 0o644);
    const error = await cniErrorOf(() => del(made));
    expect(error.msg).to.equal('busy');
    expect(error.hint).to.equal('to take it off all the same: rnetns cni del --force net1 c1 --ifname=eth0');
    expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
    made.links.set(NETNS, [link('eth0')]);
    await del(made, NONE, attachment(), { force: true });
    expect(made.warnings.join('\n')).to.match(/plugin second: busy\n.*plugin first: cannot start/);
    expect(made.cached()).to.deep.equal([]);
  });

  it('a plugin that was uninstalled, and taken out of the list, is a warning without it as well', async () => {
    const made = bench(say(RESULT));
    await addNetwork(made.cni, LIST, attachment());
    rmSync(made.path('bin/second'));
    const error = await cniErrorOf(() => del(made));
    expect(error.hint).to.match(/^install it .*; or to take it off all the same: rnetns cni del --force /);
    await del(made, listOf([{ type: 'first' }]));
    expect(made.warnings).to.have.lengthOf(1);
    expect(made.cached()).to.deep.equal([]);
  });
});

describe("cni: an interface that isn't ours", () => {
  const ours = link('eth0', { mac: '02:00:00:00:00:01' });
  /** Finished, with that interface. */
  async function added(): Promise<PluginBench> {
    const made = new PluginBench();
    made.plugin('first', { ADD: say(RESULT) });
    const { links } = made.cni;
    // It appears with the plugin.
    Object.assign(made.cni, {
      links: (netns?: string) => {
        if (netns === NETNS && made.story().includes('first ADD')) made.links.set(NETNS, [ours]);
        return links(netns);
      },
    });
    await addNetwork(made.cni, listOf([{ type: 'first' }]), attachment());
    Object.assign(made.cni, { links });
    return made;
  }

  it('that is there before ADD is refused, and nothing runs; lo is for the plugin of that name', async () => {
    const made = new PluginBench();
    for (const type of ['first', 'loopback']) made.plugin(type, { ADD: say(RESULT) });
    made.links.set(NETNS, [link('lo', { kind: '' }), link('eth0')]);
    for (const ifName of ['eth0', 'lo']) {
      const error = await cniErrorOf(() => addNetwork(made.cni, listOf([{ type: 'first' }]), attachment({ ifName })));
      expect(error.msg).to.equal(`there is an interface ${ifName} in ${NETNS} already`);
      expect(error.cniCode).to.equal(4);
    }
    expect(made.story()).to.deep.equal([]);
    expect(made.cached()).to.deep.equal([]);
    await addNetwork(made.cni, listOf([{ type: 'loopback' }]), attachment({ ifName: 'lo' }));
    await del(made, NONE, attachment({ ifName: 'lo' }));
    expect(made.calls().at(-1)?.env.CNI_NETNS).to.equal(NETNS);
    expect(made.warnings).to.deep.equal([]);
  });

  const theirs = link('eth0', { index: 9 });
  for (const [what, links, given, netns, warnings] of [
    ['is as it was', { [NETNS]: [ours] }, '', NETNS, 0],
    ['has another address by now', { [NETNS]: [{ ...ours, mac: '02:00:00:00:00:09' }] }, '', NETNS, 0],
    ['was deleted', { [NETNS]: [] }, '', NETNS, 0],
    ['is in a namespace that is given by another path', { [NETNS]: [], '/n/2': [ours] }, '/n/2', '/n/2', 0],
    ["isn't in the namespace that is given", { [NETNS]: [ours], '/n/2': [theirs] }, '/n/2', NETNS, 0],
    ['was replaced by that of another one', { [NETNS]: [{ ...ours, peerIndex: 8 }] }, '', '', 1],
    ['is gone, and another one is where it is looked for', { [NETNS]: [], '/n/2': [theirs] }, '/n/2', NETNS, 1],
  ] as const) {
    it(`is not touched: where ours ${what}, DEL is done in '${netns}'`, async () => {
      const made = await added();
      made.links.clear();
      for (const [path, there] of Object.entries(links)) made.links.set(path, there);
      await del(made, NONE, attachment({ netns: given }), { force: true });
      expect(made.calls().at(-1)).to.have.nested.property('env.CNI_NETNS', netns);
      expect(made.warnings).to.have.lengthOf(warnings);
      expect(made.cached()).to.deep.equal([]);
    });
  }

  it('is not touched where the path of ours leads to another namespace by now, nor is that of an unfinished add', async () => {
    for (const unfinished of [undefined, {}]) {
      const made = await added();
      made.cni.cache.write({ ...made.cni.cache.read('net1', attachment())!, inode: 1, link: undefined, unfinished });
      made.links.set(NETNS, [ours]);
      Object.assign(made.cni, { netnsInode: () => 2 });
      await del(made);
      expect(made.calls().at(-1)?.env.CNI_NETNS).to.equal('');
      expect(made.links.get(NETNS)).to.deep.equal([ours]);
    }
  });

  it('is told from ours by the address, where libcni wrote what it knows', async () => {
    const made = await added();
    made.cni.cache.write({ ...made.cni.cache.read('net1', attachment())!, link: undefined });
    made.links.set(NETNS, [link('eth0', { mac: '02:00:00:00:00:09' })]);
    await del(made);
    expect(made.calls().at(-1)?.env.CNI_NETNS).to.equal('');
  });

  it('is known by what ip(8) says of it', () => {
    const text =
      '[{"ifindex":2,"link_index":9,"ifname":"eth0","address":"02:0a:00:00:00:01","link_netnsid":0,"linkinfo":{"info_kind":"veth"}},' +
      '{"ifindex":3,"ifname":"p1","address":"02:0a:00:00:00:02","master":"br0"},{}]';
    const links = parseLinks(text) ?? [];
    expect(links).to.deep.equal([
      { name: 'eth0', index: 2, peerIndex: 9, mac: '02:0a:00:00:00:01', kind: 'veth', master: undefined },
      { name: 'p1', index: 3, peerIndex: undefined, mac: '02:0a:00:00:00:02', kind: '', master: 'br0' },
    ]);
    expect(parseLinks('')).to.equal(undefined);
    const [pair, port] = links as [Link, Link];
    expect(isSameLink(pair, { ...pair, mac: '' })).to.equal(true);
    expect(isSameLink(pair, { ...pair, peerIndex: 8 })).to.equal(false);
    // A macvlan's index is soon given out again, and it has no end in the shared namespace.
    expect(isSameLink(port, { ...port, mac: '02:00:00:00:00:00' })).to.equal(false);
  });
});

describe('cni: a bridge that a failed ADD made', () => {
  const list = listOf([
    { type: 'first', bridge: 'b0' },
    { type: 'second', snat: 'wrong' },
  ]);
  const bridges = (made: PluginBench) => made.links.get('')?.map(({ name }) => name);

  /** ADD that fails after it made b0, in a namespace with these interfaces. */
  async function failed(...before: Link[]): Promise<PluginBench> {
    const made = bench();
    const { links } = made.cni;
    Object.assign(made.cni, {
      links: (netns?: string) => {
        const isMade = made.story().length > 0 && !before.some(({ name }) => name === 'b0');
        if (netns === undefined) made.links.set('', [...before, ...(isMade ? [bridge('b0')] : [])]);
        return links(netns);
      },
    });
    made.plugin('second', { ADD: refuse(999, 'no') });
    await cniErrorOf(() => addNetwork(made.cni, list, attachment()));
    Object.assign(made.cni, { links });
    return made;
  }

  it('goes with the next del, which asks no plugin again', async () => {
    const made = await failed(bridge('theirs'));
    expect(made.cached()).to.deep.equal(['net1-c1-eth0']);
    const before = made.story();
    await del(made, NONE);
    expect(made.story()).to.deep.equal(before);
    expect(bridges(made)).to.deep.equal(['theirs']);
    expect(made.cached()).to.deep.equal([]);
  });

  it('that others have left without an address gets one before ADD, if the list names it', async () => {
    const made = new PluginBench();
    made.plugin('first', { ADD: say(RESULT) });
    const mac = '00:00:00:00:00:00';
    made.links.set('', [
      { ...bridge('b0'), mac },
      { ...bridge('b1'), mac },
      { ...link('b2'), mac },
    ]);
    await addNetwork(made.cni, listOf([{ type: 'first', bridge: 'b0' }]), attachment());
    const [b0, ...others] = made.links.get('')?.map((each) => each.mac) ?? [];
    expect(b0).to.match(/^02(:[0-9a-f]{2}){5}$/);
    expect(others).to.deep.equal([mac, mac]);
  });

  it('stays when it was there before, has a port, or is that of an attachment', async () => {
    const there = await failed(bridge('b0'));
    expect(there.cached()).to.deep.equal([]);
    const made = await failed();
    made.links.set('', [bridge('b0'), link('veth1', { master: 'b0' })]);
    await del(made);
    expect(bridges(made)).to.deep.equal(['b0', 'veth1']);
    const used = await failed();
    used.cni.cache.write({
      ...attachment({ containerId: 'c2' }),
      network: 'other',
      config: '',
      result: { cniVersion: '1.0.0', interfaces: [{ name: 'b0' }] },
    });
    await del(used);
    expect(bridges(used)).to.deep.equal(['b0']);
  });
});
