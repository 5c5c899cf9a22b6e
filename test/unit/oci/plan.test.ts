import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../src/errors/error.js';
import { netnsName, planHook } from '../../../src/oci/plan.js';
import { checkName } from '../../../src/state/runtime.js';

const state = (more: object = {}) => ({ id: 'web', status: 'created', pid: 42, annotations: {}, ...more });

describe('oci: what a hook does', () => {
  for (const status of ['creating', 'created']) {
    it(`attaches a container that is ${status}, to the default network without any other`, () => {
      expect(planHook(state({ status }), [])).to.deep.equal({
        kind: 'attach',
        containerId: 'web',
        netns: 'oci-web',
        pid: 42,
        interfaces: [{ network: 'rnetns', ifName: 'eth0' }],
        ports: [],
      });
    });
  }

  it('reads the ports of the annotation', () => {
    const annotations = { 'rnetns.ports': '8080:80, 127.0.0.1::53/udp,' };
    expect(planHook(state({ annotations }), [])).to.deep.include({ ports: ['8080:80', '127.0.0.1::53/udp'] });
  });

  it('numbers the interfaces, unless they are named', () => {
    expect(planHook(state(), ['a', 'b:lan0', 'c'])).to.deep.include({
      interfaces: [
        { network: 'a', ifName: 'eth0' },
        { network: 'b', ifName: 'lan0' },
        { network: 'c', ifName: 'eth2' },
      ],
    });
  });

  it("prefers the container's own annotation", () => {
    const annotations = { 'rnetns.networks': 'x, y:lan0' };
    expect(planHook(state({ annotations }), ['a'])).to.deep.include({
      interfaces: [
        { network: 'x', ifName: 'eth0' },
        { network: 'y', ifName: 'lan0' },
      ],
    });
  });

  it('detaches a container that is stopped, whatever else it is told', () => {
    const annotations = { 'rnetns.networks': '../x' };
    expect(planHook(state({ status: 'stopped', pid: undefined, annotations }), ['a/b'])).to.deep.equal({
      kind: 'detach',
      containerId: 'web',
      netns: 'oci-web',
    });
  });

  for (const [what, more, networks, words] of [
    ['a status of no such stage', { status: 'running' }, [], /status "running"/],
    ['a status that nobody knows', { status: 'x\ny' }, [], /status "x\\ny"/],
    ['no process', { pid: undefined }, [], /gives no pid/],
    ['two networks on one interface', {}, ['a:eth1', 'b'], /interface eth1/],
    ['a network of no name', {}, [''], /missing network name/],
    ['an empty annotation', { annotations: { 'rnetns.networks': '' } }, ['a'], /missing network name/],
    ['a network that leads elsewhere', {}, ['../a'], /invalid characters found in network name/],
    ['an interface of no name', {}, ['a:'], /interface name is empty/],
    ['one network twice', {}, ['a', 'a:eth1'], /is to be on the network a twice/],
    ['an interface that leads elsewhere', {}, ['a:b/c'], /interface name contains \//],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => planHook(state(more), networks)).to.throw(RnetnsError, words);
    });
  }

  it('gives each id a name of its own, which is one', () => {
    const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/);
    fc.assert(
      fc.property(id, id, (one, other) => {
        expect(checkName(netnsName(one))).to.match(/^oci-/);
        expect(netnsName(one) === netnsName(other)).to.equal(one === other);
      }),
    );
    const long = (end: string) => netnsName('a'.repeat(100) + end);
    expect(long('b')).to.not.equal(long('c'));
  });
});
