/** A client before login for tests: what it sends is given, what it is told is kept, what its password is worth is told. */

import { LoginSession, serveBeforeLogin } from '../../imapd/before-login/login-session.js';
import type { SessionSettings } from '../../imapd/settings/session-settings.js';
import { type LogLevel, logTo } from '../../init/runtime/log/log.js';
import type {
  ExchangeAnswer,
  LoginClient,
  LoginOutcome,
  LoginRequest,
  Proof,
} from '../../init/runtime/login/before-login.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { testSettings } from './memory-target.js';

/** One conversation before login. */
export interface LoginScript {
  /** Octets as they arrive, piece by piece. */
  readonly sends: readonly (string | Buffer)[];
  /** What the client sends after the TLS handshake. */
  readonly sendsInTls?: readonly string[];
  readonly settings?: Partial<SessionSettings>;
  readonly tls?: boolean;
  readonly tlsAvailable?: boolean;
  readonly outcome?: (request: LoginRequest) => LoginOutcome | Promise<LoginOutcome>;
  /** Fields of the client's verified certificate. */
  readonly certificate?: Readonly<Record<string, string>>;
  /** Octets of channel binding, by type. */
  readonly channelBindings?: Readonly<Record<string, Buffer>>;
  /** authdaemond's answer to the beginning of an exchange. */
  readonly challenge?: (beginning: Proof) => ExchangeAnswer;
}

/** What came of it. */
export interface LoginRecord {
  /** All that was written, with LF. */
  readonly answers: string;
  readonly log: readonly string[];
  readonly requests: readonly (Omit<LoginRequest, 'unread' | 'sayLastWord'> & { readonly pipelined: string })[];
  readonly delaysMilliseconds: readonly number[];
}

/** Plays a conversation to its end; the client leaves when it has sent everything. */
export async function playLogin(script: LoginScript): Promise<LoginRecord> {
  const log: string[] = [];
  const requests: (Omit<LoginRequest, 'unread' | 'sayLastWord'> & { pipelined: string })[] = [];
  const delaysMilliseconds: number[] = [];
  const written: Buffer[] = [];
  let pieces = script.sends.map((piece) => Buffer.from(piece as string, 'latin1'));
  let tls = script.tls ?? false;
  let receivedOctets = 0;
  const client: LoginClient = {
    remote: { ip: '192.0.2.7', port: 40_112 },
    local: { ip: '192.0.2.1', port: 143 },
    get tls() {
      return tls;
    },
    get tlsAvailable() {
      return !tls && script.tlsAvailable === true;
    },
    get receivedOctets() {
      return receivedOctets;
    },
    get sentOctets() {
      return Buffer.concat(written).length;
    },
    acceptedAt: 0,
    log: logTo((level: LogLevel, line) => void log.push(`${level}: ${line}`)),
    async read() {
      const octets = pieces.shift();
      receivedOctets += octets?.length ?? 0;
      return octets;
    },
    write: (octets) => void written.push(Buffer.from(octets)),
    async startTls() {
      tls = true;
      pieces = (script.sendsInTls ?? []).map((piece) => Buffer.from(piece, 'latin1'));
    },
    async authenticate(request) {
      const outcome = (await script.outcome?.(request)) ?? { kind: 'rejected' };
      const { unread, sayLastWord: _, ...rest } = request;
      requests.push({ ...rest, pipelined: outcome.kind === 'handed over' ? unread().toString('latin1') : '' });
      return outcome;
    },
    certificateField: (name) => script.certificate?.[name],
    channelBinding: (type) => script.channelBindings?.[type],
    async beginExchange(beginning) {
      return script.challenge?.(beginning) ?? { kind: 'rejected' };
    },
    end: () => undefined,
  };
  const clock: Clock = {
    now: () => 3_000,
    ticks: () => 3_000,
    after(milliseconds, run) {
      delaysMilliseconds.push(milliseconds);
      setImmediate(run);
      return () => undefined;
    },
  };
  await serveBeforeLogin(new LoginSession(client, { ...testSettings(), ...script.settings }, clock));
  const answers = Buffer.concat(written).toString('latin1').replaceAll('\r\n', '\n');
  return { answers, log, requests, delaysMilliseconds };
}
