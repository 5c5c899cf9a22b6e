import { connect } from 'node:net';
import { join } from 'node:path';

/**
 * What is asked of a systemd user manager: StartTransientUnit of org.freedesktop.systemd1(5), and whether it is there at
 * all, on the manager's own socket. systemd-run(1) asks the same; from here it costs no process, the caller needs no D-Bus
 * daemon, and the wait has a limit, which systemd-run's has not.
 *
 * The wire is that of https://dbus.freedesktop.org/doc/dbus-specification.html: SASL lines first, then messages.
 */

/**
 * `EXTERNAL` without data: the manager looks at the socket, SO_PEERCRED of unix(7). The message waits for its answer: sd-bus
 * reads up to 256 bytes while it authenticates, and a short message that came with these lines lies there until the next.
 */
const AUTHENTICATION = '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n';

const LITTLE_ENDIAN = 'l';
const PROTOCOL_VERSION = 1;
const METHOD_CALL = 1;
const METHOD_RETURN = 2;
const ERROR = 3;
const SIGNAL = 4;
const FIELD = { path: 1, interface: 2, member: 3, destination: 6, signature: 8 } as const;

/** Where systemd --user listens, whether or not the user has a session bus. */
export function managerSocket(runtimeDir: string): string {
  return join(runtimeDir, 'systemd/private');
}

/**
 * Start a scope unit with the calling process in it, threads and all. Children inherit it; the others stay.
 *
 * @throws Error whose message says why not; its `code` is connect(2)'s, when there is no manager.
 */
export async function startScope(
  socket: string,
  unit: { name: string; description: string },
  timeoutMs: number,
): Promise<void> {
  await exchange(socket, startTransientUnit(unit), (received) => outcomeIn(received, unit.name), timeoutMs);
}

/**
 * Does it answer? Changes nothing.
 *
 * @throws Error as startScope does.
 */
export async function pingManager(socket: string, timeoutMs: number): Promise<void> {
  await exchange(socket, ping(), answerIn, timeoutMs);
}

async function exchange(
  socket: string,
  message: Buffer,
  outcomeOf: (received: Buffer) => string | undefined,
  timeoutMs: number,
): Promise<void> {
  const connection = connect(socket);
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
      connection.on('error', reject);
      connection.on('close', () => reject(new Error('the connection was closed')));
      let received = Buffer.alloc(0);
      let sent = false;
      connection.on('data', (data) => {
        received = Buffer.concat([received, data]);
        if (!sent && authenticated(received) !== undefined) {
          sent = true;
          connection.write(message);
        }
        const outcome = outcomeOf(received);
        if (outcome === 'done') resolve();
        else if (outcome !== undefined) reject(new Error(outcome));
      });
      connection.write(AUTHENTICATION);
    });
  } finally {
    clearTimeout(timer);
    connection.destroy();
  }
}

/** What came after the lines of the authentication; undefined before their end. */
function authenticated(received: Buffer): Buffer | undefined {
  const lines = /^(?:DATA\r\n)?OK [0-9a-f]*\r\n/.exec(received.toString('latin1'));
  return lines === null ? undefined : received.subarray(lines[0].length);
}

function refused(received: Buffer): string | undefined {
  return received.includes('REJECTED') ? 'it does not know us' : undefined;
}

/** `done` once our call was answered, or the text of the error; undefined before. Exported for its test. */
export function answerIn(received: Buffer): string | undefined {
  const bytes = authenticated(received);
  if (bytes === undefined) return refused(received);
  for (const { type, body } of messages(bytes)) {
    if (type === METHOD_RETURN) return 'done';
    if (type === ERROR) return textOf(body);
  }
  return undefined;
}

/** The first value of an error is its text. */
function textOf(body: Buffer): string {
  return body.subarray(4).toString('utf8').replace(/\0.*$/s, '');
}

/** `done`, or why the unit didn't start; undefined while neither is known. Exported for its test. */
export function outcomeIn(received: Buffer, unit: string): string | undefined {
  const bytes = authenticated(received);
  if (bytes === undefined) return refused(received);
  for (const { type, header, body } of messages(bytes)) {
    // Ours is the only call, so that every error is an answer to it.
    if (type === ERROR) return textOf(body);
    // JobRemoved(u id, o job, s unit, s result): the unit has started, or not.
    if (type === SIGNAL && header.includes('JobRemoved\0') && body.includes(`${unit}\0`)) {
      const result = /([a-z]+)\0$/.exec(body.toString('latin1'))?.[1] ?? 'unknown';
      return result === 'done' ? result : `its job ended as ${result}`;
    }
  }
  return undefined;
}

