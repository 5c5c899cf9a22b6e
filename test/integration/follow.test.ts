/** A host that changes its networks while commands run: what a namespace says and has is looked at again, and mended. */

import { expect } from 'chai';
import { printed } from '../fixtures/netns-facts.js';
import { naming, playedHost, SERVERS } from '../fixtures/played-network.js';
import { requires } from '../fixtures/requirements.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';

const [FIRST, SECOND] = SERVERS;

describe('a host that changes', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip', 'python3');
  });

  it('its name servers: status and doctor say that resolv.conf is stale, repair writes it in place', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn([
      'run',
      '--',
      'sh',
      '-c',
      'cat /etc/resolv.conf; while read -r _; do cat /etc/resolv.conf; echo end; done',
    ]);
    await printed(inside, `nameserver ${FIRST}\n`);
    expect((await host.status()).stale).to.deep.equal([]);
    await host.resolvConf(`search example.org\n${naming(SECOND)}`);
    const { stale } = await host.status();
    expect(stale?.map(({ what }) => what)).to.deep.equal(['resolv.conf']);
    expect((await host.run(['status'])).stdout).to.match(
      new RegExp(`problem .*resolv.conf names .*${FIRST}.*${SECOND}: rnetns repair`),
    );
    const doctor = JSON.parse((await host.run(['doctor', '--json', '--check', 'dns'])).stdout) as {
      checks: { status: string; detail: string }[];
    };
    expect(doctor.checks[0]?.status).to.equal('warn');
    expect(doctor.checks[0]?.detail).to.include('resolv.conf names');
    expect((await host.run(['repair'])).stdout).to.match(/resolv.conf names .*: written again/);
    inside.child.stdin?.write('\n');
    const text = await printed(inside, 'end\n');
    expect(text.slice(text.indexOf('search'))).to.equal(`search example.org\n${naming(SECOND)}end\n`);
    expect(await host.status()).to.deep.include({ stale: [], nameservers: [SECOND], dnsForwardIps: [] });
    expect((await host.run(['repair'])).stdout).to.equal('nothing to mend\n');
    // Back again: the driver's forwarder asks that one still.
    await host.resolvConf(naming(FIRST, SECOND));
    await host.run(['repair']);
    expect((await host.status()).nameservers).to.deep.equal(['169.254.1.1', FIRST, SECOND]);
  });

  it('its name servers to none, or a file that is none: what was there last stays', async function () {
    const host = await playedHost(freshRuntimeDir(this), [FIRST]);
    const inside = host.spawn(['run', '--', 'sh', '-c', 'echo up; exec sleep 60']);
    await printed(inside, 'up\n');
    const before = (await host.status()).nameservers;
    for (const way of [
      'true >/etc/resolv.conf',
      'rm /etc/resolv.conf',
      'mkdir /etc/resolv.conf',
      'rmdir /etc/resolv.conf; yes "nameserver 192.0.2.54" | head -c 1000000 >/etc/resolv.conf',
      'echo nameserver 127.0.0.1 >/etc/resolv.conf',
    ]) {
      await host.sh(way);
      expect(await host.status(), way).to.deep.include({ stale: [], nameservers: before });
    }
    const { stderr, status } = await host.run(['repair']);
    expect(status).to.equal(0);
    expect(stderr).to.match(/resolv.conf stays as it is: the host asks 127.0.0.1/);
    expect((await host.status()).nameservers).to.deep.equal(before);
  });
});
