import { RnetnsError } from '../../errors/error.js';
import { BackgroundProcess } from '../../exec/background.js';
import { findProgram } from '../../exec/find-program.js';
import { silentEnd, usernsObstacle } from '../../namespace/userns-obstacle.js';
import type { Answers, Request } from './inside.js';

const READY_MS = 10_000;
const ANSWER_MS = 10_000;

/** What the process inside is started as: a program and its arguments, to which the tree's root is added. */
export interface InsideProgram {
  argv: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
}

/** A network namespace that nothing else is in, in a user namespace of its own; gone with its one process. */
export class ScratchNetns {
  private readonly process: BackgroundProcess;

  private constructor(process: BackgroundProcess) {
    this.process = process;
  }

  /**
   * @param root - of the sysctl tree, as the process inside sees it.
   * @throws RnetnsError ERR_USERNS when the host doesn't allow it, with what unshare(1) said.
   */
  static async create({ argv, env }: InsideProgram, root: string): Promise<ScratchNetns> {
    const unshare = findProgram('unshare', (env.PATH ?? '').split(':'));
    if (unshare === undefined) {
      throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot make a network namespace: unshare is not in ${env.PATH}`, {
        hint: 'sudo apt-get install util-linux',
      });
    }
    const process = new BackgroundProcess(unshare, ['--user', '--map-root-user', '--net', '--', ...argv, root], env);
    try {
      await process.line(READY_MS);
    } catch (cause) {
      const { over, stderr } = process;
      process.kill();
      const obstacle = over !== undefined && stderr === '' ? silentEnd(over.signal) : usernsObstacle();
      const words = stderr || (cause as Error).message;
      throw new RnetnsError('ERR_USERNS', `cannot make a user and network namespace: ${words}`, {
        hint: obstacle?.hint,
        cause,
      });
    }
    return new ScratchNetns(process);
  }

  /** One request, one answer, within ten seconds. */
  async ask<Act extends Request['do']>(request: Extract<Request, { do: Act }>): Promise<Answers[Act]> {
    this.process.tell(JSON.stringify(request));
    try {
      return JSON.parse(await this.process.line(ANSWER_MS)) as Answers[Act];
    } catch (cause) {
      const words = this.process.stderr.split('\n').at(-1) ?? '';
      const why = `the process inside ${(cause as Error).message}${words === '' ? '' : `: ${words}`}`;
      throw new RnetnsError('ERR_NETNS', `verifying sysctls failed on a scratch network namespace: ${why}`, {
        hint: 'try again; nothing of it is left',
        cause,
      });
    }
  }

  /** Let it put back what it changed, and end. */
  async close(): Promise<void> {
    await this.ask({ do: 'end' }).catch(() => undefined);
    await this.process.end(1000);
    this.process.kill();
  }
}
