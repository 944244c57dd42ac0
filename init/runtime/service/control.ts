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

/** Another daemon has the control socket. */
export class AlreadyRunning extends Error {}

/** Serves commands on `path`. `obey` gives the answer, without OK; what it throws is answered with FAIL. */
export async function serveControl(path: string, obey: (command: string) => Promise<string>): Promise<Server> {
  mkdirSync(dirname(path), { recursive: true });
  try {
    return await bindControl(path, obey);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
  }
  const alive = await askControl(path, 'status').catch(() => undefined);
  if (alive !== undefined) throw new AlreadyRunning(`a daemon answers on ${path} already`);
  // The one that made it was killed.
  rmSync(path, { force: true });
  return await bindControl(path, obey);
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

/** Sends one command and gives the words of its answer. @throws with the daemon's reason, or when none answers. */
export function askControl(path: string, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let answer = '';
    socket.setEncoding('utf8');
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error('the daemon does not answer')));
    socket.on('error', reject);
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => {
      const line = answer.trimEnd();
      if (line === 'OK' || line.startsWith('OK ')) resolve(line.slice(3));
      else reject(new Error(line.replace(/^FAIL /, '') || 'the daemon closed without an answer'));
    });
    socket.end(`${command}\n`);
  });
}
