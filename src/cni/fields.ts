import { quote } from '../config/bad-setting.js';
import { addressFamily, cidrFamily } from './cidr.js';
import { CNI_CODE, CniError } from './error.js';
import { kindOf, structField } from './json.js';
import { isObject, type JsonObject } from '../state/json.js';

/**
 * Typed reading of an object that a plugin made, as Go reads a struct: null and, for texts, "" are absent, another type
 * is an error that names the field.
 */
export class Fields {
  readonly object: JsonObject;
  private readonly path: string;

  /** @throws CniError decoding */
  constructor(value: unknown, path: string) {
    if (!isObject(value)) throw refuse(`${path} must be an object, not ${kindOf(value)}`);
    this.object = value;
    this.path = path;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  text(key: string): string | undefined {
    const value = this.get(key) ?? '';
    if (typeof value !== 'string') throw this.wrong(key, `must be a string, not ${kindOf(value)}`);
    return value === '' ? undefined : value;
  }

  /** A whole number; 0 is one. */
  number(key: string): number | undefined {
    const value = this.get(key);
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    throw this.wrong(key, `must be a whole number, not ${quote(value)}`);
  }

  /** A number that means nothing when it is 0. */
  positive(key: string): number | undefined {
    const value = this.number(key);
    return value === 0 ? undefined : value;
  }

  /** Undefined for an empty list. */
  texts(key: string): readonly string[] | undefined {
    const values = this.array(key);
    const odd = values.find((value) => typeof value !== 'string');
    if (odd !== undefined) throw this.wrong(key, `must hold strings, not ${kindOf(odd)}`);
    return values.length === 0 ? undefined : (values as string[]);
  }

  address(key: string): string | undefined {
    const value = this.text(key);
    if (value !== undefined && addressFamily(value) === undefined)
      throw this.wrong(key, `is no IP address: ${quote(value)}`);
    return value;
  }

  /** Required: there is no address without one. */
  cidr(key: string): string {
    const value = this.text(key) ?? '';
    if (cidrFamily(value) === undefined) throw this.wrong(key, `is no address with prefix length: ${quote(value)}`);
    return value;
  }

  /** The object there, or an empty one. */
  child(key: string): Fields {
    return new Fields(this.get(key) ?? {}, `${this.path}.${key}`);
  }

  list(key: string): Fields[] {
    return this.array(key).map((value, index) => new Fields(value, `${this.path}.${key}[${index}]`));
  }

  private array(key: string): unknown[] {
    const value = this.get(key) ?? [];
    if (!Array.isArray(value)) throw this.wrong(key, `must be an array, not ${kindOf(value)}`);
    return value;
  }

  private get(key: string): unknown {
    return structField(this.object, key) ?? undefined;
  }

  private wrong(key: string, why: string): CniError {
    return refuse(`${this.path}.${key} ${why}`);
  }
}

function refuse(why: string): CniError {
  return new CniError(CNI_CODE.decoding, why);
}

/** The value without its undefined fields, which JSON has no word for. */
export function present<T extends object>(value: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}
