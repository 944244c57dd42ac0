/**
 * What a mail protocol knows of proxy mode: how to log in at a back end, and what the last words on a connection mean.
 */

import type { LineWords } from '../log/session-lines.js';
import type { Secret } from '../secret.js';
import type { Endpoint } from '../worker/mail-worker.js';
import type { BackEnd } from './back-end.js';
import type { ProxyManner } from './proxy-settings.js';

/** Who logs in at a back end, on behalf of which client. */
export interface BackEndLogin {
  /** What the login process passed as `tag` of authenticate(). */
  readonly tag: string;
  readonly loginName: string;
  readonly password: Secret;
  /** Whom to act as; absent: as oneself. */
  readonly authorisationName?: string;
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** How many more proxies the login may pass behind this one. */
  readonly hopsLeft: number;
  readonly manner: ProxyManner;
}

/** The proxy's half of a mail protocol, loaded when it is first needed. */
export interface ProxyDialogue {
  /** `imap`, `pop3` */
  readonly protocol: string;
  /**
   * Talks from the greeting on until the back end has let the client in, and gives what the client is told about it.
   *
   * @throws {BackEndFailure | BackEndRefusal}
   */
  logIn(backEnd: BackEnd, login: BackEndLogin): Promise<Buffer>;
  /** What the lines of its sessions say of it in the log. */
  lineWords(tag: string): LineWords;
  /** Whether these were the last words of a session that ended as it should; each is the end of what came last. */
  isGoodbye(fromClient: string, fromBackEnd: string): boolean;
  /** For a client whose session ends unasked, because of trouble or because somebody wants it. */
  goodbye(text: string, because?: 'trouble'): Buffer;
}
