/** The library of rnetns: everything that other programs may import. */
export { ERROR_CODES, EXIT, RnetnsError, type ErrorCode, type ErrorDetail } from './errors/error.js';
export type { Status } from './inspect/status.js';
export { RootlessNetns, type OpenOptions } from './library/rootless-netns.js';
export type { NetnsInfo } from './state/info.js';
export type { Reference } from './state/references.js';
