/**
 * One connection to authdaemond: request in, answer out, closed, unless the caller asked to keep it (protocol.ts).
 *
 * A request that is malformed, too long or not there in time gets no answer, as with Courier. A temporary failure gets
 * none either, unless the caller asked for explicit errors (protocol.ts), or TEMPFAIL says otherwise. Knows a stream and
 * a clock, no socket.
 */
import type { Duplex } from 'node:stream';
import { logValue } from '../init/runtime/log/log.js';
import { count } from '../init/runtime/metrics/counts.js';
import { type Account, mergeDefaultOptions } from './account.js';
import type { After, AnswerLog, Asked } from './answer-log.js';
import {
  type Asker,
  authenticate,
  changePassword,
  lookup,
  type ModuleChain,
  type ModuleStep,
  reasonsOf,
  type Verdict,
} from './authenticate.js';
import { receiveRequest, send, write } from './connection.js';
import { formatExchange, withLastWord } from './exchange-lines.js';
import { EXPLAIN, formatExplanation } from './explanation.js';
import { type LookupQueue, lineOf, QUEUE_FULL } from './lookup-queue.js';
import type { Mechanism } from './mechanisms.js';
import type { AuthenticateRequest, AuthModule, ModuleAnswer } from './modules/module.js';
import { loginOutlook } from './outlook.js';
import {
  EXPLICIT_ERRORS,
  formatAccount,
  formatEnumerated,
  formatTemporaryFailure,
  KEEP,
  KEPT_LINE,
  type ReceivedRequest,
  type Request,
} from './protocol.js';
import { readCredentials } from './stores/credentials.js';

/** A whole request, waiting included: callers wait 30 s (TIMEOUT_READ), and should hear of it before. */
export const REQUEST_MS = 25_000;
/** A module that would be asked later than this could hardly answer in time, and is left alone. */
const LAST_START_MS = 20_000;
/** TEMPFAIL=fail: how long a caller waits for its FAIL. Exim's readsocket gives up after 5 s. */
export const FAIL_AFTER_MS = 3000;
/** Looking at somebody's home takes microseconds, or for ever. */
const OUTLOOK_MS = 2000;
/** A module may ask that a no is told later (PAM does); longer, and the caller might take it for silence. */
const MAX_DELAY_MS = 10_000;

/** What a connection needs of the daemon. */
export interface ServeContext {
  /** Does something with the modules of this moment, which stay until it is done; a reload gives others. */
  withModules<T>(work: (chain: ModuleChain) => Promise<T>): Promise<T>;
  /** For a type of AUTH that modules are not asked about; undefined for others. */
  mechanism?(authType: string): Mechanism | undefined;
  readonly answers: AnswerLog;
  /** The line before lists of accounts, which take their readers minutes. */
  readonly lists: LookupQueue;
  readonly after: After;
  /** The figures of the daemon, for whoever asks. */
  readonly statistics?: () => Buffer;
}

/** What one request needs. */
interface Serving {
  readonly context: ServeContext;
  readonly chain: ModuleChain;
  readonly stream: Duplex;
  readonly received: ReceivedRequest;
  readonly asker: Asker;
  /** As the client typed it; empty where the request names nobody. */
  readonly loginName: string;
}

type Answer = { readonly octets: Buffer } | { readonly failure: string };
/** What modules are asked about. */
type Question = Exclude<Request, { kind: 'enumerate' | 'statistics' }>;
/** What came of a request, with all that is said about it. */
interface Outcome {
  readonly answer: Answer;
  readonly steps: readonly ModuleStep[];
  readonly notes: readonly string[];
}

const FAIL = Buffer.from('FAIL\n');
const DOT = Buffer.from('.\n');
const KEPT = Buffer.from(KEPT_LINE);

/** Who counts connections: told what one is about. */
export interface Attention {
  /** A request is there; one for figures is no question about anybody. */
  heard(isQuestion: boolean): void;
  /** It was answered, and the connection is kept for another. */
  kept?(): void;
}

/** Serves one connection to its end. Never throws, and always closes. */
export async function serveConnection(stream: Duplex, context: ServeContext, attention: Attention): Promise<void> {
  // The caller may be gone at any moment; there is nobody left to tell.
  stream.on('error', () => undefined);
  for (;;) {
    const received = await receiveRequest(stream, context.after);
    if (received === undefined) break;
    attention.heard(received.request.kind !== 'statistics');
    const isKept = await context.withModules((chain) => serveRequest(stream, received, chain, context));
    if (!isKept) break;
    attention.kept?.();
  }
  stream.destroy();
}

