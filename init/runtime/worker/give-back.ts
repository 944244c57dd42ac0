/**
 * Gives a client back that has given its login back: its socket to the supervisor, or the end of its relay, with all that
 * it sent meanwhile. See clients-of-sessions.ts.
 */
import type { Socket } from 'node:net';
import { MAX_UNREAD_OCTETS } from '../service/handover.js';
import { sendToSupervisor } from '../service/supervisor-link.js';
import { rawHandle, takeFromSocket } from '../system/raw-handles.js';
import { written } from '../system/written.js';

/** A client that does not take its last answer in this time is not waited for. */
const MAX_MS = 10_000;

/** What is given back. */
interface GivenBack {
  readonly sessionId: number;
  /** The stream leads to a login process. */
  readonly isRelayed: boolean;
  /** What has come and was not used. */
  readonly unused: Buffer;
}

/** False: the client has gone, or does what no client does, and the stream is to be closed. Nobody else may read it. */
export async function giveClientBack(stream: Socket, { sessionId, isRelayed, unused }: GivenBack): Promise<boolean> {
  const overdue = setTimeout(() => stream.destroy(), MAX_MS);
  try {
    if (isRelayed) sendToSupervisor({ kind: 'giving back', sessionId });
    const rest = isRelayed ? await restOf(stream) : Buffer.alloc(0);
    if (rest === undefined || !(await written(stream))) return false;
    const late = isRelayed ? rest : takeFromSocket(stream);
    const handle = isRelayed ? undefined : rawHandle(stream);
    const unread = Buffer.concat([unused, late]);
    if (unread.length > MAX_UNREAD_OCTETS || isRelayed !== (handle === undefined)) return false;
    sendToSupervisor({ kind: 'given back', sessionId, unread }, handle, () => {
      if (isRelayed) stream.end();
      else stream.destroy();
    });
    return true;
  } finally {
    clearTimeout(overdue);
  }
}

/** All that comes until the other side ends; undefined when it does not, or is too much. */
function restOf(stream: Socket): Promise<Buffer | undefined> {
  if (stream.readableEnded) return Promise.resolve(Buffer.alloc(0));
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let octets = 0;
    stream.on('data', (piece: Buffer) => {
      octets += piece.length;
      if (octets > MAX_UNREAD_OCTETS) resolve(undefined);
      else pieces.push(piece);
    });
    stream.once('end', () => resolve(Buffer.concat(pieces)));
    stream.once('close', () => resolve(undefined));
    stream.resume();
  });
}
