/**
 * The sessions that live now, for an administrator who asks: the supervisor asks the mail workers, so a session that is
 * idle costs nothing for it. And the end of those that he wants ended.
 *
 *     who {"user":"bob"}        on the control socket: a line of JSON for each session
 *     kick {"session":17}       how many there were
 *
 * It knows no mail protocol.
 */

import type { LoggedSession } from '../log/session-lines.js';

/** What is told of a session. */
export interface LiveSession {
  /** Number of the session since the service was started. */
  readonly session: number;
  readonly user: string;
  /** Who acts as the user. */
  readonly administrator?: string;
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
  readonly tls: boolean;
  /** The folder that is open, as the client names it. */
  readonly folder?: string;
  /** The server that the session was passed on to. */
  readonly mailhost?: string;
  /** Since the login. */
  readonly seconds: number;
  /** Since it had something to do. */
  readonly idleSeconds: number;
  readonly receivedOctets: number;
  readonly sentOctets: number;
  /** Of its mail worker, or of the login process that passes it on. */
  readonly pid?: number;
}

/** Which sessions are meant: those that have all of this. */
export interface SessionChoice {
  readonly user?: string;
  readonly ip?: string;
  readonly session?: number;
}

/** What a worker is asked. */
export type SessionQuestion =
  | { readonly kind: 'tell sessions'; readonly question: number; readonly choice: SessionChoice }
  | { readonly kind: 'kick'; readonly question: number; readonly choice: SessionChoice }
  /** To see whether there are files for traces now, also for sessions that have begun. */
  | { readonly kind: 'look for traces'; readonly question: number; readonly choice: SessionChoice };

/** What it answers: the sessions it is about. */
export interface SessionAnswer {
  readonly kind: 'sessions';
  readonly question: number;
  readonly sessions: readonly LiveSession[];
}

/** The answers of all workers. */
export interface SessionAnswers {
  readonly sessions: readonly LiveSession[];
  /** Pids of workers that are too busy to answer. */
  readonly silent: readonly number[];
}

/** A worker that can be asked. */
export interface AskableWorker {
  readonly pid: number;
  send(message: SessionQuestion): void;
}

type Heard = (sessions: readonly LiveSession[]) => void;

/** A worker that is busy for longer is left out. */
const ANSWER_MS = 5_000;

/** Asks the workers. */
export class LiveSessions {
  readonly #workers: () => readonly AskableWorker[];
  readonly #open = new Map<number, Heard>();
  #last = 0;

  constructor(workers: () => readonly AskableWorker[]) {
    this.#workers = workers;
  }

  /** Asks all workers the same, and waits for those that answer in time. */
  async ask(kind: SessionQuestion['kind'], choice: SessionChoice): Promise<SessionAnswers> {
    const silent: number[] = [];
    const answers = this.#workers().map(async (worker) => {
      const sessions = await this.#askOne(worker, kind, choice);
      if (sessions === undefined) silent.push(worker.pid);
      return (sessions ?? []).map((session) => ({ ...session, pid: worker.pid }));
    });
    return { sessions: (await Promise.all(answers)).flat(), silent };
  }

  /** A worker has answered. */
  heard({ question, sessions }: SessionAnswer): void {
    this.#open.get(question)?.(sessions.map(toldOnly));
  }

  #askOne(
    worker: AskableWorker,
    kind: SessionQuestion['kind'],
    choice: SessionChoice,
  ): Promise<readonly LiveSession[] | undefined> {
    this.#last += 1;
    const question = this.#last;
    return new Promise((resolve) => {
      const settle = (sessions: readonly LiveSession[] | undefined): void => {
        clearTimeout(timer);
        this.#open.delete(question);
        resolve(sessions);
      };
      const timer = setTimeout(() => settle(undefined), ANSWER_MS);
      this.#open.set(question, settle);
      worker.send({ kind, question, choice });
    });
  }
}

/** What only the session itself knows. */
export interface SessionView {
  readonly folder?: string | undefined;
  readonly mailhost?: string | undefined;
  readonly idleMilliseconds: number;
}