/** Gives whether the connection is kept. */
async function serveRequest(
  stream: Duplex,
  received: ReceivedRequest,
  chain: ModuleChain,
  context: ServeContext,
): Promise<boolean> {
  const time = new AbortController();
  const { request, metadata } = received;
  const loginName = loginNameOf(request);
  const asker: Asker = {
    line: lineOf(metadata.get('TCPREMOTEIP'), loginName),
    signal: time.signal,
    startBefore: chain.now() + LAST_START_MS,
    explain: metadata.get(EXPLAIN) === '1',
    full: (module) => context.answers.full(module),
  };
  const cancel = context.after(REQUEST_MS, () => time.abort());
  const serving = { stream, received, chain, context, asker, loginName };
  // The one place where a bug of ours ends: no answer, and the daemon lives on.
  try {
    if (request.kind === 'statistics') await send(stream, context.statistics?.() ?? FAIL, context.after);
    else if (request.kind === 'enumerate') await serveList(serving);
    else {
      const outcome = await outcomeOf(serving, request);
      countRequest(request.kind, outcome.answer);
      return await sendOutcome(serving, outcome);
    }
    return false;
  } catch (error) {
    chain.log.bug(error, request.kind);
    return false;
  } finally {
    cancel();
  }
}

/** Gives whether the connection is kept: only after answers that end with a dot, which most logins get. */
async function sendOutcome(serving: Serving, { answer, steps, notes }: Outcome): Promise<boolean> {
  const { stream, received, asker, context } = serving;
  if (asker.explain) await write(stream, formatExplanation({ steps, notes }), context.after);
  if (!('octets' in answer)) {
    await sendFailure(serving, answer.failure);
    return false;
  }
  const { octets } = answer;
  const isKept = received.metadata.get(KEEP) === '1' && octets.subarray(-2).equals(DOT);
  if (isKept) await write(stream, Buffer.concat([KEPT, octets]), context.after);
  else await send(stream, octets, context.after);
  return isKept;
}

/** Silence is how Courier says "not now". PASSWD gets FAIL for that, too, from Courier as well. */
async function sendFailure({ stream, received, chain, context }: Serving, failure: string): Promise<void> {
  const { request, metadata } = received;
  if (metadata.get(EXPLICIT_ERRORS) === '1') await send(stream, formatTemporaryFailure(failure), context.after);
  else if (request.kind === 'change password') await send(stream, FAIL, context.after);
  else if (request.kind === 'authenticate' && chain.temporaryFailure === 'fail') {
    await new Promise<void>((resolve) => context.after(FAIL_AFTER_MS, resolve));
    await send(stream, FAIL, context.after);
  }
}

async function outcomeOf(serving: Serving, request: Question): Promise<Outcome> {
  const { chain, received, asker, context, loginName } = serving;
  const remoteIp = received.metadata.get('TCPREMOTEIP');
  const asked = { service: request.service, loginName, ...(remoteIp === undefined ? {} : { remoteIp }) };
  if (request.kind === 'change password') {
    const { answer, steps } = await changePassword(chain, request, asker);
    if (answer.kind === 'rejected') context.answers.refused('password not changed', asked, reasonsOf(steps));
    if (answer.kind === 'temporary failure') return failed(serving, asked, { answer, steps });
    return { answer: { octets: answer.kind === 'changed' ? Buffer.from('OK\n') : FAIL }, steps, notes: [] };
  }
  if (request.kind === 'lookup') {
    return accountOutcome(serving, asked, await lookup(chain, request.module, request, asker));
  }
  const whole = remoteIp === undefined ? request : { ...request, remoteIp };
  const mechanism = context.mechanism?.(request.authType);
  if (mechanism !== undefined) return mechanismOutcome(serving, asked, whole, mechanism);
  const verdict = await authenticate(chain, whole, asker);
  if (verdict.answer.kind === 'rejected') context.answers.refused('not let in', asked, reasonsOf(verdict.steps));
  return accountOutcome(serving, asked, verdict);
}

