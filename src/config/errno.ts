/** The `code` of a system error such as `ENOENT`; undefined for anything else. */
export function errnoCode(cause: unknown): string | undefined {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Why a system call failed, without the path (the caller names it): `permission denied (EACCES)`. */
export function errnoReason(cause: unknown): string {
  const code = errnoCode(cause);
  const message = cause instanceof Error ? cause.message : String(cause);
  // Node writes "CODE: text, syscall 'path'".
  const text = /^E[A-Z0-9]+: ([^,]+)/.exec(message)?.[1];
  return code !== undefined && text !== undefined ? `${text} (${code})` : message;
}
