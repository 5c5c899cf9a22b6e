import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { RnetnsError } from '../../../src/errors/error.js';
import { loadConfig, type LoadedConfig, type LoadOptions } from '../../../src/config/load.js';

/** A directory tree that stands for the machine: `etc/…`, `usr/…` and `home`; nothing of the real one is read. */
export class Tree {
  private made: string | undefined;

  /** Made on first use: a describe() that runs no test, as with --grep, never gets to remove it. */
  get root(): string {
    return (this.made ??= mkdtempSync(join(tmpdir(), 'rnetns-config-')));
  }

  path(relative: string): string {
    return join(this.root, relative);
  }

  /** Write a file and all directories above it; returns its path. */
  write(relative: string, text: string): string {
    const path = this.path(relative);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  mkdir(relative: string, mode = 0o755): string {
    const path = this.path(relative);
    mkdirSync(path, { recursive: true, mode });
    return path;
  }

  load(env: Record<string, string> = {}, options: Partial<LoadOptions> = {}): LoadedConfig {
    return loadConfig({ root: this.root, env: { HOME: this.path('home'), ...env }, ...options });
  }

  /** Load one rnetns.conf with this text. */
  loadText(text: string): LoadedConfig {
    return this.load({}, { configFile: this.write('rnetns.conf', text) });
  }

  remove(): void {
    if (this.made !== undefined) rmSync(this.made, { recursive: true, force: true });
  }
}

/** The RnetnsError that `act` throws; anything else fails the test. */
export function refusal(act: () => unknown): RnetnsError {
  try {
    act();
  } catch (error) {
    if (error instanceof RnetnsError) return error;
    throw error;
  }
  return expect.fail('nothing was refused');
}

export function sourceOf(loaded: LoadedConfig, key: string): string | undefined {
  return loaded.settings.find((setting) => setting.key === key)?.source;
}
