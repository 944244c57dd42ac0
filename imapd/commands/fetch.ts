/**
 * FETCH and UID FETCH: what the client asks of messages, in the order in which it asks.
 *
 * What a filename or the cache knows is answered without touching a file. Where a file is read, it is opened once per
 * message; bodies go out in pieces, so memory does not grow with the message.
 *
 * \Seen is set once for all messages, after they were sent, with one sync of the directory. The client hears of it in
 * a FETCH response of its own per message, after the bodies, as from Courier.
 */
import { SEEN } from '../../maildir/flags.js';
import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import { ClientGone, type Completion, no, ok } from '../completion.js';
import { answersOf } from '../fetch/fetch-answers.js';
import { fetchFlags, isFlagsOnly } from '../fetch/fetch-flags.js';
import { flagsFetchLine } from '../mailbox/mailbox-updates.js';
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { paced } from '../session/paced.js';
import type { Session } from '../session/session.js';
import type { Cursor } from '../wire/cursor.js';
import { type FetchItem, parseFetchItems } from '../wire/fetch-items.js';
import { type FetchAnswer, FetchWriter, LiteralFailure } from '../wire/fetch-response.js';
import type { SequenceSet } from '../wire/sequence-set.js';

interface FetchArguments {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly items: readonly FetchItem[];
}

/** `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" … ")")` (RFC 9051 section 9). */
export function parseFetch(cursor: Cursor, by: FetchArguments['by']): FetchArguments {
  cursor.sp();
  const messages = cursor.sequenceSet();
  cursor.sp();
  const items = parseFetchItems(cursor);
  cursor.end();
  // As Courier has it: the UID comes first, unless the client gave it another place.
  const withUid = by === 'sequence number' || items.some(({ kind }) => kind === 'uid');
  return { messages, by, items: withUid ? items : [{ kind: 'uid' }, ...items] };
}

/**
 * Answers with one response per message (RFC 9051 section 6.4.5).
 *
 * Messages that have left the folder are omitted, and NO tells that at the end; they are expunged for this client when
 * the next command allows it.
 */
export async function fetch(session: Session, { messages, by, items }: FetchArguments): Promise<Completion> {
  const mailbox = session.selected;
  const picked = mailbox.pick(messages, by);
  if (isFlagsOnly(items)) return completionFor(await fetchFlags(session, picked, items));
  const marksSeen = !mailbox.readOnly && items.some((item) => item.kind === 'section' && !item.peek);
  const unseen: PickedMessage[] = [];
  const run = new FetchRun(session, items);
  let gone = 0;
  // What was sent is \Seen, even if the client left before it got everything.
  try {
    for (const message of picked) {
      const sent = run.send(message);
      const whole: boolean = sent instanceof Promise ? await sent : sent;
      if (!whole) gone += 1;
      else if (marksSeen && isUnseen(mailbox, message)) unseen.push(message);
      if (session.full) await session.flush();
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
    run.end();
  } catch (error) {
    if (!(error instanceof LiteralFailure)) throw error;
    // The client waits for octets that do not exist, so there is nothing that it would understand.
    session.log.write('warning', `FETCH: ${mailbox.folder.name}: ${error.message}`);
    throw new ClientGone('A message became shorter while it was sent.');
  } finally {
    if (unseen.length > 0) await markSeen(session, unseen, by);
  }
  return completionFor(gone);
}

function completionFor(gone: number): Completion {
  return gone > 0 ? no('Some messages are gone.', 'EXPUNGEISSUED') : ok('FETCH completed.');
}

function isUnseen(mailbox: SelectedMailbox, { uid }: PickedMessage): boolean {
  const flags = mailbox.flagsOf(uid);
  return flags !== undefined && (flags.bits & SEEN) === 0;
}

async function markSeen(session: Session, messages: readonly PickedMessage[], by: FetchArguments['by']): Promise<void> {
  const mailbox = session.selected;
  const uids = messages.map(({ uid }) => uid);
  await mailbox.folder.changeFlags(uids, { operation: 'add', flags: SEEN, keywords: [] });
  for (const { sequenceNumber, uid } of messages) {
    const flags = mailbox.flagsOf(uid);
    if (flags === undefined) continue;
    session.write(Buffer.from(flagsFetchLine(sequenceNumber, flags, by === 'uid' ? uid : undefined)));
    mailbox.told(uid);
  }
}

/** One FETCH under way. */
class FetchRun {
  readonly #session: Session;
  readonly #mailbox: SelectedMailbox;
  readonly #items: readonly FetchItem[];
  readonly #writer: FetchWriter;

  constructor(session: Session, items: readonly FetchItem[]) {
    this.#session = session;
    this.#mailbox = session.selected;
    this.#items = items;
    this.#writer = new FetchWriter(session);
  }

  /** Hands over what is collected. */
  end(): void {
    this.#writer.end();
  }

  /** Sends the response for one message; false when the message is gone. A promise only if there is much to do. */
  send(message: PickedMessage): boolean | Promise<boolean> {
    const row = this.#mailbox.folder.table.rowOf(message.uid);
    if (row < 0) return false;
    const reading = new MessageReading(this.#mailbox.folder, row);
    let waiting = false;
    // The file must be closed whatever happens, and what happens is either over here or a promise.
    try {
      const answers = paced(this.#session, answersOf(this.#items, { mailbox: this.#mailbox, message, row, reading }));
      const sent = answers instanceof Promise ? this.#writeLater(message, answers) : this.#write(message, answers);
      waiting = sent instanceof Promise;
      return sent instanceof Promise ? sent.catch(falseIfGone).finally(() => reading.close()) : sent;
    } catch (error) {
      return falseIfGone(error);
    } finally {
      if (!waiting) reading.close();
    }
  }

  async #writeLater(message: PickedMessage, answers: Promise<FetchAnswer[]>): Promise<boolean> {
    return this.#write(message, await answers);
  }

  #write({ sequenceNumber }: PickedMessage, answers: FetchAnswer[]): boolean | Promise<boolean> {
    this.#count(answers);
    const writing = this.#writer.message(sequenceNumber, answers);
    return writing === undefined ? true : writing.then(() => true);
  }

  /** Courier's log line at the end of a session tells how many octets of headers and of bodies were fetched. */
  #count(answers: readonly FetchAnswer[]): void {
    const { counters } = this.#session;
    for (const [index, item] of this.#items.entries()) {
      const value = answers[index]?.value;
      if (item.kind !== 'section' || typeof value !== 'object' || Buffer.isBuffer(value)) continue;
      if (item.section.text.startsWith('HEADER')) counters.headers += value.sizeOctets;
      else counters.body += value.sizeOctets;
    }
  }
}
