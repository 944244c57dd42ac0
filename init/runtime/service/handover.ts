/**
 * The messages between supervisor, login processes and mail workers, and their check on arrival.
 *
 * A login process faces the network, so the supervisor believes nothing it says: every message is checked, field by
 * field, and one that does not fit ends the process that sent it. What the supervisor says is believed.
 */

import type { ProxyProtocolSettings } from '../limits/proxy-connection.js';
import { LEVEL_PREFIXES, type LogLine } from '../log/log.js';
import type { ExchangeAnswer, RefusedLogin } from '../login/before-login.js';
import type { ProcessCounts } from '../metrics/counts.js';
import type { PassOn } from '../proxy/proxy-route.js';
import type { ProxyPlaces } from '../proxy/proxy-settings.js';
import type { Identity } from '../system/drop-privileges.js';
import type { TlsMaterial } from '../tls/tls-files.js';
import { isSessionAnswer, type SessionAnswer, type SessionQuestion } from '../worker/live-sessions.js';
import type { Endpoint, SessionAccount } from '../worker/mail-worker.js';
import type { ProcessFigures } from './activity.js';

/** First message to a child: who to be, and which module to import then. */
export interface StartMessage {
  readonly kind: 'start';
  readonly title: string;
  /** File URL of the module that calls serveLogins() or serveMail(). */
  readonly module: string;
  readonly identity?: Identity;
  /** The module cannot be read by that identity: it is imported before, while we are root. No octet of a client has
   * been seen then. */
  readonly loadFirst?: boolean;
  readonly umask: number;
  readonly settings: unknown;
}

/** First message to a child that nobody needs yet: which module to import. The start message follows when one does. */
export interface PrepareMessage {
  readonly kind: 'prepare';
  readonly title: string;
  readonly module: string;
}

/** Says that it is this process's turn to rehearse (mail-worker.ts), when nobody needs it. */
export interface RehearseMessage {
  readonly kind: 'rehearse';
  readonly settings: unknown;
}

/** A session on its way to a mail worker. */
export interface SessionDescription {
  readonly sessionId: number;
  readonly tag: string;
  readonly account: SessionAccount;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly tls: boolean;
  /** The administrator who acts as the account. */
  readonly administrator?: string;
  /** The client may give its login back, and log in as somebody else. */
  readonly comesBack: boolean;
}

/** Both ends of a client's connection. */
export interface ClientEnds {
  readonly remote: Endpoint;
  readonly local: Endpoint;
}

/**
 * A session is over, and the conversation before login begins again with `unread`, which its worker has received and not
 * used; without that, the client has to go. `ends` and the socket come with it where the worker had them.
 */
export interface BeginAgain {
  readonly kind: 'begin again';
  readonly id: number;
  readonly unread?: Uint8Array;
  readonly ends?: ClientEnds;
}

/** What a login process needs to know of a listener. */
export interface ListenerDescription {
  readonly id: number;
  /** `imapd` or `imapd-ssl`. */
  readonly service: string;
  readonly tls: boolean;
}

/** Why the runtime itself has no session to give, or that it has one. */
export type AuthenticationOutcome =
  | {
      readonly kind: 'rejected';
      readonly lastWord?: string;
      readonly expired?: boolean;
      /** How late it is to be answered, where that is not as usual. */
      readonly delaySeconds?: number;
    }
  | { readonly kind: 'not authorised' }
  | { readonly kind: 'temporary failure'; readonly reason: string }
  | RefusedLogin
  /** The account is on another server: log in there, and copy octets from then on. */
  | PassOn
  /** Plaintext: send the socket now. */
  | { readonly kind: 'send socket'; readonly lastWord?: string }
  /** TLS: connect to `path`, say `token`, and copy octets from then on. */
  | { readonly kind: 'relay'; readonly path: string; readonly token: string; readonly lastWord?: string };

/** From the supervisor to any child: how is it? `figures` is the answer; the other begins its figures of delays anew.
 * `ping` asks for any answer. */
export type ToChild =
  | PrepareMessage
  | StartMessage
  | { readonly kind: 'ping' }
  | { readonly kind: 'tell figures' }
  | { readonly kind: 'forget delays' };

