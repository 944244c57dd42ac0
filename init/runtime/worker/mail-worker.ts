/**
 * The main loop of a mail worker: receives authenticated sessions and gives each to the mail protocol.
 *
 * How a protocol uses it (imapd/worker.ts is nothing more):
 *
 *     serveMail((settings) => {
 *       const server = new Server(settings as SessionSettings);
 *       return { serve: (session) => server.serve(session), end: (reason) => server.sayGoodbye(reason) };
 *     });
 *
 * A process may also be asked to rehearse before it has a client: to run what clients will ask for over mail that is
 * made up, so that V8 has compiled it when the first of them comes. It may still be root then, so it must touch nothing
 * that belongs to anybody.
 *
 * The module that calls it is imported after the process has become the account's uid and gid. One worker serves many
 * accounts of one uid, so its working directory is `/` and every path is absolute. It knows no mail protocol.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../log/log.js';
import type { LiveSession, SessionChoice } from './live-sessions.js';

/** One end of a TCP connection. `ip` is as Courier prints it: an IPv4 peer of a dual-stack socket is `::ffff:192.0.2.1`. */
export interface Endpoint {
  readonly ip: string;
  readonly port: number;
}

/** The account of a session, as authdaemond described it. */
export interface SessionAccount {
  readonly address: string;
  /** Absolute. */
  readonly home: string;
  /** Absolute. Not known to exist. */
  readonly maildir: string;
  readonly uid: number;
  readonly gid: number;
  /** Account options by name: `disableimap`, `sharedgroup`, … */
  readonly options: Readonly<Record<string, string>>;
  /** Full name, if authdaemond knows one. */
  readonly fullName?: string;
  /** Quota as authdaemond gave it: `10000000S,1000C`. */
  readonly quota?: string;
}

/** An authenticated session that this worker serves from now on. */
export interface WorkerSession {
  /** The client. Nothing was read from it that is not in `unread`. Half-open: the client may end its side first. */
  readonly stream: Duplex;
  /** What the client sent behind its LOGIN; to be read before the stream. */
  readonly unread: Buffer;
  /** What the login process passed as `tag` of authenticate(): the tag of LOGIN, which this worker answers. */
  readonly tag: string;
  readonly account: SessionAccount;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  readonly tls: boolean;
  /** The administrator who acts as the account; absent when it is the account's owner. */
  readonly administrator?: string;
  readonly log: Log;
  /** Number of the session since the service was started; absent where there is no service. */
  readonly sessionId?: number;
  /**
   * To be called before serve() settles, when the client has given its login back: with what was received and not used.
   * Nobody else may be reading the stream then. Absent where the client cannot log in once more.
   */
  readonly giveBack?: (unread: Buffer) => void;
}

/** What a mail protocol gives to `serveMail`. */
export interface MailServer {
  /** Serves one session until it is over. The stream is destroyed when the promise settles. */
  serve(session: WorkerSession): Promise<void>;
  /** Says goodbye to all sessions; resolves when their `serve()` is on its way out. Called on SIGTERM and when the
   * service stops. `reason` is for the client: `server shut down`. */
  end(reason: string): Promise<void>;
  /** The administrator changed the settings; sessions that begin from now on use the new ones. */
  reload?(settings: unknown): void;
  /** The sessions that are chosen, for an administrator who asks. */
  sessions?(choice: SessionChoice): readonly LiveSession[];
  /** Says goodbye to the sessions that are chosen, and gives them as they were. */
  kick?(choice: SessionChoice): readonly LiveSession[];
  /** Begins and ends traces of the sessions that are chosen, as their files are there or not; gives those that have one. */
  lookForTraces?(choice: SessionChoice): readonly LiveSession[];
}

/** What a rehearsal is given. */
export interface RehearsalParts {
  readonly settings: unknown;
  readonly log: Log;
  /** To be waited for before each piece of work, of some ten milliseconds: settles when nobody needs this process. */
  quiet(): Promise<void>;
}

export { serveMail } from './mail-worker-loop.js';
