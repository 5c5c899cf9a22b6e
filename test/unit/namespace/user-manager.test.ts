import { expect } from 'chai';
import { answerIn, outcomeIn } from '../../../src/namespace/user-manager.js';

/** What systemd 252 sent, after the lines of the authentication. */
const ACCEPTED = 'DATA\r\nOK 71f02b8b044d44b2bc1f0072ba86dda1\r\n';

/** A string of D-Bus: its length, itself, a zero. */
const string = (text: string): string => `${String.fromCharCode(text.length)}\0\0\0${text}\0`;
const aligned = (text: string, size: number): string => text.padEnd(Math.ceil(text.length / size) * size, '\0');

/** A message of little-endian D-Bus, with the member as its only header field. */
function message(type: number, member: string, body: string): string {
  const field = `\u0003\u0001s\0${string(member)}`;
  const lengths = [body.length, 1, field.length].map((length) => `${String.fromCharCode(length)}\0\0\0`).join('');
  return `l${String.fromCharCode(type)}\0\u0001${lengths}${aligned(field, 8)}${body}`;
}

const jobRemoved = (unit: string, result: string): string =>
  message(4, 'JobRemoved', `\u0005\0\0\0${aligned(string('/job/5'), 4)}${aligned(string(unit), 4)}${string(result)}`);

const UNIT = 'rnetns-default-0123abcd.scope';
const REFUSED =
  'l\u0003\u0001\u0001\u001f\0\0\0\u0001\0\0\0g\0\0\0\u0005\u0001u\0\u0001\0\0\0\u0004\u0001s\0&\0\0\0' +
  'org.freedesktop.DBus.Error.InvalidArgs\0\0\u0007\u0001s\0\u0018\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0' +
  '\b\u0001g\0\u0001s\0\0\u001a\0\0\0Invalid unit name or type.\0';

const outcome = (text: string): string | undefined => outcomeIn(Buffer.from(text, 'latin1'), UNIT);

describe('the answer of a user manager', () => {
  it('is the result of the job of our unit, among other messages', () => {
    const others = message(4, 'UnitNew', string(UNIT)) + jobRemoved('other.scope', 'failed');
    expect(outcome(ACCEPTED + others + jobRemoved(UNIT, 'done'))).to.equal('done');
    expect(outcome(ACCEPTED + others + jobRemoved(UNIT, 'failed'))).to.equal('its job ended as failed');
    expect(outcome(ACCEPTED + others)).to.be.undefined;
  });

  it('is the text of an error, or a refusal to talk to us', () => {
    expect(outcome(ACCEPTED + REFUSED)).to.equal('Invalid unit name or type.');
    expect(outcome('REJECTED EXTERNAL ANONYMOUS\r\n')).to.equal('it does not know us');
  });

  it('is not known before the last byte of it has come', () => {
    const whole = ACCEPTED + message(4, 'UnitNew', string(UNIT)) + jobRemoved(UNIT, 'done');
    for (let end = 0; end < whole.length; end++) expect(outcome(whole.slice(0, end)), `${end} bytes`).to.be.undefined;
    expect(outcome(whole)).to.equal('done');
  });

  it('to a ping is any that is no error, and no signal', () => {
    const answer = (text: string): string | undefined => answerIn(Buffer.from(text, 'latin1'));
    expect(answer(ACCEPTED + message(4, 'UnitNew', string(UNIT)))).to.be.undefined;
    expect(answer(ACCEPTED + jobRemoved(UNIT, 'done'))).to.be.undefined;
    expect(answer(ACCEPTED + jobRemoved(UNIT, 'done') + message(2, '', ''))).to.equal('done');
    expect(answer(ACCEPTED + REFUSED)).to.equal('Invalid unit name or type.');
    expect(answer('REJECTED EXTERNAL ANONYMOUS\r\n')).to.equal('it does not know us');
  });
});
