/**
 * The octets of one connection to authdaemond: a request in, an answer out, each within its time.
 *
 * A request that is malformed, too long or not there in time is none. Knows a stream and a clock, no socket.
 */
import type { Duplex } from 'node:stream';
import type { After } from './answer-log.js';
import { MAX_METADATA_LINES, MAX_REQUEST_OCTETS, type ReceivedRequest, readRequest } from './protocol.js';

/** Courier's limits: a caller that says nothing for so long, or does not take its answer, is gone. */
const READ_MS = 10_000;
const WRITE_MS = 30_000;
/** Everything one connection may send: its metadata lines, the request line and the body of AUTH. */
const MAX_CONNECTION_OCTETS = (MAX_METADATA_LINES + 2) * (MAX_REQUEST_OCTETS + 1);

/** Reads the request, or the next one of a connection that is kept; undefined when there is none to answer. */
export function receiveRequest(stream: Duplex, after: After): Promise<ReceivedRequest | undefined> {
  if (stream.readableEnded || stream.destroyed) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let octets = 0;
    /** Octets of the line that has no end yet. */
    let lineOctets = 0;
    /** Fewer octets than this cannot be the whole of it: the body of AUTH is still missing. */
    let needed = 0;
    const settle = (received?: ReceivedRequest): void => {
      cancel();
      stream.off('data', take);
      stream.off('end', giveUp);
      stream.off('close', giveUp);
      // Whatever else comes is dropped; flowing on, so that the caller's end is seen.
      stream.resume();
      resolve(received);
    };
    const take = (piece: Buffer): void => {
      pieces.push(piece);
      octets += piece.length;
      const lineEnd = piece.lastIndexOf(0x0a);
      lineOctets = lineEnd < 0 ? lineOctets + piece.length : piece.length - lineEnd - 1;
      // Octet by octet, a line would otherwise be read anew for each of them.
      const hopeless = needed === 0 && lineEnd < 0 && lineOctets <= MAX_REQUEST_OCTETS;
      if (hopeless || octets < needed) return;
      const reading = readRequest(Buffer.concat(pieces));
      if (reading.kind === 'request') settle(reading);
      else if (reading.kind === 'malformed' || octets > MAX_CONNECTION_OCTETS) settle();
      else needed = reading.neededOctets ?? 0;
    };
    const giveUp = (): void => settle();
    const cancel = after(READ_MS, giveUp);
    stream.on('data', take);
    stream.on('end', giveUp);
    stream.on('close', giveUp);
  });
}

/** Writes the last octets of an answer, and ends it. */
export async function send(stream: Duplex, octets: Buffer, after: After): Promise<void> {
  await write(stream, octets, after);
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const cancel = after(WRITE_MS, resolve);
    stream.end(() => {
      cancel();
      resolve();
    });
  });
}

/** Writes, and waits until the octets are with the system; a caller who does not take them is cut off. */
export async function write(stream: Duplex, octets: Buffer, after: After): Promise<void> {
  if (stream.destroyed) return;
  await new Promise<void>((resolve) => {
    const cancel = after(WRITE_MS, () => stream.destroy());
    const settle = (): void => {
      cancel();
      stream.off('close', settle);
      resolve();
    };
    stream.on('close', settle);
    stream.write(octets, settle);
  });
}
