/** FETCH of SMAP: attributes and contents of messages (courier.md section 5.4). */

import { hasRight } from '../../maildir/acl/rights.js';
import { SEEN } from '../../maildir/flags.js';
import type { FolderFacts } from '../cache/folder-facts.js';
import { falseIfGone, MessageReading } from '../cache/message-reading.js';
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import { sendContents } from './contents.js';
import { type ContentsRequest, contentsRequest } from './contents-request.js';
import { messagesIn, takeSet } from './message-set.js';
import { done, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { flagsAttribute, keywordsAttribute } from './wording.js';
import { quoted } from './words.js';

/** In the order in which they are told, whatever the client's is. */
const attributes = ['FLAGS', 'KEYWORDS', 'UID', 'SIZE', 'INTERNALDATE'] as const;
type Attribute = (typeof attributes)[number];

/** First the contents, one request after the other, then a line of attributes for each message, as Courier. */
export async function fetch(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const set = takeSet(words);
  const messages = [...messagesIn(smap.selected, set)];
  const wanted = new Set<Attribute>();
  for (const word of set.rest) {
    const attribute = attributes.find((known) => known === word.toUpperCase());
    const request = attribute === undefined ? contentsRequest(word) : undefined;
    if (attribute !== undefined) wanted.add(attribute);
    else if (request !== undefined) await fetchContents(smap, messages, request);
  }
  if (wanted.size > 0) await fetchAttributes(smap, messages, wanted);
  return done('Message retrieved.');
}

async function fetchContents(
  smap: SmapSession,
  messages: readonly PickedMessage[],
  request: ContentsRequest,
): Promise<void> {
  const facts = await smap.session.facts.ready(smap.selected.folder);
  for (const message of messages) {
    const sent = await fetchOne(smap, message, { facts, request });
    if (sent && !request.peek) await markSeen(smap, message);
  }
}

/** False for a message that has left. */
async function fetchOne(
  smap: SmapSession,
  { sequenceNumber: number, uid }: PickedMessage,
  { facts, request }: { readonly facts: FolderFacts; readonly request: ContentsRequest },
): Promise<boolean> {
  const row = smap.selected.folder.table.rowOf(uid);
  if (row < 0) return false;
  const reading = new MessageReading(facts, row);
  try {
    await sendContents(smap, { number, reading, request });
    return true;
  } catch (error) {
    return falseIfGone(error);
  } finally {
    reading.close();
  }
}

async function markSeen(smap: SmapSession, { sequenceNumber, uid }: PickedMessage): Promise<void> {
  const mailbox = smap.selected;
  const before = mailbox.flagsOf(uid);
  const mayMark = !mailbox.readOnly && hasRight(mailbox.place.rights, 's');
  if (!mayMark || before === undefined || (before.bits & SEEN) !== 0) return;
  await mailbox.folder.changeFlags([uid], { operation: 'add', flags: SEEN, keywords: [] });
  const flags = mailbox.flagsOf(uid);
  if (flags === undefined) return;
  smap.say(`* FETCH ${sequenceNumber} ${flagsAttribute(flags.bits)}`);
  mailbox.told(uid);
}

async function fetchAttributes(
  smap: SmapSession,
  messages: readonly PickedMessage[],
  wanted: ReadonlySet<Attribute>,
): Promise<void> {
  const { session, selected } = smap;
  const names = attributes.filter((name) => wanted.has(name));
  for (const message of messages) {
    if (selected.folder.table.rowOf(message.uid) >= 0) tellAttributes(smap, message, names);
    if (session.full) await session.flush();
    const turn = session.pace();
    if (turn !== undefined) await turn;
  }
}

/** Of a message whose file is gone nothing is told but its removal, when that is noticed. */
function tellAttributes(smap: SmapSession, message: PickedMessage, names: readonly Attribute[]): void {
  try {
    const texts = names.map((name) => attributeText(smap, message, name));
    const line = texts.filter((text) => text !== '').join(' ');
    if (line !== '') smap.say(`* FETCH ${message.sequenceNumber} ${line}`);
  } catch (error) {
    falseIfGone(error);
  }
}

/** @throws {MaildirError} 'message gone' */
function attributeText(smap: SmapSession, { uid }: PickedMessage, name: Attribute): string {
  const { selected, session } = smap;
  const { folder } = selected;
  const row = folder.table.rowOf(uid);
  switch (name) {
    case 'FLAGS':
      return flagsAttribute(folder.flagsAt(row));
    case 'KEYWORDS':
      return session.settings.keywords === 'off' ? '' : keywordsAttribute(folder.keywordsAt(row));
    case 'UID':
      return quoted(`UID=${folder.baseNameAt(row)}`);
    case 'SIZE':
      return `SIZE=${folder.sizeOctetsAt(row)}`;
    case 'INTERNALDATE':
      return quoted(`INTERNALDATE=${messageDate(folder.internalDateAt(row))}`);
  }
}

/** `Fri, 20 Nov 2026 23:37:14 +0000`; the zone is the server's. */
function messageDate(moment: number): string {
  const zoneMinutes = -new Date(moment).getTimezoneOffset();
  const local = new Date(moment + zoneMinutes * 60_000).toUTCString().replace('GMT', '');
  const sign = zoneMinutes < 0 ? '-' : '+';
  const [hours, minutes] = [Math.floor(Math.abs(zoneMinutes) / 60), Math.abs(zoneMinutes) % 60];
  return `${local}${sign}${twoDigits(hours)}${twoDigits(minutes)}`;
}

function twoDigits(number: number): string {
  return number.toString().padStart(2, '0');
}
