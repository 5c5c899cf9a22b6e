import { expect } from 'chai';
import { redact } from '../../../src/doctor/redact.js';

const SECRET = 'hunter2';

describe('what goes into a bundle', () => {
  for (const text of [
    `http_proxy=http://ann:${SECRET}@proxy:3128/`,
    `"https://${SECRET}@git.example/x"`,
    `//server/share rw,username=ann,password=${SECRET},uid=0`,
    `"password": "${SECRET} and ${SECRET}"`,
    `"token": "a\\"${SECRET}\\" b"`,
    `passwd: ${SECRET}`,
    `Authorization: Bearer ${SECRET}`,
    `authorization: basic ${SECRET}`,
    `API_KEY='${SECRET} x'`,
    `client_secret=${SECRET}&grant=1`,
    `PASSWORD = ${SECRET}`,
  ]) {
    it(`has no secret: ${text.replaceAll(SECRET, '…')}`, () => {
      expect(redact(text, '')).not.to.include(SECRET);
      expect(redact(text, '')).to.include('***');
    });
  }

  it('is itself otherwise', () => {
    const text = 'net:[4026531840] on /run/user/1000/rnetns a@b.example key=value 10.0.2.3:53 {"id": "tun"}';
    expect(redact(text, '/home/ann')).to.equal(text);
  });

  it('does not tell where the home directory is', () => {
    expect(redact('PATH=/home/ann/bin:/usr/bin', '/home/ann')).to.equal('PATH=~/bin:/usr/bin');
    expect(redact('/etc', '/')).to.equal('/etc');
  });
});
