/**
 * Versions of the CNI spec: three numbers that are compared one by one, and no semver (no ranges, no pre-releases).
 *
 * @see libcni's version.ParseVersion, https://github.com/containernetworking/cni/blob/main/pkg/version/plugin.go
 */

/** Every version there is, oldest first; those that we can convert results between. */
export const CNI_VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;
export type CniVersion = (typeof CNI_VERSIONS)[number];

/** The one that this library implements. */
export const CURRENT_VERSION: CniVersion = '1.1.0';

/** What a configuration without a version means. */
export const OLDEST_VERSION: CniVersion = '0.1.0';

export type VersionNumbers = readonly [major: number, minor: number, micro: number];

/** Parts that are missing are 0, nothing at all is 0.1.0; undefined for what is no version. */
export function parseVersion(text: string): VersionNumbers | undefined {
  if (text === '') return parseVersion(OLDEST_VERSION);
  if (!/^\d{1,9}(\.\d{1,9}){0,2}$/.test(text)) return undefined;
  const [major = 0, minor = 0, micro = 0] = text.split('.').map(Number);
  return [major, minor, micro];
}

/** Below, at or above 0 as `a` is older than, the same as or newer than `b`; what is no version is older than all. */
export function compareVersions(a: string, b: string): number {
  const none: VersionNumbers = [-1, -1, -1];
  const [left, right] = [parseVersion(a) ?? none, parseVersion(b) ?? none];
  return left[0] - right[0] || left[1] - right[1] || left[2] - right[2];
}

export function atLeast(version: string, minimum: CniVersion): boolean {
  return compareVersions(version, minimum) >= 0;
}

/** Plugins compare the text, not the numbers: `0.4` is refused by all of them, so it is none of ours. */
export function isKnownVersion(text: string): text is CniVersion {
  return (CNI_VERSIONS as readonly string[]).includes(text);
}