/** From the supervisor to a login process. */
export type ToLogin =
  | ToChild
  | {
      readonly kind: 'settings';
      readonly settings: unknown;
      readonly loginSeconds: number;
      readonly proxyProtocol: ProxyProtocolSettings | undefined;
    }
  | { readonly kind: 'tls'; readonly material: TlsMaterial | undefined; readonly startTls: boolean }
  | { readonly kind: 'proxy'; readonly places: ProxyPlaces }
  | SessionQuestion
  | { readonly kind: 'listen'; readonly listener: ListenerDescription }
  | { readonly kind: 'stop listening'; readonly listenerId: number }
  | { readonly kind: 'admitted'; readonly id: number; readonly refusal?: string }
  /** Others need the place of a connection that has not logged in. */
  | { readonly kind: 'drop'; readonly id: number }
  /** The worker of a relayed session wants no more of its client. */
  | { readonly kind: 'stop relaying'; readonly id: number }
  | BeginAgain
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: AuthenticationOutcome }
  | { readonly kind: 'exchange'; readonly id: number; readonly answer: ExchangeAnswer }
  /** The page of figures that was asked for; without one there is none. */
  | { readonly kind: 'metrics'; readonly id: number; readonly page?: string }
  | { readonly kind: 'end' };

/** From the supervisor to a mail worker. */
export type ToWorker =
  | ToChild
  /** Also before the start: prepare for clients with what needs none. */
  | RehearseMessage
  | { readonly kind: 'settings'; readonly settings: unknown }
  | { readonly kind: 'listen' }
  | { readonly kind: 'expect'; readonly token: string; readonly session: SessionDescription }
  | { readonly kind: 'session'; readonly session: SessionDescription; readonly unread: Uint8Array }
  | SessionQuestion
  | { readonly kind: 'end'; readonly reason: string };

/** What every child says. */
export type FromChild =
  | { readonly kind: 'ready' }
  | { readonly kind: 'pong' }
  /** Nothing comes any more; the process is about to end. */
  | { readonly kind: 'goodbye'; readonly counts?: ProcessCounts }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'figures'; readonly figures: ProcessFigures; readonly counts?: ProcessCounts }
  | { readonly kind: 'log'; readonly lines: readonly LogLine[] };

/** From a login process to the supervisor. */
export type FromLogin =
  | FromChild
  | { readonly kind: 'opened'; readonly id: number; readonly ip: string; readonly local: Endpoint }
  | { readonly kind: 'closed'; readonly id: number }
  /** Connections to a listener are taken from now on; `trouble`: they are not, and why. */
  | { readonly kind: 'listening'; readonly id: number; readonly trouble?: string }
  | ({ readonly kind: 'authenticate' } & AuthenticationRequest)
  | ({ readonly kind: 'begin exchange' } & ExchangeRequest)
  /** The session that was to be passed on is served by another server now. */
  | { readonly kind: 'passed on'; readonly id: number; readonly host: string }
  /** It is to be served here after all: no other server takes it, or the other one is this one. */
  | { readonly kind: 'serve here'; readonly id: number }
  | SessionAnswer
  | { readonly kind: 'metrics wanted'; readonly id: number }
  | { readonly kind: 'hand over'; readonly id: number; readonly unread: Uint8Array };

/** The beginning of an exchange, for authdaemond. */
export interface ExchangeRequest {
  readonly id: number;
  readonly authType: string;
  readonly data: string;
  readonly service: string;
  readonly remote: Endpoint;
}

/** Who a client says it is, and where it came from. */
export interface AuthenticationRequest {
  readonly id: number;
  readonly loginName: string;
  readonly authType: string;
  readonly data: string;
  readonly authorisationName?: string;
  readonly service: string;
  readonly tag: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly tls: boolean;
  /** See SessionDescription. */
  readonly comesBack: boolean;
}

/** From a mail worker to the supervisor. */
export type FromWorker =
  | FromChild
  | { readonly kind: 'rehearsed' }
  | { readonly kind: 'expecting'; readonly sessionId: number }
  | { readonly kind: 'session ended'; readonly sessionId: number }
  /** A relayed session is about to be over, and nothing more is to come for it. */
  | { readonly kind: 'giving back'; readonly sessionId: number }
  /** It is over, and its client may log in once more; a socket that was handed over comes with it. */
  | { readonly kind: 'given back'; readonly sessionId: number; readonly unread: Uint8Array }
  | SessionAnswer;

/** Octets of an authenticated session's token: 16 random octets in hexadecimal, and a line feed. */
export const TOKEN_OCTETS = 33;

// One line before login is 8 KiB, and base64 shrinks: nothing a client may say is longer.
const MAX_TEXT_CHARACTERS = 16_384;
/** What a client may have sent behind its LOGIN before the hand-over stops reading: one socket buffer, and some. */
export const MAX_UNREAD_OCTETS = 1_048_576;

