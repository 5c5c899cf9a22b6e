import { expect } from 'chai';
import { redirectLines, redirectRules } from '../../../src/plan/redirect.js';

const none = (family: string): string => `add table ${family} rnetns_dns\ndelete table ${family} rnetns_dns\n`;

describe('the redirects of forwarders', () => {
  it('are no table when there is none', () => {
    expect(redirectRules([])).to.equal(none('ip') + none('ip6'));
    expect(redirectLines([])).to.equal('');
  });

  it('are rules for commands and for containers, by UDP and TCP, in a table of the family', () => {
    const rules = redirectRules([{ from: '169.254.1.1', to: '192.0.2.54' }]);
    expect(rules.startsWith(`${none('ip')}table ip rnetns_dns {\n`)).to.be.true;
    expect(rules.endsWith(`}\n${none('ip6')}`)).to.be.true;
    expect(rules.match(/ip daddr 169\.254\.1\.1 (udp|tcp) dport 53 dnat to 192\.0\.2\.54/g)).to.have.lengthOf(4);
    expect(rules.match(/type nat hook (output|prerouting) priority -110;/g)).to.have.lengthOf(2);
    expect(redirectRules([{ from: 'fd72::53', to: '2001:db8::54' }])).to.include(
      'ip6 daddr fd72::53 udp dport 53 dnat to 2001:db8::54',
    );
  });
});
