/** State files that were torn, changed or written by something else: read as nothing, or as something whole. */

import { expect } from 'chai';
import fc from 'fast-check';
import { formatLive, parseLive } from '../../../src/state/live.js';
import { parseRecord, type Record } from '../../../src/state/record.js';

const processId = fc.record({ pid: fc.integer({ min: 1, max: 4_194_304 }), startTicks: fc.nat() });
const live = fc.record({
  generation: fc.uuid(),
  bootId: fc.uuid(),
  supervisor: processId,
  guard: fc.option(processId, { nil: undefined }),
  keeper: processId,
});

const path = fc.string({ minLength: 1, maxLength: 20 }).map((text) => `/${text}`);
const idLines = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 1 })), { minLength: 1, maxLength: 3 });
const record: fc.Arbitrary<Record> = fc.record({
  version: fc.constant(1 as const),
  generation: fc.uuid(),
  bootId: fc.uuid(),
  since: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  netnsInode: fc.integer({ min: 1 }),
  lingerSeconds: fc.integer({ min: 0, max: 86_400 }),
  plan: fc.record({
    driver: fc.record({
      name: fc.constant('pasta' as const),
      path,
      args: fc.array(fc.string()),
      readyFd: fc.constant(1),
      dnsForward: fc.array(fc.string()),
      mapGuest: fc.array(fc.string()),
    }),
    idMap: fc.option(fc.record({ uid: idLines, gid: idLines }), { nil: null }),
    mounts: fc.array(
      fc.record({ type: fc.constantFrom('bind' as const, 'rbind' as const), source: path, target: path }),
    ),
    resolvConf: fc.record({ content: fc.string(), mountTarget: fc.option(path, { nil: null }) }),
    directory: path,
  }),
});

/** Replace one value somewhere in it by another one. */
function replaceAt(value: unknown, steps: number[], by: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return by;
  const entries = Object.entries(value);
  const chosen = entries[step % Math.max(entries.length, 1)];
  if (chosen === undefined) return by;
  const changed = replaceAt(chosen[1], rest, by);
  if (Array.isArray(value)) return value.map((item: unknown, index) => (String(index) === chosen[0] ? changed : item));
  return { ...value, [chosen[0]]: changed };
}

describe('property: state files', () => {
  it('live comes back as it was written, and never when it was torn', () => {
    fc.assert(
      fc.property(live, fc.nat(), (value, at) => {
        const text = formatLive(value);
        expect(parseLive(text)).to.deep.equal(value);
        const line = text.trimEnd();
        expect(parseLive(line.slice(0, at % line.length))).to.equal(undefined);
        expect(parseLive(text + text)).to.equal(undefined);
      }),
    );
  });

  it('live with a character changed is refused or whole', () => {
    fc.assert(
      fc.property(live, fc.nat(), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }), (value, at, character) => {
        const text = formatLive(value);
        const index = at % text.length;
        const parsed = parseLive(text.slice(0, index) + character + text.slice(index + 1));
        if (parsed !== undefined) expect(parseLive(formatLive(parsed))).to.deep.equal(parsed);
      }),
    );
  });

  it('state.json comes back as it was written, and never when it was torn', () => {
    fc.assert(
      fc.property(record, fc.nat(), (value, at) => {
        const text = JSON.stringify(value);
        expect(parseRecord(text)).to.deep.equal(JSON.parse(text));
        expect(parseRecord(text.slice(0, at % text.length))).to.equal(undefined);
      }),
    );
  });

  it('state.json with a value of a wrong type anywhere never throws, and what is read has the right ones', () => {
    const wrong = fc.oneof(fc.constantFrom(null, true, -1, 1.5, [], {}, ''), fc.jsonValue());
    fc.assert(
      fc.property(record, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), wrong, (value, steps, by) => {
        const parsed = parseRecord(JSON.stringify(replaceAt(value, steps, by)));
        if (parsed === undefined) return;
        expect(parsed.version).to.equal(1);
        expect(parsed.netnsInode).to.be.a('number');
        expect(parsed.lingerSeconds).to.be.at.least(0);
        for (const { source, target } of parsed.plan.mounts)
          expect([typeof source, typeof target]).to.deep.equal(['string', 'string']);
        for (const argument of parsed.plan.driver.args) expect(argument).to.be.a('string');
      }),
      { numRuns: 500 },
    );
  });
});
