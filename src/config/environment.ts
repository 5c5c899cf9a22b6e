/** The environment as the other parts get it: a value, handed over once. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The one place outside the command line that looks at `process.env`. */
export function processEnvironment(): Environment {
  return process.env;
}

/** An empty variable counts as unset, as the XDG base directory spec and containers.conf(5) have it. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}
