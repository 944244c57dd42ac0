/**
 * The worker half of the toy protocol: every line comes back with a number, LOGOUT ends.
 *
 *     WHO          uid, gid, groups and pid of the worker
 *     ROOT         tries to become root again
 *     BURN         never rests again
 *     CRASH | LOGOUT
 *
 * Its rehearsal says who it is, and then fails, or goes on for ever, as the settings have it.
 */
import { type RehearsalParts, serveMail, type WorkerSession } from '../../init/runtime/worker/mail-worker.js';

serveMail(start, rehearse);

function start() {
  const sessions = new Set<WorkerSession>();
  return {
    async serve(session: WorkerSession) {
      sessions.add(session);
      session.log.write('info', `LOGIN, user=${session.account.address}`);
      await converse(session).finally(() => sessions.delete(session));
    },
    async end(reason: string) {
      for (const { stream } of sessions) stream.end(`BYE ${reason}\n`);
    },
  };
}

/** Pieces of endless work. */
const PIECE_MILLISECONDS = 5;

async function rehearse({ settings, log, quiet }: RehearsalParts): Promise<void> {
  const { rehearsal } = settings as { rehearsal?: 'fails' | 'never ends' };
  await quiet();
  log.write('info', `rehearsal of pid ${process.pid} as uid ${process.getuid?.()}`);
  if (rehearsal === 'fails') throw new Error('the curtain fell');
  while (rehearsal === 'never ends') {
    await quiet();
    burn(PIECE_MILLISECONDS);
  }
}

async function converse(session: WorkerSession): Promise<void> {
  const { account, stream, tag, tls } = session;
  stream.write(`${tag} OK ${account.address} tls=${tls}\n`);
  let rest = session.unread.toString('latin1');
  let number = 0;
  stream.setEncoding('latin1');
  const octets = stream[Symbol.asyncIterator]();
  for (;;) {
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      number += 1;
      stream.write(`${number} ${answer(line, account.address)}\n`);
      if (line === 'LOGOUT') return;
    }
    const next = await octets.next();
    if (next.done === true) return;
    rest += String(next.value);
  }
}

function answer(line: string, address: string): string {
  if (line === 'BURN') burnOn();
  if (line === 'CRASH') process.kill(process.pid, 'SIGKILL');
  if (line === 'WHO')
    return `${process.getuid?.()} ${process.getgid?.()} ${process.getgroups?.().join(',')} ${process.pid}`;
  if (line !== 'ROOT') return `${address} ${line}`;
  try {
    process.setuid?.(0);
    return 'root again';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'no code';
  }
}

/** Never rests again; others have their turn in between. */
function burnOn(): void {
  burn(PIECE_MILLISECONDS);
  setImmediate(burnOn);
}

/** Keeps a processor core busy. */
function burn(milliseconds: number): void {
  const until = Date.now() + milliseconds;
  while (Date.now() < until);
}