/** Those that are there completely. */
function* messages(bytes: Buffer): Generator<{ type: number; header: Buffer; body: Buffer }> {
  for (let rest = bytes; rest.length >= 16;) {
    const uint32 = (at: number): number =>
      rest[0] === LITTLE_ENDIAN.charCodeAt(0) ? rest.readUInt32LE(at) : rest.readUInt32BE(at);
    const bodyAt = 16 + Math.ceil(uint32(12) / 8) * 8;
    const end = bodyAt + uint32(4);
    if (rest.length < end) return;
    yield { type: rest[1] ?? 0, header: rest.subarray(0, bodyAt), body: rest.subarray(bodyAt, end) };
    rest = rest.subarray(end);
  }
}

function startTransientUnit({ name, description }: { name: string; description: string }): Buffer {
  const body = new Message()
    .string(name)
    .string('fail')
    .array(8, (properties) =>
      properties
        // 0 is the process at the other end of the socket: our own pid may be another in the manager's pid namespace.
        .property('PIDs', 'au', (value) => value.array(4, (pids) => pids.uint32(0)))
        .property('Description', 's', (value) => value.string(description))
        .property('CollectMode', 's', (value) => value.string('inactive-or-failed')),
    )
    .array(8, () => undefined).bytes;
  return methodCall('/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager', 'StartTransientUnit', {
    signature: 'ssa(sv)a(sa(sv))',
    body,
  });
}

/** https://dbus.freedesktop.org/doc/dbus-specification.html#standard-interfaces-peer: all that listen have it. */
function ping(): Buffer {
  return methodCall('/org/freedesktop/systemd1', 'org.freedesktop.DBus.Peer', 'Ping');
}

function methodCall(
  path: string,
  interfaceName: string,
  member: string,
  { signature, body }: { signature: string; body: Uint8Array } = { signature: '', body: Buffer.alloc(0) },
): Buffer {
  const header = new Message()
    .byte(LITTLE_ENDIAN.charCodeAt(0))
    .byte(METHOD_CALL)
    .byte(0)
    .byte(PROTOCOL_VERSION)
    .uint32(body.length)
    .uint32(1)
    .array(8, (fields) => {
      fields
        .field(FIELD.path, 'o', path)
        .field(FIELD.interface, 's', interfaceName)
        .field(FIELD.member, 's', member)
        .field(FIELD.destination, 's', 'org.freedesktop.systemd1');
      if (signature !== '') fields.field(FIELD.signature, 'g', signature);
    })
    .align(8).bytes;
  return Buffer.concat([header, body]);
}

/** Values one after the other, each aligned to its size. */
class Message {
  private readonly values: number[] = [];

  get bytes(): Buffer {
    return Buffer.from(this.values);
  }

  align(size: number): this {
    while (this.values.length % size !== 0) this.values.push(0);
    return this;
  }

  byte(value: number): this {
    this.values.push(value);
    return this;
  }

  uint32(value: number): this {
    this.align(4).values.push(...littleEndian(value));
    return this;
  }

  string(value: string): this {
    const bytes = Buffer.from(value);
    this.uint32(bytes.length).values.push(...bytes, 0);
    return this;
  }

  signature(value: string): this {
    this.values.push(value.length, ...Buffer.from(value), 0);
    return this;
  }

  /** Its length counts from the first element on, without the padding before that. */
  array(elementAlignment: number, fill: (elements: this) => unknown): this {
    this.uint32(0);
    const lengthAt = this.values.length - 4;
    const begin = this.align(elementAlignment).values.length;
    fill(this);
    this.values.splice(lengthAt, 4, ...littleEndian(this.values.length - begin));
    return this;
  }

  /** An element of a(sv). */
  property(name: string, type: string, write: (value: this) => unknown): this {
    write(this.align(8).string(name).signature(type));
    return this;
  }

  /** An element of the header's a(yv). */
  field(code: number, type: 'o' | 's' | 'g', value: string): this {
    this.align(8).byte(code).signature(type);
    return type === 'g' ? this.signature(value) : this.string(value);
  }
}

function littleEndian(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
