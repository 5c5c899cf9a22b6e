import { closeSync, openSync, readFileSync, utimesSync } from 'node:fs';
import { expect } from 'chai';
import { findPlugin } from '../../../src/cni/find-plugin.js';
import { invokePlugin, parseErrorObject, type Invocation } from '../../../src/cni/invoke.js';
import { pluginVersions } from '../../../src/cni/plugin-versions.js';
import { alive, waitFor } from '../../fixtures/processes.js';
import { attachment, cniErrorOf, PluginBench, put, refuse, say, script, scratch } from '../../fixtures/cni/plugins.js';

/** A bench with one plugin, and a call of its ADD. */
function bench(body: string, timeoutMs = 10_000) {
  const made = new PluginBench({ timeoutMs });
  const file = script(made.path('bin/p'), body);
  const call: Invocation = { verb: 'ADD', type: 'p', file, input: '{"name":"n"}', attachment: attachment() };
  return { made, file, call: () => invokePlugin(made.cni, call) };
}

describe('cni: one plugin', () => {
  it('is found in the first directory that has a regular file of its name', async () => {
    const [a, b] = [scratch(), scratch()];
    put(`${a}/bridge/is-a-directory`, '');
    put(`${b}/bridge`, '');
    expect(findPlugin('bridge', [a, b])).to.equal(`${b}/bridge`);
    for (const type of ['', 'a/b', '..', 'missing', 'a\0b']) {
      expect((await cniErrorOf(() => findPlugin(type, [a, b]))).cniCode, type).to.equal(7);
    }
    expect((await cniErrorOf(() => findPlugin('missing', [a, b]))).message).to.equal(
      `failed to find plugin "missing" in path ${a}:${b}`,
    );
  });

  it('gets the request on stdin and has no other environment; what it says on stderr is passed on', async () => {
    const { made, call } = bench(`echo from stderr >&2; tr '\\0' '\\n' </proc/$$/environ | sort; cat`);
    const output = await call();
    expect(output.split('\n').map((line) => line.replace(/=.*/, ''))).to.deep.equal([
      ...['CNI_ARGS', 'CNI_COMMAND', 'CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_NETNS', 'CNI_PATH', 'PATH'],
      '{"name":"n"}',
    ]);
    expect(made.warnings).to.deep.equal(['plugin p (ADD): from stderr']);
  });

  it('may end without reading its request', async () => {
    const { made, file } = bench('echo done');
    const input = 'x'.repeat(1 << 20);
    expect(await invokePlugin(made.cni, { verb: 'STATUS', type: 'p', file, input })).to.equal('done\n');
  });

  it('that hangs is killed at the time limit, with its children', async () => {
    const { made, call } = bench(
      `sleep 600 & echo $! >"$(dirname "$0")/child"; echo $$ >"$(dirname "$0")/self"; wait`,
      3000,
    );
    const error = await cniErrorOf(call);
    expect(error.cniCode).to.equal(11);
    expect(error.message).to.equal('the plugin did not end within 3 s and was killed');
    for (const name of ['self', 'child']) {
      const pid = Number(readFileSync(made.path(`bin/${name}`), 'utf8'));
      expect(pid, name).to.be.above(1);
      await waitFor(() => !alive(pid), { what: `the end of ${name}` });
    }
  });

  it('that fails and leaves a child with its output open: the child is ended, and nobody waits for it', async () => {
    const { made, call } = bench(`sleep 600 & echo $! >"$(dirname "$0")/child"; exit 3`);
    expect((await cniErrorOf(call)).message).to.equal('netplugin failed with no error message: exit status 3');
    const pid = Number(readFileSync(made.path('bin/child'), 'utf8'));
    await waitFor(() => !alive(pid), { what: 'the end of the child' });
  });

  it('that succeeds and leaves a daemon with its output open: nobody waits for it, and it lives', async () => {
    const { made, call } = bench(`sleep 600 & echo $! >"$(dirname "$0")/child"; echo result`);
    expect(await call()).to.equal('result\n');
    const pid = Number(readFileSync(made.path('bin/child'), 'utf8'));
    expect(alive(pid)).to.equal(true);
    process.kill(pid, 'SIGKILL');
  });

  it('that prints 10 MB is killed, and says so', async () => {
    const { call } = bench('head -c 10485760 /dev/zero');
    const error = await cniErrorOf(call);
    expect(error.cniCode).to.equal(6);
    expect(error.message).to.equal('the plugin wrote more than 4 MiB and was killed');
  });

  it('that prints 10 MB to stderr is none the worse', async () => {
    const { made, call } = bench('head -c 10485760 /dev/zero | tr "\\0" x >&2; echo result');
    expect(await call()).to.equal('result\n');
    expect(made.warnings[0]?.length).to.be.below(70_000);
  });

  const FAILURES: [what: string, body: string, code: number, message: RegExp][] = [
    ['an error object', refuse(108, 'no', 'not today'), 108, /^no; not today$/],
    ['an error object without a code', `${say({ msg: 'no' })}; exit 1`, 999, /^no$/],
    ['an error object of many lines', refuse(100, 'iptables:', 'a\n  b\nc'), 100, /^iptables:; a b c$/],
    [
      'garbage',
      'echo "Segmentation fault"; exit 1',
      6,
      /error parsing its diagnostic message "Segmentation fault\\n"$/,
    ],
    ['JSON that is no object', 'echo "[1]"; exit 1', 6, /error parsing its diagnostic message "\[1\]\\n"$/],
    ['a code that is no number', `${say({ code: 'x' })}; exit 1`, 6, /error parsing its diagnostic message/],
    ['words on stderr', 'echo broken >&2; exit 2', 5, /^netplugin failed: broken: exit status 2$/],
    ['nothing', 'exit 1', 5, /^netplugin failed with no error message: exit status 1$/],
    ['a signal', 'kill -KILL $$', 5, /^netplugin failed with no error message: signal: SIGKILL$/],
  ];
  for (const [what, body, code, message] of FAILURES) {
    it(`that fails with ${what}`, async () => {
      const error = await cniErrorOf(bench(body).call);
      expect(error.cniCode).to.equal(code);
      expect(error.message).to.match(message);
    });
  }

  it("an error keeps the plugin's own code, msg and details through every context", () => {
    const error = parseErrorObject('{"code":7,"msg":"m","details":"d","cniVersion":"0.4.0"}');
    const told = error.during('inner').during('outer');
    expect(told.toJSON()).to.deep.equal({ cniVersion: '1.1.0', code: 7, msg: 'm', details: 'd' });
    expect(told.message).to.equal('outer: inner: m; d');
    expect(told.code).to.equal('ERR_CNI');
  });

  it('that refuses the version: what to change is the hint', () => {
    const refusal = parseErrorObject('{"code":1,"msg":"incompatible CNI versions","details":"config is \\"1.1.0\\""}');
    expect(refusal.during('outer').hint).to.match(/^set a cniVersion that the plugin supports .* newer plugins$/);
    expect(parseErrorObject('{"code":7,"msg":"m"}').hint).to.equal(undefined);
  });

  it('that cannot be started: code 5 and the reason', async () => {
    const made = new PluginBench();
    const attempt = (file: string) =>
      cniErrorOf(() => invokePlugin(made.cni, { verb: 'GC', type: 'p', file, input: '' }));
    const plain = put(made.path('bin/plain'), 'no program');
    expect((await attempt(plain)).message).to.equal(`cannot start ${plain}: EACCES`);
    expect((await attempt('/nonexistent')).message).to.equal('cannot start /nonexistent: ENOENT');
    expect((await attempt(plain)).cniCode).to.equal(5);
  });

  it('that is being written is waited for', async () => {
    const { file, call } = bench('echo result');
    const writer = openSync(file, 'r+');
    const started = performance.now();
    setTimeout(() => closeSync(writer), 400);
    expect(await call()).to.equal('result\n');
    expect(performance.now() - started).to.be.above(390);
  });

  it('is asked for its versions once, and again when its file has changed', async () => {
    const made = new PluginBench();
    const answer = (...supportedVersions: string[]) => ({ VERSION: say({ cniVersion: '1.1.0', supportedVersions }) });
    const file = made.plugin('p', answer('0.4.0', '1.0.0'));
    const ask = () => pluginVersions(made.cni, 'p', file);
    expect(await Promise.all([ask(), ask()])).to.deep.equal([
      ['0.4.0', '1.0.0'],
      ['0.4.0', '1.0.0'],
    ]);
    await ask();
    expect(made.story()).to.deep.equal(['p VERSION']);
    made.plugin('p', answer('0.4.0', '1.1.0'));
    utimesSync(file, 1, 1);
    expect(await ask()).to.deep.equal(['0.4.0', '1.1.0']);
    expect(made.calls()[0]?.input).to.deep.equal({ cniVersion: '1.1.0' });
  });

  it('that does not know VERSION is of 0.1.0; another failure is told, and not kept', async () => {
    const made = new PluginBench();
    const old = made.plugin('old', { VERSION: refuse(4, 'unknown CNI_COMMAND: VERSION') });
    expect(await pluginVersions(made.cni, 'old', old)).to.deep.equal(['0.1.0']);
    const file = made.plugin('p', { VERSION: 'exit 1' });
    const error = await cniErrorOf(() => pluginVersions(made.cni, 'p', file));
    expect(error.message).to.equal(
      'asking plugin p for its versions failed: netplugin failed with no error message: exit status 1',
    );
    await cniErrorOf(() => pluginVersions(made.cni, 'p', file));
    expect(made.story()).to.deep.equal(['old VERSION', 'p VERSION', 'p VERSION']);
  });
});
