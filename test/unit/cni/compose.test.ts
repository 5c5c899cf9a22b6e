import { expect } from 'chai';
import fc from 'fast-check';
import { formatArgs, parseArgs } from '../../../src/cni/args.js';
import {
  composeDelRequest,
  composeEnvironment,
  composeGcRequest,
  composeRequestFor,
  composeStatusRequest,
  composeVersionRequest,
} from '../../../src/cni/compose.js';
import { CniError } from '../../../src/cni/error.js';
import { checkContainerId, checkIfName, checkNetnsPath, checkNetworkName } from '../../../src/cni/names.js';
import { parsePlugin } from '../../../src/cni/network-conf.js';
import type { JsonObject } from '../../../src/state/json.js';
import { attachment, cniErrorOf } from '../../fixtures/cni/plugins.js';

const around = { pluginDirs: ['/usr/lib/cni', '/opt/cni/bin'], path: '/usr/bin:/bin' };
const plugin = (config: object) => parsePlugin(JSON.stringify({ type: 'bridge', ...config }));
const parsed = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('cni: what a plugin is given', () => {
  it("ADD, DEL and CHECK: the spec's variables and PATH with the system's directories, nothing else", () => {
    const given = attachment({ args: [['IgnoreUnknown', '1'], ['IP', '10.1.0.9']] }); // prettier-ignore
    for (const verb of ['ADD', 'DEL', 'CHECK'] as const) {
      expect(composeEnvironment(verb, around, given)).to.deep.equal({
        CNI_COMMAND: verb,
        CNI_CONTAINERID: 'c1',
        CNI_NETNS: '/run/netns/c1',
        CNI_IFNAME: 'eth0',
        CNI_ARGS: 'IgnoreUnknown=1;IP=10.1.0.9',
        CNI_PATH: '/usr/lib/cni:/opt/cni/bin',
        PATH: '/usr/bin:/bin:/usr/sbin:/sbin',
      });
    }
  });

  it('GC and STATUS: empty values; VERSION: values that old plugins are content with', () => {
    const empty = { CNI_CONTAINERID: '', CNI_NETNS: '', CNI_IFNAME: '', CNI_ARGS: '' };
    const rest = { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' };
    for (const verb of ['GC', 'STATUS'] as const) {
      expect(composeEnvironment(verb, around)).to.deep.equal({
        ...empty,
        ...rest,
        CNI_COMMAND: verb,
        CNI_PATH: '/usr/lib/cni:/opt/cni/bin',
      });
    }
    expect(composeEnvironment('VERSION', around)).to.deep.equal({
      ...empty,
      ...rest,
      CNI_COMMAND: 'VERSION',
      CNI_NETNS: 'dummy',
      CNI_IFNAME: 'dummy',
      CNI_PATH: 'dummy',
    });
    expect(parsed(composeVersionRequest())).to.deep.equal({ cniVersion: '1.1.0' });
  });

  it('the plugin object with name and version of the list; unknown keys as they are, reserved ones left out', () => {
    const config = plugin({
      name: 'own',
      cniVersion: '0.1.0',
      bridge: 'b0',
      args: { cni: { ips: ['10.1.0.7'] } },
      capabilities: { mac: true },
      'cni.dev/attachments': [],
    });
    const expected = {
      type: 'bridge',
      bridge: 'b0',
      args: { cni: { ips: ['10.1.0.7'] } },
      name: 'net1',
      cniVersion: '1.0.0',
    };
    expect(parsed(composeRequestFor('net1', '1.0.0', config, attachment(), undefined))).to.deep.equal(expected);
    expect(parsed(composeStatusRequest('net1', '1.0.0', config))).to.deep.equal(expected);
  });

  it('runtimeConfig: what is given for the capabilities that the plugin has', () => {
    const capabilityArgs = { portMappings: [{ hostPort: 1 }], mac: 'm', ips: [] };
    const runtimeConfig = (capabilities: object) =>
      parsed(composeRequestFor('n', '1.0.0', plugin({ capabilities }), attachment({ capabilityArgs }), undefined))
        .runtimeConfig;
    expect(runtimeConfig({ portMappings: true, mac: false, bandwidth: true })).to.deep.equal({
      portMappings: [{ hostPort: 1 }],
    });
    expect(runtimeConfig({ toString: true, constructor: true })).to.equal(undefined);
    expect(runtimeConfig({})).to.equal(undefined);
  });

  it('runtimeConfig and prevResult of the file go to the plugin; what is given counts more, each by itself', () => {
    const limits = { bandwidth: { ingressRate: 1000 }, mac: 'of the file' };
    const own = plugin({ runtimeConfig: limits, prevResult: { ips: [] }, capabilities: { mac: true } });
    const composed = (compose: typeof composeRequestFor, capabilityArgs: JsonObject, given?: object) => {
      const { runtimeConfig, prevResult } = parsed(compose('n', '1.0.0', own, attachment({ capabilityArgs }), given));
      return { runtimeConfig, prevResult };
    };
    const written = { runtimeConfig: limits, prevResult: { ips: [] } };
    expect(composed(composeRequestFor, {})).to.deep.equal(written);
    expect(composed(composeDelRequest, {})).to.deep.equal(written);
    expect(composed(composeRequestFor, { mac: 'given', bandwidth: 1 }, { routes: [] })).to.deep.equal({
      runtimeConfig: { bandwidth: { ingressRate: 1000 }, mac: 'given' },
      prevResult: { routes: [] },
    });
    expect(parsed(composeStatusRequest('n', '1.1.0', own))).to.deep.include(written);
  });

  it('prevResult: when there is one; on DEL from 0.4.0 on', () => {
    const result = { cniVersion: '0.4.0' };
    const prev = (compose: typeof composeRequestFor, version: string, given?: object) =>
      parsed(compose('n', version, plugin({}), attachment(), given)).prevResult;
    expect(prev(composeRequestFor, '0.3.1', result)).to.deep.equal(result);
    expect(prev(composeDelRequest, '0.4.0', result)).to.deep.equal(result);
    expect(prev(composeDelRequest, '0.3.1', result)).to.equal(undefined);
    expect(prev(composeRequestFor, '1.0.0')).to.equal(undefined);
  });

  it("GC: the attachments in use under both of the spec's names, with its spelling", () => {
    const request = parsed(composeGcRequest('n', '1.1.0', plugin({}), [attachment()]));
    const expected = [{ containerID: 'c1', ifname: 'eth0' }];
    expect(request['cni.dev/valid-attachments']).to.deep.equal(expected);
    expect(request['cni.dev/attachments']).to.deep.equal(expected);
  });

  it('CNI_ARGS: pairs there and back, anything else is refused', async () => {
    expect(parseArgs('')).to.deep.equal([]);
    expect(parseArgs('A=b;C=')).to.deep.equal([
      ['A', 'b'],
      ['C', ''],
    ]);
    for (const text of ['A', '=b', 'A=b;', 'A=b=c', ';A=b']) {
      expect((await cniErrorOf(() => parseArgs(text))).cniCode, text).to.equal(4);
    }
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.string())), (pairs) => {
        try {
          expect(parseArgs(formatArgs(pairs))).to.deep.equal(pairs);
        } catch (error) {
          expect(error).to.be.instanceOf(CniError);
          expect(pairs.some(([key, value]) => key === '' || /[;=\0]/.test(key + value))).to.equal(true);
        }
      }),
    );
  });

  it('names are checked as libcni and the kernel do', async () => {
    const codes: [(text: string) => void, number, string[], string[]][] = [
      [checkContainerId, 4, ['c1', 'A_b.c-d', '0'.repeat(64)], ['', '-a', 'a/b', 'a b', '.a', 'ä', 'a\n']],
      [checkNetworkName, 7, ['net1', 'a.b'], ['', '../a', 'a/b', '_a']],
      [checkIfName, 4, ['eth0', '0123456789abcde', 'a@b'], ['', '.', '..', 'a/b', 'a:b', 'a b', '0123456789abcdef', 'ääääääää']],
      [checkNetnsPath, 4, ['', '/proc/1/ns/net'], ['run/netns/a', '/a\0b']],
    ]; // prettier-ignore
    for (const [check, code, good, bad] of codes) {
      for (const text of good) check(text);
      for (const text of bad) expect((await cniErrorOf(() => check(text))).cniCode, text).to.equal(code);
    }
    expect((await cniErrorOf(() => checkIfName('averyveryverylongname'))).msg).to.equal('interface name is too long');
  });

  it('a request is JSON with name and version, whatever is in the configuration', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.dictionary(fc.string(), fc.jsonValue()),
        (config, given) => {
          try {
            const request = composeRequestFor('net1', '1.0.0', plugin(config), { capabilityArgs: given }, undefined);
            expect(parsed(request)).to.include({ name: 'net1', cniVersion: '1.0.0' });
          } catch (error) {
            expect(error).to.be.instanceOf(CniError);
          }
        },
      ),
    );
  });
});
