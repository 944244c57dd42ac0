/** STORE of SMAP: flags, keywords and internal dates (courier.md section 5.5). */

import { hasRight } from '../../maildir/acl/rights.js';
import type { FlagChange, FlagLimits } from '../../maildir/flags.js';
import { ALL_FLAGS } from '../../maildir/flags.js';
import { falseIfGone } from '../cache/message-reading.js';
import { isSpeakable, type MessageFlags } from '../mailbox/mailbox-updates.js';
import type { PickedMessage } from '../mailbox/selected-mailbox.js';
import { parseMessageDate } from '../message/dates.js';
import type { MailboxPlace } from '../sharing/mailbox-place.js';
import { flagLimits } from '../sharing/require-right.js';
import { messagesIn, takeSet } from './message-set.js';
import { done, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { flagsAttribute, flagsFromList, keywordsAttribute } from './wording.js';
import { attributeOf } from './words.js';

/** One item after the other. What it does not know is passed over. */
export async function store(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  const set = takeSet(words);
  const messages = [...messagesIn(smap.selected, set)];
  for (const word of set.rest) await storeItem(smap, messages, word);
  return done('Folder status updated');
}

async function storeItem(smap: SmapSession, messages: readonly PickedMessage[], word: string): Promise<void> {
  const { name, value = '' } = attributeOf(word);
  const operation = name.startsWith('+') ? 'add' : name.startsWith('-') ? 'remove' : 'replace';
  switch (name.replace(/^[+-]/, '')) {
    case 'FLAGS':
      return storeFlags(smap, messages, { operation, flags: flagsFromList(value), keywords: [] });
    case 'KEYWORDS':
      return storeKeywords(smap, messages, operation, value);
    case 'INTERNALDATE':
      return storeDate(smap, messages, value);
  }
}

async function storeFlags(smap: SmapSession, messages: readonly PickedMessage[], change: FlagChange): Promise<void> {
  const { folder, place } = smap.selected;
  const within = { ...limitsOf(place), keywords: false };
  await folder.changeFlags(uidsOf(messages), { ...change, within });
  tell(smap, messages, ({ bits }) => flagsAttribute(bits));
}

async function storeKeywords(
  smap: SmapSession,
  messages: readonly PickedMessage[],
  operation: FlagChange['operation'],
  list: string,
): Promise<void> {
  if (smap.session.settings.keywords === 'off') return;
  const { folder, place } = smap.selected;
  const keywords = list.split(',').filter((keyword) => keyword !== '' && isSpeakable(keyword));
  const within = { flags: 0, keywords: limitsOf(place).keywords };
  await folder.changeFlags(uidsOf(messages), { operation, flags: 0, keywords, within });
  tell(smap, messages, (flags) => keywordsAttribute(flags.keywords));
}

/** The file's own date: all who look at the message see it. What is no date changes nothing, as with Courier. */
async function storeDate(smap: SmapSession, messages: readonly PickedMessage[], value: string): Promise<void> {
  const { folder, place } = smap.selected;
  const date = parseMessageDate(value);
  if (date === undefined || !hasRight(place.rights, 'w')) return;
  const facts = await smap.session.facts.ready(folder);
  for (const { uid } of messages) {
    const row = folder.table.rowOf(uid);
    if (row < 0) continue;
    try {
      folder.setInternalDate(row, date.ms);
    } catch (error) {
      // The others get theirs all the same.
      falseIfGone(error);
    }
    facts.forget(row);
    const turn = smap.session.pace();
    if (turn !== undefined) await turn;
  }
}

function limitsOf({ rights }: MailboxPlace): FlagLimits {
  return flagLimits(rights) ?? { flags: ALL_FLAGS, keywords: true };
}

function uidsOf(messages: readonly PickedMessage[]): number[] {
  return messages.map(({ uid }) => uid);
}

/** Tells what the messages have now; what others changed in them meanwhile is told with it. */
function tell(smap: SmapSession, messages: readonly PickedMessage[], attribute: (flags: MessageFlags) => string): void {
  const mailbox = smap.selected;
  for (const { sequenceNumber, uid } of messages) {
    const flags = mailbox.flagsOf(uid);
    if (flags === undefined) continue;
    smap.say(`* FETCH ${sequenceNumber} ${attribute(flags)}`);
    mailbox.told(uid);
  }
}
