import { quote } from '../config/bad-setting.js';
import { RnetnsError } from '../errors/error.js';
import { ID } from '../state/references.js';
import { isObject } from '../state/json.js';

/**
 * What a runtime tells its hooks about a container, on their stdin, as far as a network depends on it.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/v1.2.0/runtime.md#state
 */
export interface ContainerState {
  id: string;
  /** `creating`, `created`, `running`, `stopped`, or a runtime's own. */
  status: string;
  /** Of its first process; undefined where the runtime gives none: crun says 0, others leave the key out. */
  pid: number | undefined;
  annotations: Readonly<Record<string, string>>;
}

/**
 * Read and check it. The id becomes the name of a reference and a CNI container id: runtimes allow more than these do.
 *
 * @throws RnetnsError ERR_USAGE naming the key.
 */
export function parseState(text: string): ContainerState {
  const refuse = (why: string): never => {
    throw new RnetnsError('ERR_USAGE', `cannot use the container state on stdin: ${why}`, {
      hint: 'it is what an OCI runtime gives to its hooks: {"id":"web","status":"creating","pid":4711}',
    });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    refuse(text.trim() === '' ? 'there is none' : cause instanceof Error ? cause.message : String(cause));
  }
  if (!isObject(value)) return refuse('it is no JSON object');
  const { id, status, pid, annotations } = value;
  if (typeof id !== 'string') return refuse('id is missing, or no string');
  if (!ID.test(id)) {
    return refuse(
      `the id ${quote(id)} has more than 128 characters, or others than letters, digits, and _ . - after the first`,
    );
  }
  if (typeof status !== 'string') return refuse('status is missing, or no string');
  if (pid != null && !(Number.isInteger(pid) && Number(pid) >= 0)) return refuse(`pid is ${quote(pid)}`);
  if (annotations != null && !isStringMap(annotations)) return refuse('annotations is no object of strings');
  return { id, status, pid: Number(pid ?? 0) || undefined, annotations: annotations ?? {} };
}

function isStringMap(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((item) => typeof item === 'string');
}