async function mechanismOutcome(
  serving: Serving,
  asked: Asked,
  request: AuthenticateRequest,
  mechanism: Mechanism,
): Promise<Outcome> {
  const { chain, asker, context } = serving;
  if (chain.debugLogin >= 1) {
    const what = `service=${logValue(request.service)}, authtype=${logValue(request.authType)}`;
    chain.log.write('debug', `received auth request, ${what}`);
  }
  const { loginName, answer, steps } = await mechanism.answer(request, {
    names: chain.modules.map(({ module }) => module.name),
    lookup: (module, who) => lookup(chain, module, who, asker),
  });
  const about = { ...asked, loginName };
  if (answer.kind === 'account') {
    const outcome = await accountOutcome(serving, about, { answer, steps });
    if (!('octets' in outcome.answer)) return outcome;
    return { ...outcome, answer: { octets: withLastWord(outcome.answer.octets, answer.lastWord) } };
  }
  if (answer.kind === 'temporary failure') return failed(serving, about, { answer, steps });
  if (answer.kind === 'rejected') context.answers.refused('not let in', about, answer.reason);
  const lines = formatExchange(answer);
  return { answer: { octets: lines === undefined ? FAIL : Buffer.from(lines) }, steps, notes: [] };
}

async function accountOutcome(serving: Serving, asked: Asked, verdict: Verdict<ModuleAnswer>): Promise<Outcome> {
  const { answer, steps, notes = [] } = verdict;
  if (answer.kind === 'temporary failure') return failed(serving, asked, { answer, steps });
  if (answer.kind === 'rejected') {
    const delayMs = Math.min(answer.delayMs ?? 0, MAX_DELAY_MS);
    if (delayMs > 0) await new Promise<void>((resolve) => serving.context.after(delayMs, resolve));
    const isOurs = serving.received.metadata.get(EXPLICIT_ERRORS) === '1';
    const lines = isOurs && answer.expired === true ? formatExchange(answer) : undefined;
    return { answer: { octets: lines === undefined ? FAIL : Buffer.from(lines) }, steps, notes };
  }
  const octets = formatAccount(answer.account);
  if (octets === undefined) {
    const reason = 'the account has a control character in one of its fields';
    return failed(serving, asked, { answer: { reason }, steps: [] });
  }
  const outlook = serving.asker.explain ? await outlookInTime(serving, answer.account, asked.service) : [];
  return { answer: { octets }, steps, notes: [...notes, ...outlook] };
}

/** A file server that does not answer is worth a note, too. */
function outlookInTime({ context }: Serving, account: Account, service: string): Promise<string[]> {
  return new Promise((resolve) => {
    const late = [`its home ${account.home} is on a file system that does not answer`];
    const cancel = context.after(OUTLOOK_MS, () => resolve(late));
    void loginOutlook(account, service).then((notes) => {
      cancel();
      resolve(notes);
    });
  });
}

function failed(
  { context }: Serving,
  asked: Asked,
  { answer, steps }: { readonly answer: { readonly reason: string }; readonly steps: readonly ModuleStep[] },
): Outcome {
  const module = steps.find(({ said }) => said === 'temporary failure')?.module;
  const reason = module === undefined ? answer.reason : `${module}: ${answer.reason}`;
  if (answer.reason !== QUEUE_FULL) context.answers.failed(asked, reason);
  return { answer: { failure: answer.reason }, steps, notes: [] };
}

function loginNameOf(request: Request): string {
  if (request.kind === 'enumerate' || request.kind === 'statistics') return '';
  return request.kind === 'authenticate' ? (readCredentials(request)?.loginName ?? '') : request.loginName;
}

function countRequest(kind: Question['kind'], answer: Answer): void {
  const isNo = 'octets' in answer && answer.octets.subarray(0, FAIL.length).equals(FAIL);
  const result = 'failure' in answer ? 'temporary failure' : isNo ? 'no' : 'yes';
  count('authdaemond_requests_total', { kind, result }).value += 1;
}

/** Lists wait for each other, and no login for any of them. */
async function serveList(serving: Serving): Promise<void> {
  const { context, asker } = serving;
  const served = await context.lists.run('', () => sendList(serving), asker.signal);
  if (served !== undefined) await sendFailure(serving, 'too many lists of accounts are being read');
}

async function sendList(serving: Serving): Promise<void> {
  const { stream, chain, context } = serving;
  for (const { module } of chain.modules) {
    const failure = await sendModuleList(stream, module, chain, context.after);
    if (failure === undefined) continue;
    chain.log.write('error', `the list of accounts is not complete: ${module.name}: ${failure}`);
    return sendFailure(serving, failure);
  }
  await send(stream, Buffer.from('.\n'), context.after);
}

/** Accounts of a list that go out in one write. */
const ACCOUNTS_PER_WRITE = 200;

async function sendModuleList(
  stream: Duplex,
  module: AuthModule,
  chain: ModuleChain,
  after: After,
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
