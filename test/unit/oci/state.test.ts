import { expect } from 'chai';
import { RnetnsError } from '../../../src/errors/error.js';
import { parseState } from '../../../src/oci/state.js';

describe('oci: the state of a container', () => {
  it('of crun, runc and podman is read', () => {
    const crun = '{"ociVersion":"1.0","id":"t1","pid":19094,"root":"rootfs","bundle":"/b","status":"created"}';
    expect(parseState(crun)).to.deep.equal({ id: 't1', status: 'created', pid: 19094, annotations: {} });
    const stopped = '{"ociVersion":"1.0","id":"t1","pid":0,"bundle":"/b","status":"stopped"}';
    expect(parseState(stopped).pid).to.equal(undefined);
    const podman = '{"ociVersion":"1.0.2-dev","id":"t1","status":"stopped","bundle":"/b","annotations":{"a":"b"}}';
    expect(parseState(podman)).to.deep.equal({ id: 't1', status: 'stopped', pid: undefined, annotations: { a: 'b' } });
  });

  for (const [what, text, words] of [
    ['nothing', ' ', /there is none/],
    ['no JSON', 'id=web', /JSON/],
    ['no object', '["web"]', /no JSON object/],
    ['no id', '{"status":"created","pid":1}', /id is missing/],
    ['an id that leads elsewhere', '{"id":"../x","status":"created","pid":1}', /"\.\.\/x"/],
    ['an id with a new line', '{"id":"a\\nb","status":"created","pid":1}', /"a\\nb"/],
    ['an option as id', '{"id":"-n","status":"created","pid":1}', /"-n"/],
    ['an id of 200 characters', `{"id":"${'a'.repeat(200)}","status":"created","pid":1}`, /more than 128/],
    ['no status', '{"id":"web","pid":1}', /status is missing/],
    ['a pid that is no number', '{"id":"web","status":"created","pid":"1; rm"}', /pid is "1; rm"/],
    ['a negative pid', '{"id":"web","status":"created","pid":-1}', /pid is -1/],
    ['annotations that are no strings', '{"id":"web","status":"created","pid":1,"annotations":{"a":1}}', /annotations/],
  ] as const) {
    it(`with ${what} is refused`, () => {
      expect(() => parseState(text))
        .to.throw(RnetnsError, words)
        .with.property('code', 'ERR_USAGE');
    });
  }
});
