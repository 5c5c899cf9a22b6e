/** The library of rnetns: everything that other programs may import. */
export { RnetnsError, ERROR_CODES, EXIT, type ErrorCode } from './errors/error.js';
