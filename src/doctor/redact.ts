/**
 * Secrets as they come in addresses of proxies, in options of mounts and in the words of programs. What is to be told to
 * strangers goes through here, wherever it is from; that no file of the user's is in it is up to the caller.
 */
const HIDDEN = '***';

/** @param home - the caller's home directory; '' where there is none. Its name tells who somebody is. */
export function redact(text: string, home: string): string {
  const withoutSecrets = text
    // scheme://user:password@host
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi, `$1${HIDDEN}@`)
    // key=value, key: value, "key": "value"
    .replace(
      /((?:pass(?:word|wd|phrase)?|secret|token|credentials?|cookie|api[-_]?key|auth(?:orization)?)["']?\s*[=:]\s*)("(?:[^"\\]|\\.)*"|'[^']*'|(?:(?:bearer|basic)\s+)?[^\s,;&"']+)/gi,
      `$1${HIDDEN}`,
    );
  return home.length > 1 ? withoutSecrets.replaceAll(home, '~') : withoutSecrets;
}
