/**
 * The references that must be there. For each name and id, and for the count without an id, the values it may have:
 * one while everything is known, more after operations that overlapped, failed or were killed. A quiet point looks
 * which of them it is, and then it is known again.
 */

import { alive } from '../fixtures/processes.js';
import { FAILING_STATUS, type Done } from './perform.js';
import { possibleValues, type Change } from './possible-values.js';

/** `NETS PID` of a reference, its pid 0 without a process; '' for none. */
type IdValue = string;
const ABSENT: IdValue = '';

/** At some moment, perhaps. */
const LOSS: Change<IdValue> = { startMs: 0, endMs: Infinity, certain: false, apply: () => ABSENT };

export interface Observed {
  ids: ReadonlyMap<string, IdValue>;
  anonymous: number;
}

/** May have taken effect long after its caller was gone: what it had started lived on. */
const succeeded = ({ status }: Done): boolean => status === 0;

function change<V>(done: Done, apply: (value: V) => V): Change<V> {
  return { startMs: done.startMs, endMs: done.endMs, certain: succeeded(done), apply };
}

export class ReferenceModel {
  private readonly ids = new Map<string, Set<IdValue>>();
  private anonymous = new Set([0]);

  /**
   * Operations on this name, in any order; all of them have ended.
   *
   * @param namesMayGo - all that held the mounts of the named namespaces were killed.
   */
  apply(operations: readonly Done[], namesMayGo = false): void {
    // A failing plugin: nothing is counted or dropped, whatever else happens.
    const effective = operations.filter(
      (done) => !('plugin' in done.operation && done.operation.plugin === 'fails' && done.status === FAILING_STATUS),
    );
    const ids = new Set([...this.ids.keys(), ...effective.flatMap(({ operation }) => idOf(operation) ?? [])]);
    for (const id of ids) {
      const changes = effective.flatMap((done) => changeOfId(done, id) ?? []);
      if (namesMayGo && id.startsWith('netns:')) changes.push(LOSS);
      this.ids.set(id, possibleValues(this.ids.get(id) ?? [ABSENT], changes));
    }
    const changes = effective.flatMap((done) => changeOfCount(done) ?? []);
    this.anonymous = possibleValues(this.anonymous, changes);
  }

  /** What is wrong with what is there; undefined if it may be so. A reference goes with its process. */
  contradiction({ ids, anonymous }: Observed): string | undefined {
    for (const id of ids.keys()) if (!this.ids.has(id)) return `there is a reference ${id} that nobody set up`;
    for (const [id, values] of this.ids) {
      const possible = new Set([...values].map((value) => (isDead(value) ? ABSENT : value)));
      const value = ids.get(id) ?? ABSENT;
      if (!possible.has(value))
        return `reference ${id} is ${show(value)}, and must be ${[...possible].map(show).join(' or ')}`;
    }
    if (!this.anonymous.has(anonymous)) {
      return `${anonymous} references without an id are counted, and must be ${[...this.anonymous].join(' or ')}`;
    }
    return undefined;
  }

  /** From now on it is known. */
  settle({ ids, anonymous }: Observed): void {
    for (const id of this.ids.keys()) {
      const value = ids.get(id);
      if (value === undefined) this.ids.delete(id);
      else this.ids.set(id, new Set([value]));
    }
    this.anonymous = new Set([anonymous]);
  }

  /** Is there a reference, whatever became of what is not known? */
  mustExist(): boolean {
    const present = (value: IdValue): boolean => value !== ABSENT && !isDead(value);
    return !this.anonymous.has(0) || [...this.ids.values()].some((values) => [...values].every(present));
  }

  /** The ids and the count that a teardown of everything has to name. */
  all(): { ids: string[]; anonymous: number } {
    return { ids: [...this.ids.keys()], anonymous: Math.max(...this.anonymous) };
  }

  /** Those that are known and that no process can take away, so that they hold the namespace. */
  durable(): Set<string> {
    return new Set(
      [...this.ids].filter(([, values]) => [...values].every((value) => value.endsWith(' 0'))).map(([id]) => id),
    );
  }
}

function idOf(operation: Done['operation']): string | undefined {
  return 'id' in operation ? operation.id : undefined;
}

function isDead(value: IdValue): boolean {
  const pid = Number(value.split(' ')[1] ?? 0);
  return pid !== 0 && !alive(pid);
}

function show(value: IdValue): string {
  const [nets = '', pid = '0'] = value.split(' ');
  return value === ABSENT ? 'absent' : `there (${nets} nets${pid === '0' ? '' : `, process ${pid}`})`;
}

function changeOfId(done: Done, id: string): Change<IdValue> | undefined {
  const { operation, tiedTo } = done;
  if (operation.verb === 'stop' && operation.force) return change(done, () => ABSENT);
  if (idOf(operation) !== id) return undefined;
  if (operation.verb === 'netns') {
    return operation.act === 'exec' ? undefined : change(done, () => (operation.act === 'add' ? '1 0' : ABSENT));
  }
  if (operation.verb === 'setup') return change(done, () => `${operation.nets} ${tiedTo}`);
  return change(done, () => ABSENT);
}

function changeOfCount(done: Done): Change<number> | undefined {
  const { operation } = done;
  if (operation.verb === 'stop' && operation.force) return change(done, () => 0);
  if (!('nets' in operation) || operation.id !== undefined) return undefined;
  const { verb, nets } = operation;
  return change(done, (count) => (verb === 'setup' ? count + nets : Math.max(0, count - nets)));
}
