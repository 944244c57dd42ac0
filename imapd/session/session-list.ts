/**
 * The sessions of one mail worker: who they are, for an administrator who asks; which of them he wants ended or traced; and
 * the figures that come from their state, so that a command counts nothing for them.
 */
import { isChosen, type LiveSession, liveSession, type SessionChoice } from '../../init/runtime/live-sessions.js';
import { count, whenSomebodyLooks } from '../../init/runtime/metrics/counts.js';
import type { FileSystem } from '../../maildir/file-system.js';
import { sayGoodbye } from './closing.js';
import type { Session } from './session.js';
import { SessionTrace } from './trace.js';

/** A client that does not take its goodbye is cut off after this. */
const KICK_MILLISECONDS = 5_000;

type Protocol = 'imap' | 'smap';

/** See the head of this file. */
export class SessionList {
  readonly #fileSystem: FileSystem;
  readonly #sessions = new Set<Session>();
  readonly #traces = new Map<Session, SessionTrace>();
  readonly #begun = count('sessions_total', { protocol: 'imap' });
  readonly #received = count('octets_total', { direction: 'received', protocol: 'imap' });
  readonly #sent = count('octets_total', { direction: 'sent', protocol: 'imap' });

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem;
    whenSomebodyLooks((tell) => {
      tell.level('sessions{protocol="imap"}', this.#sessions.size);
      let [received, sent] = [0, 0];
      for (const session of this.#sessions) {
        received += session.input.receivedOctets;
        sent += session.output.sentOctets;
      }
      tell.count('octets_total{direction="received",protocol="imap"}', received);
      tell.count('octets_total{direction="sent",protocol="imap"}', sent);
    });
  }

  /** All that are there. */
  get all(): ReadonlySet<Session> {
    return this.#sessions;
  }

  /** One has begun; it is traced if there is the file for it. */
  enter(session: Session): void {
    this.#sessions.add(session);
    this.#begun.value += 1;
    this.#trace(session);
  }

  /** One has ended. */
  leave(session: Session): void {
    this.#traces.get(session)?.close();
    this.#traces.delete(session);
    if (!this.#sessions.delete(session)) return;
    this.#received.value += session.input.receivedOctets;
    this.#sent.value += session.output.sentOctets;
  }

  /** Those that are chosen, as they are now. */
  list(choice: SessionChoice): LiveSession[] {
    return this.#chosen(choice).map(liveImapSession);
  }

  /** Says goodbye to those that are chosen, and gives them as they were. */
  kick(choice: SessionChoice): LiveSession[] {
    const sessions = this.#chosen(choice);
    const were = sessions.map(liveImapSession);
    for (const session of sessions) {
      sayGoodbye(session, 'Disconnected by the administrator.');
      session.clock.after(KICK_MILLISECONDS, () => {
        if (this.#sessions.has(session)) session.output.destroy();
      });
    }
    count('sessions_kicked_total').value += sessions.length;
    return were;
  }

  /** Looks again whether the files for traces are there; gives those that have one. */
  lookForTraces(choice: SessionChoice): LiveSession[] {
    return this.#chosen(choice)
      .filter((session) => this.#trace(session))
      .map(liveImapSession);
  }

  #chosen(choice: SessionChoice): Session[] {
    return [...this.#sessions].filter((session) => isChosen(choice, identityOf(session)));
  }

  /** Begins or ends the trace, as the file is there or not; says whether there is one. */
  #trace(session: Session): boolean {
    const trace = this.#traces.get(session);
    const isWanted = SessionTrace.isWanted(session, this.#fileSystem);
    if (trace !== undefined && (!isWanted || trace.ended)) {
      trace.close();
      this.#traces.delete(session);
    }
    if (!isWanted || this.#traces.has(session)) return isWanted;
    const begun = SessionTrace.begin(session, this.#fileSystem);
    if (begun !== undefined) this.#traces.set(session, begun);
    return begun !== undefined;
  }
}

function identityOf(session: Session) {
  return { user: session.account.address, ip: session.remote.ip, session: session.sessionId ?? 0 };
}

function liveImapSession(session: Session): LiveSession {
  const folder = session.state === 'selected' ? session.selected.place.mailboxName : undefined;
  const protocol: Protocol = 'imap';
  return liveSession(session, { protocol, folder, idleMilliseconds: session.idleMilliseconds });
}
