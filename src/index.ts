/** The library of rnetns: everything that other programs may import. */
export { ERROR_CODES, EXIT, RnetnsError, type ErrorCode, type ErrorDetail } from './errors/error.js';
export type { Limit } from './inspect/limits.js';
export type { Stale } from './lifecycle/look.js';
export type { Protection } from './inspect/protection.js';
export type { Status } from './inspect/status.js';
export type { Inside, InsideFunction } from './library/inside.js';
export type { ReferenceOptions, SetupOptions } from './library/references.js';
export { RootlessNetns, type OpenOptions, type StopOptions } from './library/rootless-netns.js';
export type { Traffic } from './ports/forwarder/traffic.js';
export type { ListedPort } from './ports/listing.js';
export type { ForwarderName, Source, Sources } from './ports/sources.js';
export type { NetnsInfo } from './state/info.js';
export type { Reference } from './state/references.js';
