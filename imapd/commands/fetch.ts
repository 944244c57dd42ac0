/**
 * FETCH and UID FETCH: what the client asks of messages, in the order in which it asks.
 *
 * What a filename or the cache knows is answered without touching a file. Where a file is read, it is opened once per
 * message; bodies go out in pieces, so memory does not grow with the message.
 *
 * \Seen is set once for all messages, after they were sent, with one sync of the directory. The client hears of it in
 * a FETCH response of its own per message, after the bodies, as from Courier.
 */

import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { hasRight } from '../../maildir/acl/rights.js';
import { SEEN } from '../../maildir/flags.js';
import { type Completion, no, ok } from '../completion.js';
import { askedMessages } from '../fetch/asked-messages.js';
import { FetchPlan } from '../fetch/fetch-plan.js';
import { FetchSubject } from '../fetch/fetch-subject.js';
import { LiteralFailure } from '../fetch/section-steps.js';
import { sendMessage } from '../fetch/send-message.js';
import type { PickedMessage, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import type { Session } from '../session/session.js';
import { requireSelectedRight } from '../sharing/require-right.js';
import type { Cursor } from '../wire/cursor.js';
import { type FetchItem, marksSeen, parseFetchItems } from '../wire/fetch-items.js';
import { type FetchModifiers, parseFetchModifiers } from '../wire/fetch-modifiers.js';
import type { SequenceSet } from '../wire/sequence-set.js';

interface FetchArguments {
  readonly messages: SequenceSet;
  readonly by: 'uid' | 'sequence number';
  readonly items: readonly FetchItem[];
  readonly modifiers: FetchModifiers;
}

/** The clock is asked once per so many answers for which no file was opened. */
const ANSWERS_PER_LOOK_AT_CLOCK = 16;

/** `fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att / "(" … ")")` (RFC 9051 section 9). */
export function parseFetch(cursor: Cursor, by: FetchArguments['by']): FetchArguments {
  cursor.sp();
  const messages = cursor.sequenceSet();
  cursor.sp();
  const asked = parseFetchItems(cursor);
  const modifiers = parseFetchModifiers(cursor);
  cursor.end();
  // RFC 7162 section 3.1.4.1: who asks what changed is told the mod-sequences, too.
  const adds = modifiers.changedSince !== undefined && asked.every(({ kind }) => kind !== 'modseq');
  const items: readonly FetchItem[] = adds ? [...asked, { kind: 'modseq' }] : asked;
  // As Courier has it: the UID comes first, unless the client gave it another place.
  const withUid = by === 'sequence number' || items.some(({ kind }) => kind === 'uid');
  return { messages, by, items: withUid ? items : [{ kind: 'uid' }, ...items], modifiers };
}

/**
 * Answers with one response per message (RFC 9051 section 6.4.5).
 *
 * Messages that have left the folder are omitted, and NO tells that at the end; they are expunged for this client when
 * the next command allows it.
 */
export async function fetch(session: Session, { messages, by, items, modifiers }: FetchArguments): Promise<Completion> {
  const mailbox = session.selected;
  const picked = await askedMessages(session, { messages, by, modifiers });
  if (items.some(({ kind }) => kind === 'modseq')) await session.useModSequences();
  const facts = await session.facts.ready(mailbox.folder);
  const setsSeen = !mailbox.readOnly && hasRight(mailbox.place.rights, 's') && items.some(marksSeen);
  const unseen: PickedMessage[] = [];
  const { uidsOnly } = session.manner;
  const plan = new FetchPlan(
    uidsOnly ? items.filter(({ kind }) => kind !== 'uid' || items.length === 1) : items,
    uidsOnly,
  );
  const subject = new FetchSubject(session, facts);
  let gone = 0;
  let answered = 0;
  // What was sent is \Seen, even if the client left before it got everything.
  try {
    for (const message of picked) {
      const sent = sendMessage(plan, subject, message);
      const whole: boolean = sent instanceof Promise ? await sent : sent;
      if (!whole) gone += 1;
      else if (setsSeen && isUnseen(mailbox, message)) unseen.push(message);
      if (session.full) await session.flush();
      answered += 1;
      if (answered % ANSWERS_PER_LOOK_AT_CLOCK !== 0 && !subject.opened && !(sent instanceof Promise)) continue;
      const turn = session.pace();
      if (turn === undefined) continue;
      await turn;
      await session.tellProgress(answered);
      // Somebody may have taken the right away meanwhile.
      requireSelectedRight(mailbox, 'r', 'FETCH');
    }
  } catch (error) {
    if (!(error instanceof LiteralFailure)) throw error;
    // The client waits for octets that do not exist, so there is nothing that it would understand.
    session.log.write('warning', `FETCH: ${mailbox.folder.name}: ${error.message}`);
    throw new ClientGone('A message became shorter while it was sent.');
  } finally {
    if (unseen.length > 0) await markSeen(session, unseen, by);
  }
  if (subject.failure !== undefined) throw subject.failure;
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
  for (const message of messages) {
    const line = mailbox.flagsLine(message, by);
    if (line === undefined) continue;
    session.write(Buffer.from(line));
    mailbox.told(message.uid);
  }
}
