/**
 * The control socket of a running daemon: how control scripts open and close its ports and ask how it is.
 *
 *     open imapd-ssl          one line in
 *     OK                      out: OK and words, or FAIL and the reason. Only status has more than one line.
 *
 * It lies beside the pid file, for its owner only; whoever binds it is the one daemon of this configuration.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname } from 'node:path';

/** The longest command, and the longest wait for an answer. */
const MAX_COMMAND_CHARACTERS = 2_000;
const ANSWER_MS = 15_000;

/** A daemon that ends has this long, on a busy machine, and how often it is looked whether it has. */
const END_MS = 30_000;
const LOOK_MS = 50;

/** What a daemon says, in place of doing something, that is on its way out: soon another may be started. */
export class IsEnding extends Error {
  constructor() {
    super('the server is ending');
  }
}

/** Another daemon has the control socket. */
export class AlreadyRunning extends Error {}

/**
 * Serves commands on `path`, where a daemon may still be on its way out. `obey` gives the answer, without OK; what it
 * throws is answered with FAIL. The word status has always an answer; it begins with `ending` from when the end has begun.
 */
export async function serveControl(path: string, obey: (command: string) => Promise<string>): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true });
  try {
    return await bindControl(path, obey);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  }
  if (!(await isGone(path))) throw new AlreadyRunning(`a daemon answers on ${path} already`);
  // The one that made it was killed.
  rmSync(path, { force: true });
  return await bindControl(path, obey);
}

/** Waits for a daemon that is on its way out. False: one is there and stays, even if it is too busy to say so. */
export async function isGone(path: string): Promise<boolean> {
  const answer = await whileEnding(async () => {
    const status = await askControl(path, 'status');
    if (status.startsWith('ending')) throw new IsEnding();
  }).catch((error: unknown) => error);
  return isNobody(answer);
}

/** Asks again while a daemon answers that it ends, up to its end. @throws as `ask` does. */
export async function whileEnding<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const deadline = Date.now() + END_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof IsEnding) || Date.now() >= deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Does this failure of askControl() say that no daemon is there? */
export function isNobody(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

function bindControl(path: string, obey: (command: string) => Promise<string>): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let received = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.on('error', () => {});
    socket.on('data', (text: string) => {
      received += text;
      const end = received.indexOf('\n');
      if (end === -1 && received.length < MAX_COMMAND_CHARACTERS) return;
      socket.pause();
      obey(received.slice(0, end)).then(
        (answer) => socket.end(`OK ${answer}`.trimEnd().concat('\n')),
        (error: unknown) => socket.end(`FAIL ${error instanceof Error ? error.message : error}\n`),
      );
    });
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      chmodSync(path, 0o600);
      resolve(server);
    });
  });
}

/**
 * Sends one command and gives the words of its answer.
 *
 * @throws {IsEnding} when the daemon is on its way out.
 * @throws with the daemon's reason, or when none answers.
 */
export function askControl(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('the daemon does not answer')));
    socket.on('error', (error) => {
      const hasEnded = ['ECONNRESET', 'EPIPE'].includes(codeOf(error) ?? '');
      reject(hasEnded ? new IsEnding() : error);
    });
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => {
      const line = answer.trimEnd();
      if (line === 'OK' || line.startsWith('OK ')) resolve(line.slice(3));
      // Without an answer: it has ended meanwhile.
      else if (line === '' || line === `FAIL ${new IsEnding().message}`) reject(new IsEnding());
      else reject(new Error(line.replace(/^FAIL /, '')));
    });
    socket.end(`${command}\n`);
  });
}
