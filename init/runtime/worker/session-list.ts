/**
 * The sessions of one mail worker: who they are, for an administrator who asks; which of them he wants ended; and the
 * figures that come from their state, so that a command counts nothing for them. It knows no mail protocol.
 */

import type { LoggedSession } from '../log/session-lines.js';
import { count, seriesName, whenSomebodyLooks } from '../metrics/counts.js';
import { isChosen, type LiveSession, liveSession, type SessionChoice, type SessionView } from './live-sessions.js';

/** What is asked of a session. */
export interface ListedSession extends LoggedSession {
  /** Number of the session since the service was started; undefined where there is no service. */
  readonly sessionId: number | undefined;
  readonly clock: { now(): number; after(milliseconds: number, run: () => void): () => void };
  readonly output: { readonly sentOctets: number; destroy(): void };
}

/** What is different in each protocol. */
export interface SessionListParts<Session> {
  /** `imap`, `pop3` */
  readonly protocol: string;
  readonly view: (session: Session) => SessionView;
  /** Has a session end soon, with this text for its client. */
  readonly sayGoodbye: (session: Session, text: string) => void;
}

/** A client that does not take its goodbye is cut off after this. */
const KICK_MILLISECONDS = 5_000;

/** See the head of this file. */
export class SessionList<Session extends ListedSession> {
  readonly #parts: SessionListParts<Session>;
  readonly #sessions = new Set<Session>();
  readonly #begun;
  readonly #received;
  readonly #sent;

  constructor(parts: SessionListParts<Session>) {
    this.#parts = parts;
    const { protocol } = parts;
    const [received, sent] = [
      { direction: 'received', protocol },
      { direction: 'sent', protocol },
    ];
    this.#begun = count('sessions_total', { protocol });
    this.#received = count('octets_total', received);
    this.#sent = count('octets_total', sent);
    whenSomebodyLooks((tell) => {
      tell.level(seriesName('sessions', { protocol }), this.#sessions.size);
      for (const { input, output } of this.#sessions) {
        tell.count(seriesName('octets_total', received), input.receivedOctets);
        tell.count(seriesName('octets_total', sent), output.sentOctets);
      }
    });
  }

  /** All that are there. */
  get all(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** One has begun. */
  enter(session: Session): void {
    this.#sessions.add(session);
    this.#begun.value += 1;
  }

  /** One has ended. */
  leave(session: Session): void {
    if (!this.#sessions.delete(session)) return;
    this.#received.value += session.input.receivedOctets;
    this.#sent.value += session.output.sentOctets;
  }

  /** Those that are chosen. */
  chosen(choice: SessionChoice): Session[] {
    return [...this.#sessions].filter((session) => isChosen(choice, identityOf(session)));
  }

  /** The same as they are now, for people. */
  list(choice: SessionChoice): LiveSession[] {
    return this.chosen(choice).map((session) => this.describe(session));
  }

  /** Says goodbye to those that are chosen, and gives them as they were. */
  kick(choice: SessionChoice): LiveSession[] {
    const sessions = this.chosen(choice);
    const were = sessions.map((session) => this.describe(session));
    for (const session of sessions) {
      this.#parts.sayGoodbye(session, 'Disconnected by the administrator.');
      session.clock.after(KICK_MILLISECONDS, () => {
        if (this.#sessions.has(session)) session.output.destroy();
      });
    }
    count('sessions_kicked_total').value += sessions.length;
    return were;
  }

  /** What is told of a session. */
  describe(session: Session): LiveSession {
    return liveSession(session, { protocol: this.#parts.protocol, ...this.#parts.view(session) });
  }
}

function identityOf({ account, remote, sessionId = 0 }: ListedSession) {
  return { user: account.address, ip: remote.ip, session: sessionId };
}