/** Asks processes of several kinds, and puts their answers together. */
export async function askAll(
  all: readonly LiveSessions[],
  kind: SessionQuestion['kind'],
  choice: SessionChoice,
): Promise<SessionAnswers> {
  const answers = await Promise.all(all.map((live) => live.ask(kind, choice)));
  return {
    sessions: answers.flatMap(({ sessions }) => sessions),
    silent: answers.flatMap(({ silent }) => silent),
  };
}

/** Describes a session of whatever protocol. */
export function liveSession(
  session: LoggedSession & { readonly sessionId: number | undefined },
  more: SessionView & { readonly protocol: string },
): LiveSession {
  const { administrator, remote, account, tls, clock, startedAt, input, output } = session;
  const seconds = (milliseconds: number) => Math.max(0, Math.floor(milliseconds / 1000));
  return {
    session: session.sessionId ?? 0,
    user: account.address,
    ...(administrator === undefined ? {} : { administrator }),
    ...{ ip: remote.ip, port: remote.port, protocol: more.protocol, tls },
    ...(more.folder === undefined ? {} : { folder: more.folder }),
    ...(more.mailhost === undefined ? {} : { mailhost: more.mailhost }),
    seconds: seconds(clock.now() - startedAt),
    idleSeconds: seconds(more.idleMilliseconds),
    receivedOctets: input.receivedOctets,
    sentOctets: output.sentOctets,
  };
}

/** Whether a session is one of those that are meant. */
export function isChosen(choice: SessionChoice, session: Pick<LiveSession, 'user' | 'ip' | 'session'>): boolean {
  const { user, ip } = choice;
  if (user !== undefined && user !== session.user) return false;
  if (ip !== undefined && plain(ip) !== plain(session.ip)) return false;
  return choice.session === undefined || choice.session === session.session;
}

function plain(ip: string): string {
  return ip.replace(/^::ffff:(?=\d+\.)/i, '').toLowerCase();
}

/** Reads a choice as it stands on the control socket; nothing means all. @throws when it is none. */
export function readChoice(text: string): SessionChoice {
  const read: unknown = text === '' ? {} : JSON.parse(text);
  if (typeof read !== 'object' || read === null)
    throw new Error('which sessions are meant is said in an object of JSON');
  const { user, ip, session } = read as Record<string, unknown>;
  return {
    ...(typeof user === 'string' ? { user } : {}),
    ...(typeof ip === 'string' ? { ip } : {}),
    ...(typeof session === 'number' ? { session } : {}),
  };
}

const FIELDS = [
  ...(['session', 'user', 'administrator', 'ip', 'port', 'protocol', 'tls', 'folder', 'mailhost'] as const),
  ...(['seconds', 'idleSeconds', 'receivedOctets', 'sentOctets'] as const),
] as const;

/** The session without what else its process may have said, which could be of any size, or be no JSON. */
function toldOnly(session: LiveSession): LiveSession {
  const told = FIELDS.filter((name) => session[name] !== undefined).map((name) => [name, session[name]]);
  return Object.fromEntries(told) as LiveSession;
}

/** Checks what a worker says of its sessions. */
export function isSessionAnswer(message: Readonly<Record<string, unknown>>): boolean {
  const { question, sessions } = message;
  return typeof question === 'number' && Array.isArray(sessions) && sessions.every(isLiveSession);
}

function isLiveSession(value: unknown): value is LiveSession {
  if (typeof value !== 'object' || value === null) return false;
  const told = value as Readonly<Record<string, unknown>>;
  const numbers = ['session', 'port', 'seconds', 'idleSeconds', 'receivedOctets', 'sentOctets'];
  const texts = ['user', 'ip', 'protocol'];
  const perhaps = ['administrator', 'folder', 'mailhost'].every((name) =>
    ['undefined', 'string'].includes(typeof told[name]),
  );
  const areNumbers = numbers.every((name) => typeof told[name] === 'number');
  return (
    areNumbers && texts.every((name) => typeof told[name] === 'string') && perhaps && typeof told['tls'] === 'boolean'
  );
}
