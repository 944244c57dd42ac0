/**
 * One connection to authdaemond: request in, answer out, closed.
 *
 * A request that is malformed, too long or not there in time gets no answer, as with Courier. A temporary failure gets
 * none either, unless the caller asked for explicit errors (protocol.ts). Knows a stream and a clock, no socket.
 */
import type { Duplex } from 'node:stream';
import { logValue } from '../init/runtime/log.js';
import { mergeDefaultOptions } from './account.js';
import { authenticate, changePassword, lookup, type ModuleChain, type ModuleStep, reasonsOf } from './authenticate.js';
import type { LookupQueue } from './lookup-queue.js';
import type { AuthModule, ModuleAnswer } from './modules/module.js';
import {
  EXPLICIT_ERRORS,
  formatAccount,
  formatEnumerated,
  formatTemporaryFailure,
  MAX_METADATA_LINES,
  MAX_REQUEST_OCTETS,
  type ReceivedRequest,
  type Request,
  readRequest,
} from './protocol.js';
import { readCredentials } from './stores/credentials.js';

/** Courier's limits: a caller that says nothing for so long, or does not take its answer, is gone. */
const READ_MS = 10_000;
const WRITE_MS = 30_000;
/** Everything one connection may send: its metadata lines, the request line and the body of AUTH. */
const MAX_CONNECTION_OCTETS = (MAX_METADATA_LINES + 2) * (MAX_REQUEST_OCTETS + 1);

/** Does something later; the function it gives calls it off. */
export type After = (delayMs: number, action: () => void) => () => void;

/** What a connection needs of the daemon. */
export interface ServeContext {
  /** The modules at this moment; a reload gives others to later connections. */
  readonly chain: ModuleChain;
  readonly queue: LookupQueue;
  readonly after: After;
}

type Answer = { readonly octets: Buffer } | { readonly failure: string };

const FAIL = Buffer.from('FAIL\n');

/** Serves one connection to its end. Never throws, and always closes. */
export async function serveConnection(stream: Duplex, context: ServeContext): Promise<void> {
  // The caller may be gone at any moment; there is nobody left to tell.
  stream.on('error', () => undefined);
  const received = await receiveRequest(stream, context.after);
  // The one place where a bug of ours ends: no answer, and the daemon lives on.
  try {
    if (received !== undefined) await answerRequest(stream, received, context);
  } catch (error) {
    context.chain.log.bug(error, received?.request.kind ?? 'a request');
  } finally {
    stream.destroy();
  }
}

function receiveRequest(stream: Duplex, after: After): Promise<ReceivedRequest | undefined> {
  return new Promise((resolve) => {
    let octets: Buffer = Buffer.alloc(0);
    const settle = (received?: ReceivedRequest): void => {
      cancel();
      stream.off('data', take);
      // Whatever else comes is dropped; flowing on, so that the caller's end is seen.
      stream.resume();
      resolve(received);
    };
    const take = (piece: Buffer): void => {
      octets = Buffer.concat([octets, piece]);
      const reading = readRequest(octets);
      if (reading.kind === 'request') settle(reading);
      else if (reading.kind === 'malformed' || octets.length > MAX_CONNECTION_OCTETS) settle();
    };
    const cancel = after(READ_MS, () => settle());
    stream.on('data', take);
    stream.on('end', () => settle());
    stream.on('close', () => settle());
  });
}

async function answerRequest(stream: Duplex, received: ReceivedRequest, context: ServeContext): Promise<void> {
  const { request, metadata } = received;
  const caller = metadata.get('TCPREMOTEIP') ?? '';
  // A list may take its caller minutes to read: it must not take a place that logins wait for.
  const answered =
    request.kind === 'enumerate'
      ? await enumerate(stream, context)
      : await context.queue.run(caller, () => answer(context.chain, request, metadata));
  const result = answered === 'full' ? { failure: 'too many lookups are waiting' } : answered;
  if ('octets' in result) return send(stream, result.octets, context.after);
  if (answered === 'full') context.chain.log.write('warning', 'too many lookups are waiting; raise daemons');
  const silent = metadata.get(EXPLICIT_ERRORS) !== '1';
  if (!silent) await send(stream, formatTemporaryFailure(result.failure), context.after);
  else if (request.kind === 'change password') await send(stream, FAIL, context.after);
}

async function answer(
  chain: ModuleChain,
  request: Exclude<Request, { kind: 'enumerate' }>,
  metadata: ReadonlyMap<string, string>,
): Promise<Answer> {
  if (request.kind === 'change password') {
    const { answer: changed, steps } = await changePassword(chain, request);
    if (changed.kind === 'temporary failure') return { failure: changed.reason };
    if (changed.kind === 'rejected') logRefusal(chain, 'password not changed', request, steps);
    return { octets: changed.kind === 'changed' ? Buffer.from('OK\n') : FAIL };
  }
  if (request.kind === 'lookup') return accountAnswer(chain, (await lookup(chain, request.module, request)).answer);
  const remoteIp = metadata.get('TCPREMOTEIP');
  const whole = remoteIp === undefined ? request : { ...request, remoteIp };
  const { answer: found, steps } = await authenticate(chain, whole);
  if (found.kind === 'rejected')
    logRefusal(chain, 'not let in', { ...whole, loginName: readCredentials(request)?.loginName ?? '' }, steps);
  return accountAnswer(chain, found);
}

function accountAnswer(chain: ModuleChain, found: ModuleAnswer): Answer {
  if (found.kind === 'temporary failure') return { failure: found.reason };
  if (found.kind === 'rejected') return { octets: FAIL };
  const octets = formatAccount(found.account);
  if (octets !== undefined) return { octets };
  const failure = 'the account has a control character in one of its fields';
  chain.log.write('error', failure);
  return { failure };
}

/** One line with the true reason, which the client is not told. Its words are none that a ban would be based on. */
function logRefusal(
  chain: ModuleChain,
  what: string,
  { service, loginName, remoteIp }: { service: string; loginName: string; remoteIp?: string },
  steps: readonly ModuleStep[],
): void {
  const from = remoteIp === undefined ? '' : `, from=${logValue(remoteIp)}`;
  const who = `service=${logValue(service)}, account=${logValue(loginName)}${from}`;
  chain.log.write('info', `${what}: ${who}, ${reasonsOf(steps)}`);
}

async function enumerate(stream: Duplex, context: ServeContext): Promise<Answer> {
  for (const module of context.chain.modules) {
    const failure = await enumerateModule(stream, module, context);
    if (failure !== undefined) return { failure };
  }
  return { octets: Buffer.from('.\n') };
}

/** Accounts of a list that go out in one write. */
const ACCOUNTS_PER_WRITE = 200;

async function enumerateModule(
  stream: Duplex,
  module: AuthModule,
  { chain, after }: ServeContext,
): Promise<string | undefined> {
  let lines: Buffer[] = [Buffer.from(`# ${module.name}\n\n`)];
  for await (const item of module.enumerate()) {
    if (item.kind === 'temporary failure') return item.reason;
    const options = mergeDefaultOptions(item.account.options, chain.defaultOptions);
    const line = formatEnumerated({ ...item.account, options });
    if (line !== undefined) lines.push(line);
    if (lines.length < ACCOUNTS_PER_WRITE) continue;
    await write(stream, Buffer.concat(lines), after);
    if (stream.destroyed) return 'the caller is gone';
    lines = [];
  }
  await write(stream, Buffer.concat(lines), after);
  return undefined;
}

async function send(stream: Duplex, octets: Buffer, after: After): Promise<void> {
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
async function write(stream: Duplex, octets: Buffer, after: After): Promise<void> {
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
