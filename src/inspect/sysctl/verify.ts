import { release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { RnetnsError } from '../../errors/error.js';
import { OutsideView } from './outside.js';
import { matcher } from './pattern.js';
import { ScratchNetns, type InsideProgram } from './scratch.js';
import { readTree, shown, type Sysctl } from './tree.js';
import { alternatives } from './values.js';

/**
 * Theory of operation: is a `net` sysctl of one network namespace seen in another one?
 *
 * 1. What the host's sysctls hold is read twice, some time apart: what differs moves by itself, and proves nothing.
 * 2. In a scratch network namespace each sysctl that may be written gets another value, some at a time.
 * 3. After each batch all of the host's are read again. What differs may be a leak, or the host's own doing: the
 *    sysctls written are written again, one by one, while the one outside is watched. Twice it must stay as it is before
 *    the write and differ after it.
 * 4. The batch is put back, so that what was changed of the host's has its old value again.
 *
 * Nothing is written outside: as an unprivileged user we couldn't. What changes there anyway is what is looked for.
 */
export interface SysctlReport {
  leaks: Leak[];
  /** Changed outside during a batch, and not again by a single write: the host's own doing, or a leak that happens once. */
  unclear: { name: string; before: string; after: string }[];
  /** How many got another value inside. */
  changed: number;
  skipped: Skipped[];
  kernel: string;
}

export interface Leak {
  /** What changed outside. */
  name: string;
  before: string;
  after: string;
  /** What was written inside; mostly the same one. */
  by: string;
  /** It has its old value again. */
  restored: boolean;
}

export interface Skipped {
  name: string;
  why: string;
}

/** Three views of one tree; other ones than /proc/sys only in tests. */
export interface Roots {
  outside: string;
  inside: string;
  /** A second scratch namespace, for what the caller may not read outside. */
  witness: string;
}

export interface VerifyOptions {
  program: InsideProgram;
  /** `net/ipv4/*`: which ones are written; all of those outside are watched. */
  pattern?: string | undefined;
  /** Also write what can't be put back. */
  oneWay?: boolean | undefined;
  roots?: Roots;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/**
 * Known to be one switch for the whole machine that any namespace turns on, and nobody turns off before the next boot
 * (nf_hooks_lwtunnel_set(), net/netfilter/nf_hooks_lwtunnel.c, Linux 5.15 and newer).
 */
const ONE_WAY: readonly string[] = ['net/netfilter/nf_hooks_lwtunnel'];

/** Counts what the host does, however still it is just now. */
const COUNTERS: readonly string[] = ['net/netfilter/nf_conntrack_count'];

const PROC: Roots = { outside: '/proc/sys', inside: '/proc/sys', witness: '/proc/sys' };
const PART = 'net';
const BATCH = 100;
const SAMPLE_MS = 300;
const STILL_MS = 20;

/** @throws RnetnsError ERR_USERNS without user namespaces; ERR_USAGE when nothing matches; ERR_NETNS when nothing can be written. */
export async function verifySysctls(options: VerifyOptions): Promise<SysctlReport> {
  const { program, pattern, roots = PROC } = options;
  const matches = matcher(pattern);
  const sampled = Date.now();
  const first = readTree(roots.outside, PART);
  const scratch = await ScratchNetns.create(program, roots.inside);
  try {
    const witness = await ScratchNetns.create(program, roots.witness);
    try {
      const inside = new Map((await scratch.ask({ do: 'list', part: PART })).map((entry) => [entry.name, entry]));
      if (![...first.keys(), ...inside.keys()].some(matches)) {
        throw new RnetnsError('ERR_USAGE', `no sysctl matches ${pattern ?? ''}: names look like net/ipv4/ip_forward`, {
          hint: "quote the pattern: rnetns sysctl verify --pattern 'net/ipv4/*'",
        });
      }
      const outside = new OutsideView(roots.outside, first, witness);
      await sleep(Math.max(0, sampled + SAMPLE_MS - Date.now()));
      return await new Verification(options, scratch, outside, inside, matches).run(first);
    } finally {
      await witness.close();
    }
  } finally {
    await scratch.close();
  }
}

type Change = { to: string } | { why: string };

class Verification {
  private readonly options: VerifyOptions;
  private readonly scratch: ScratchNetns;
  private readonly outside: OutsideView;
  private readonly inside: ReadonlyMap<string, Sysctl>;
  private readonly matches: (name: string) => boolean;
  private readonly report: SysctlReport = { leaks: [], unclear: [], changed: 0, skipped: [], kernel: release() };
  private readonly moving = new Set<string>(COUNTERS);

  constructor(
    options: VerifyOptions,
    scratch: ScratchNetns,
    outside: OutsideView,
    inside: ReadonlyMap<string, Sysctl>,
    matches: (name: string) => boolean,
  ) {
    this.options = options;
    this.scratch = scratch;
    this.outside = outside;
    this.inside = inside;
    this.matches = matches;
  }

  async run(first: ReadonlyMap<string, Sysctl>): Promise<SysctlReport> {
    const { report, options } = this;
    let baseline = await this.outside.read();
    for (const [name, { reading }] of first) {
      // What only the witness can read was read once.
      const now = baseline.get(name);
      if (now !== undefined && 'text' in reading && shown(reading) !== now) this.moving.add(name);
    }
    const todo = this.plan(first);
    for (let done = 0; done < todo.length; done += BATCH) {
      options.onProgress?.(done, todo.length);
      baseline = await this.verify(todo.slice(done, done + BATCH), baseline);
    }
    options.onProgress?.(todo.length, todo.length);
    report.skipped.sort((a, b) => (a.name < b.name ? -1 : 1));
    return report;
  }

  /** Steps 2 to 4 for one batch; returns what is outside after it. */
  private async verify(batch: readonly string[], baseline: ReadonlyMap<string, string>): Promise<Map<string, string>> {
    const { report } = this;
    const written = await this.write(batch);
    const now = await this.outside.read();
    const leaks: Leak[] = [];
    const unclear = new Map<string, string>();
    for (const [name, before] of baseline) {
      const after = now.get(name);
      if (!this.hasMoved(name, before, after)) continue;
      const by = await this.find(name, after, written);
      if (by !== undefined) leaks.push({ name, before, after, by, restored: false });
      else unclear.set(name, after);
    }
    await this.scratch.ask({ do: 'restore' });
    const last = await this.outside.read();
    for (const leak of leaks) leak.restored = last.get(leak.name) === leak.before;
    for (const [name, before] of baseline) {
      // Also what changed later than the look at it, or while another one was looked at.
      const after = unclear.get(name) ?? last.get(name);
      const known = leaks.some((leak) => leak.name === name);
      if (!known && this.hasMoved(name, before, after)) report.unclear.push({ name, before, after });
    }
    report.leaks.push(...leaks);
    report.changed += written.length;
    return last;
  }

  /** Which ones to write; all others are skipped, with the reason. */
  private plan(first: ReadonlyMap<string, Sysctl>): string[] {
    const skip = (name: string, why: string): void => void this.report.skipped.push({ name, why });
    for (const name of first.keys()) {
      if (this.matches(name) && !this.inside.has(name)) skip(name, 'not in a new network namespace');
    }
    return [...this.inside.values()].flatMap(({ name, mode }) => {
      if (!this.matches(name)) return [];
      if ((mode & 0o222) === 0) skip(name, 'read-only');
      else if ((mode & 0o444) === 0) skip(name, 'write-only: it does something, and holds nothing');
      else if (!this.outside.sees(name)) skip(name, 'not readable outside: a leak would not be seen');
      else if (this.moving.has(name)) skip(name, 'changes by itself outside');
      else if (ONE_WAY.includes(name) && this.options.oneWay !== true) {
        skip(name, 'all namespaces share it until the next boot: written with --one-way only');
      } else return [name];
      return [];
    });
  }

  /** Write each of them; those that have another value now. */
  private async write(batch: readonly string[]): Promise<string[]> {
    const written: string[] = [];
    for (const name of batch) {
      this.options.signal?.throwIfAborted();
      const change = await this.change(name);
      if ('to' in change) written.push(name);
      else this.report.skipped.push({ name, why: change.why });
    }
    return written;
  }

  /** Give it another value than it has now. */
  private async change(name: string): Promise<Change> {
    const before = await this.scratch.ask({ do: 'read', name });
    const present = 'text' in before ? before.text : undefined;
    const siblings = (sibling: string): string | undefined => {
      const reading = this.inside.get(sibling)?.reading;
      return reading !== undefined && 'text' in reading ? reading.text : undefined;
    };
    const texts = alternatives(name, present, siblings);
    if (texts.length === 0) {
      return {
        why: present === undefined ? `can't be read: ${shown(before)}` : `no other value is known for '${present}'`,
      };
    }
    const refusals = new Set<string>();
    for (const text of texts) {
      const { error, reading } = await this.scratch.ask({ do: 'write', name, text });
      if (shown(reading) !== shown(before)) return { to: shown(reading) };
      if (error === 'EROFS') throw readOnlyTree(name);
      refusals.add(error ?? 'it kept its value');
    }
    return {
      why: `the kernel took none of ${texts.map((text) => `'${text}'`).join(', ')}: ${[...refusals].join(', ')}`,
    };
  }

  private hasMoved(name: string, before: string, now: string | undefined): now is string {
    // One that has come or gone belongs to an interface that has.
    return now !== undefined && now !== before && !this.moving.has(name);
  }

  /** Which of the sysctls written moves the one outside, which is `after` now? Itself most likely. */
  private async find(name: string, after: string, written: readonly string[]): Promise<string | undefined> {
    const others = written.filter((other) => other !== name).reverse();
    for (const by of written.includes(name) ? [name, ...others] : others) {
      this.options.signal?.throwIfAborted();
      const first = await this.moves(by, name);
      if (first === 'by itself') return undefined;
      if (first === 'yes' && (await this.moves(by, name)) === 'yes') return by;
      // It can be written only once, and outside is what was written: that is no chance.
      if (first === 'not writable' && by === name && (await this.insideNow(name)) === after) return by;
    }
    return undefined;
  }

  /** Does one outside stay as it is until another value is written inside? */
  private async moves(by: string, name: string): Promise<'yes' | 'no' | 'by itself' | 'not writable'> {
    const still = shown(await this.outside.readOne(name));
    await sleep(STILL_MS);
    if (shown(await this.outside.readOne(name)) !== still) {
      this.moving.add(name);
      return 'by itself';
    }
    if ('why' in (await this.change(by))) return 'not writable';
    return shown(await this.outside.readOne(name)) === still ? 'no' : 'yes';
  }

  private async insideNow(name: string): Promise<string> {
    return shown(await this.scratch.ask({ do: 'read', name }));
  }
}

function readOnlyTree(name: string): RnetnsError {
  return new RnetnsError('ERR_NETNS', `verifying sysctls failed on ${name}: /proc/sys is read-only here`, {
    hint: 'container runtimes mount it so; call it on the host, or in a container with --security-opt unmask=/proc/sys',
  });
}