/** Checks a message of a login process. Undefined: it is none, and the process is not to be trusted. */
export function checkFromLogin(message: unknown): FromLogin | undefined {
  if (!isRecord(message)) return undefined;
  if (message['kind'] === 'opened')
    return isId(message['id']) && isText(message['ip']) && isEndpoint(message['local'])
      ? (message as FromLogin)
      : undefined;
  if (message['kind'] === 'listening') {
    const trouble = message['trouble'] === undefined || isText(message['trouble']);
    return isId(message['id']) && trouble ? (message as FromLogin) : undefined;
  }
  const isOfId = message['kind'] === 'closed' || message['kind'] === 'metrics wanted';
  if (isOfId) return isId(message['id']) ? (message as FromLogin) : undefined;
  if (message['kind'] === 'sessions') return isSessionAnswer(message) ? (message as FromLogin) : undefined;
  if (message['kind'] === 'serve here') return isId(message['id']) ? (message as FromLogin) : undefined;
  if (message['kind'] === 'passed on') {
    return isId(message['id']) && isText(message['host']) ? (message as FromLogin) : undefined;
  }
  if (message['kind'] === 'authenticate') return isRequest(message) ? (message as unknown as FromLogin) : undefined;
  if (message['kind'] === 'begin exchange') return isExchange(message) ? (message as unknown as FromLogin) : undefined;
  if (message['kind'] === 'hand over') {
    return isId(message['id']) && isOctets(message['unread']) ? (message as FromLogin) : undefined;
  }
  return checkFromChild(message);
}

/** Checks a message of a mail worker. */
export function checkFromWorker(message: unknown): FromWorker | undefined {
  if (!isRecord(message)) return undefined;
  if (message['kind'] === 'rehearsed') return { kind: 'rehearsed' };
  if (message['kind'] === 'sessions') return isSessionAnswer(message) ? (message as FromWorker) : undefined;
  if (message['kind'] === 'given back') {
    return isId(message['sessionId']) && isOctets(message['unread']) ? (message as FromWorker) : undefined;
  }
  const ofSession = ['expecting', 'session ended', 'giving back'].includes(String(message['kind']));
  if (ofSession) return isId(message['sessionId']) ? (message as FromWorker) : undefined;
  return checkFromChild(message);
}

function checkFromChild(message: Record<string, unknown>): FromChild | undefined {
  if (message['kind'] === 'ready' || message['kind'] === 'pong' || message['kind'] === 'goodbye')
    return { kind: message['kind'] };
  if (message['kind'] === 'failed') return isText(message['reason']) ? (message as FromChild) : undefined;
  const { lines } = message;
  if (message['kind'] !== 'log' || !Array.isArray(lines)) return undefined;
  return lines.every(isLogLine) ? (message as FromChild) : undefined;
}

function isLogLine(line: unknown): boolean {
  if (!isRecord(line) || typeof line['level'] !== 'string') return false;
  const ofSession = line['session'] === undefined || isId(line['session']);
  return Object.hasOwn(LEVEL_PREFIXES, line['level']) && typeof line['text'] === 'string' && ofSession;
}

/** Checks the figures of a child: all are numbers, as an administrator is shown. */
export function checkFigures(message: unknown): ProcessFigures | undefined {
  const figures = isRecord(message) ? message['figures'] : undefined;
  if (!isRecord(figures) || !isRecord(figures['delays'])) return undefined;
  const { p50, p99, max } = figures['delays'];
  const numbers = [figures['memoryOctets'], p50, p99, max];
  return numbers.every((value) => typeof value === 'number' && value >= 0)
    ? (figures as unknown as ProcessFigures)
    : undefined;
}

function isRequest(message: Record<string, unknown>): boolean {
  const texts = ['loginName', 'tag'].every((name) => isText(message[name]));
  const other = message['authorisationName'] === undefined || isText(message['authorisationName']);
  const flags = ['tls', 'comesBack'].every((name) => typeof message[name] === 'boolean');
  return texts && other && flags && isExchange(message) && isEndpoint(message['local']);
}

function isExchange(message: Record<string, unknown>): boolean {
  const texts = ['authType', 'data', 'service'].every((name) => isText(message[name]));
  return texts && isId(message['id']) && isEndpoint(message['remote']);
}

function isEndpoint(value: unknown): value is Endpoint {
  return isRecord(value) && isText(value['ip']) && isId(value['port']);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isId(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TEXT_CHARACTERS;
}

function isOctets(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array && value.length <= MAX_UNREAD_OCTETS;
}
