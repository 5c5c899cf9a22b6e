/**
 * A failure of CNI, with the code of the spec beside our own: a runtime decides by the number, people read the line.
 *
 * @see https://github.com/containernetworking/cni/blob/main/SPEC.md#error
 */

import { RnetnsError } from '../errors/error.js';
import { CURRENT_VERSION } from './version.js';

/** The codes that the spec and libcni's pkg/types name. Those from 100 on are the plugins' own. */
export const CNI_CODE = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  io: 5,
  decoding: 6,
  badConfig: 7,
  badNetns: 8,
  tryAgainLater: 11,
  unavailable: 50,
  limitedConnectivity: 51,
  /** What plugins made with libcni's skel say when they have no better one. */
  unclassified: 999,
} as const;

/** The spec's error object, as a plugin prints it on stdout. */
export interface CniErrorObject {
  cniVersion: string;
  code: number;
  msg: string;
  details: string;
}

export interface CniErrorDetail {
  details?: string | undefined;
  /** The act and what it was done on, before the reason: `adding eth0 of c1 to network n failed on plugin bridge`. */
  context?: string | undefined;
  hint?: string | undefined;
  cause?: unknown;
  /** The plugin did nothing at all: it could not be started, or doesn't speak the version. */
  refused?: boolean;
}

export class CniError extends RnetnsError {
  readonly cniCode: number;
  /** What went wrong, without the context, as the plugin said it. */
  readonly msg: string;
  readonly details: string;
  readonly context: string | undefined;
  readonly refused: boolean;

  constructor(cniCode: number, msg: string, detail: CniErrorDetail = {}) {
    const { details = '', context, hint, cause, refused = false } = detail;
    const reason = details === '' ? msg : `${msg}; ${details}`;
    // Plugins quote what iptables and the like print, line by line; an error of ours is one line.
    const message = (context === undefined ? reason : `${context}: ${reason}`).replace(/\s*[\r\n]+\s*/g, ' ').trim();
    super('ERR_CNI', message, { hint, cause });
    this.cniCode = cniCode;
    this.msg = msg;
    this.details = details;
    this.context = context;
    this.refused = refused;
  }

  /** The same failure, told from further away. */
  during(context: string): CniError {
    const { cniCode, msg, details, hint, refused } = this;
    const whole = this.context === undefined ? context : `${context}: ${this.context}`;
    return new CniError(cniCode, msg, { details, context: whole, hint, refused, cause: this });
  }

  /** The same failure with something to do about it, unless there is already. */
  advise(hint: string | undefined): CniError {
    const { cniCode, msg, details, context, refused } = this;
    if (this.hint !== undefined || hint === undefined) return this;
    return new CniError(cniCode, msg, { details, context, hint, refused, cause: this });
  }

  toJSON(): CniErrorObject {
    return { cniVersion: CURRENT_VERSION, code: this.cniCode, msg: this.msg, details: this.details };
  }
}
