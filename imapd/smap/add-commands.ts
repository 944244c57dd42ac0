/** ADD and RSET of SMAP: stores a message, or sends it, or both (courier.md section 5.7). */

import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { hasRight } from '../../maildir/acl/rights.js';
import { ALL_FLAGS } from '../../maildir/flags.js';
import type { Folder, MessageWriter } from '../../maildir/folder.js';
import { checkAppendLimit } from '../append/receive-message.js';
import { isSpeakable } from '../mailbox/mailbox-updates.js';
import { parseMessageDate } from '../message/dates.js';
import { octetsOf } from '../outbox/outbox.js';
import { isAnonymous } from '../sharing/identities.js';
import { folderAt } from '../sharing/mailbox-place.js';
import { flagLimits } from '../sharing/require-right.js';
import { type Addition, NO_ADDITION } from './addition.js';
import { type TextFormat, textFormatOf } from './client-lines.js';
import { isFolder, splitFolder } from './folder-words.js';
import { done, failed, INVALID, requireRight, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';
import { flagsFromList } from './wording.js';
import { attributeOf } from './words.js';

/** Reads words until the text of the message, or the end of the line; then the message is put together further. */
export async function add(smap: SmapSession, words: readonly string[]): Promise<SmapReply> {
  let reply = done('So far, so good...');
  for (let rest = words; rest.length > 0; ) {
    const [word = '', ...others] = rest;
    const format = textFormatOf(word);
    if (format !== undefined) return receive(smap, format);
    if (word.toUpperCase() === 'FOLDER') {
      const { folder, rest: behind } = splitFolder(others);
      rest = behind;
      reply = addFolder(smap, folder);
      if (!reply.ok) return reply;
      continue;
    }
    rest = others;
    const next = addAttribute(smap, word);
    if (next === undefined) return failed('Syntax error.');
    reply = next;
  }
  return reply;
}

function addFolder(smap: SmapSession, folder: readonly string[]): SmapReply {
  if (!isFolder(folder)) return failed(`Invalid folder: ${INVALID}`);
  const place = smap.place(folder);
  requireRight(place, 'i');
  // What cannot be opened is told before the message is sent.
  folderAt(place);
  note(smap, { place });
  return done('Will add to this folder');
}

/** Undefined for a word that ADD does not know. */
function addAttribute(smap: SmapSession, word: string): SmapReply | undefined {
  const { name, value } = attributeOf(word);
  if (value === undefined) return undefined;
  switch (name) {
    case 'FLAGS':
      note(smap, { flags: flagsFromList(value) });
      return done('FLAGS set');
    case 'KEYWORDS':
      note(smap, { keywords: value.split(',').filter((keyword) => keyword !== '' && isSpeakable(keyword)) });
      return done('KEYWORDS set');
    case 'INTERNALDATE':
      note(smap, { internalDate: parseMessageDate(value)?.ms });
      return done('INTERNALDATE set');
    case 'MAILFROM':
      note(smap, { sender: value });
      return done('So far, so good...');
    case 'RCPTTO':
      note(smap, { recipients: [...smap.addition.recipients, value] });
      return done('RCPT TO set');
    case 'NOTIFY':
      note(smap, { notify: value });
      return done('NOTIFY set');
    default:
      return undefined;
  }
}

function note(smap: SmapSession, said: Partial<Addition>): void {
  smap.addition = { ...smap.addition, ...said };
}

/** Asks for the text, sends it where there are recipients, and stores it where there is a folder. */
async function receive(smap: SmapSession, format: TextFormat): Promise<SmapReply> {
  const { session, addition } = smap;
  smap.addition = NO_ADDITION;
  smap.say('> Go ahead');
  const folder = addition.place === undefined ? undefined : folderAt(addition.place);
  // What is only sent passes through a file, too: a client may take minutes, and break off.
  const isKept = folder !== undefined || addition.recipients.length > 0;
  const writer = isKept ? (folder ?? session.maildir.folder('INBOX')).beginMessage() : undefined;
  try {
    await receiveText(smap, format, (octets) => writer?.write(octets));
    if (writer === undefined) return done('Message saved');
    if (folder !== undefined) checkAppendLimit(session, writer.sizeOctets);
    const failure = await send(smap, addition, writer);
    if (failure !== undefined) return failed(failure);
    if (folder !== undefined) await store(smap, { folder, writer, addition });
    return done('Message saved');
  } finally {
    writer?.abort();
  }
}

/** @throws {ClientGone} when the client leaves before all of it came */
async function receiveText(smap: SmapSession, format: TextFormat, take: (octets: Buffer) => void): Promise<void> {
  const pieces = smap.lines.text(format);
  for (;;) {
    const piece = await pieces.next();
    if (piece.done === true) {
      if (!piece.value) throw new ClientGone();
      return;
    }
    take(piece.value);
    const turn = smap.session.pace();
    if (turn !== undefined) await turn;
  }
}

/** What has been sent is not refused because it cannot be stored: it would be sent twice. */
async function store(
  smap: SmapSession,
  {
    folder,
    writer,
    addition,
  }: { readonly folder: Folder; readonly writer: MessageWriter; readonly addition: Addition },
): Promise<void> {
  const { internalDate, recipients } = addition;
  try {
    await writer.end(internalDate);
    const date = internalDate === undefined ? {} : { internalDate };
    const [uid] = await folder.addMessages([{ writer, ...whatMayBeSet(smap, addition), ...date }]);
    const row = uid === undefined ? -1 : folder.table.rowOf(uid);
    if (row >= 0) smap.say(`* ADD "UID=${folder.baseNameAt(row)}"`);
  } catch (error) {
    if (recipients.length === 0 || !(error instanceof Error)) throw error;
    const { log, whoForLog } = smap.session;
    log.write('error', `a message was sent and not stored, ${whoForLog}: ${error.message}`);
  }
}

/** Gives why it could not be sent, in the words of the program; undefined when it was, or there is nobody to send it to. */
async function send(
  { session }: SmapSession,
  { sender, recipients, notify }: Addition,
  writer: MessageWriter,
): Promise<string | undefined> {
  const { settings, account } = session;
  if (recipients.length === 0 || settings.smap === undefined) return undefined;
  if (isAnonymous(account)) return 'This account is for reading only.';
  // Hardly any client sends, and what starts processes is not needed elsewhere here.
  const { sendmail } = await import('../../init/runtime/worker/sendmail.js');
  const envelope = { sender: sender ?? account.address, recipients, notify };
  const order = { program: settings.smap.sendmail, headerFrom: '', home: account.home, ...envelope };
  const failure = await sendmail(
    order,
    octetsOf((octets, position) => writer.read(octets, position)),
  );
  if (failure !== undefined) session.log.write('error', `error sending a message, ${session.whoForLog}: ${failure}`);
  return failure;
}

function whatMayBeSet({ session }: SmapSession, { place, flags, keywords }: Addition) {
  const rights = place?.rights ?? 0;
  const limits = flagLimits(rights);
  const mayHaveKeywords = hasRight(rights, 'w') && session.settings.keywords !== 'off';
  return { flags: flags & (limits?.flags ?? ALL_FLAGS), keywords: mayHaveKeywords ? keywords : [] };
}

/** Forgets what was gathered; that happens after each command but ADD. */
export async function reset(): Promise<SmapReply> {
  return done('Reset');
}
