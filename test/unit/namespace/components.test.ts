import { expect } from 'chai';
import { recognise } from '../../../src/namespace/components.js';
import { StateDirectory } from '../../../src/state/directory.js';

const state = new StateDirectory('/run/user/1000/rnetns', 'default');
const other = '/run/user/1000/rnetns/lab';

describe('the processes of a namespace', () => {
  const is = (...args: string[]) => recognise(args, state);

  it('are recognised by their script and its arguments', () => {
    expect(is('sh', '/opt/rnetns/scripts/supervisor.sh', state.path, 'g1', 'create')).to.deep.equal({
      role: 'supervisor',
      generation: 'g1',
    });
    expect(is('sh', '/opt/rnetns/scripts/keeper.sh', state.path, 'g1')).to.deep.equal({
      role: 'keeper',
      generation: 'g1',
    });
  });

  it('are recognised while nsenter and unshare still lead to the script', () => {
    const args = ['nsenter', '--target', '7', '--user', '--', 'sh', '/x/supervisor.sh', state.path, 'g1', 'mend'];
    expect(is(...args)).to.deep.equal({ role: 'supervisor', generation: 'g1' });
  });

  it('are recognised as drivers when they are given the namespace', () => {
    expect(is('/usr/bin/pasta', '--config-net', '--netns', state.netns)).to.deep.equal({ role: 'driver' });
    expect(is('slirp4netns', '-c', '--netns-type=path', state.netns, 'tap0')).to.deep.equal({ role: 'driver' });
  });

  it('are not taken for those of another name, nor are commands that only mention them', () => {
    expect(is('sh', '/x/supervisor.sh', other, 'g1', 'create')).to.equal(undefined);
    expect(is('pasta', '--config-net', '--netns', `${other}/rootless-netns`)).to.equal(undefined);
    expect(is('vi', state.netns)).to.equal(undefined);
    expect(is('grep', '-r', 'supervisor.sh')).to.equal(undefined);
    expect(is()).to.equal(undefined);
  });
});
