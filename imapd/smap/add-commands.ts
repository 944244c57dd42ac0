/** ADD and RSET of SMAP: stores a message, or sends it, or both (courier.md section 5.7). */
import { hasRight } from '../../maildir/acl/rights.js';
import { ALL_FLAGS } from '../../maildir/flags.js';
import { ClientGone } from '../completion.js';
import { isSpeakable } from '../mailbox/mailbox-updates.js';
import { parseMessageDate } from '../message/dates.js';
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
    default:
      return undefined;
  }
}

function note(smap: SmapSession, said: Partial<Addition>): void {
  smap.addition = { ...smap.addition, ...said };
}

/** Asks for the text and stores it. Without a folder it goes nowhere, as with Courier. */
async function receive(smap: SmapSession, format: TextFormat): Promise<SmapReply> {
  const { session, addition } = smap;
  smap.addition = NO_ADDITION;
  smap.say('> Go ahead');
  const folder = addition.place === undefined ? undefined : folderAt(addition.place);
  const writer = folder?.beginMessage();
  try {
    const pieces = smap.lines.text(format);
    for (;;) {
      const piece = await pieces.next();
      if (piece.done === true) {
        if (!piece.value) throw new ClientGone();
        break;
      }
      writer?.write(piece.value);
      const turn = session.pace();
      if (turn !== undefined) await turn;
    }
    if (folder === undefined || writer === undefined) return done('Message saved');
    const { internalDate } = addition;
    await writer.end(internalDate);
    const [uid] = await folder.addMessages([
      { writer, ...whatMayBeSet(smap, addition), ...(internalDate === undefined ? {} : { internalDate }) },
    ]);
    const row = uid === undefined ? -1 : folder.table.rowOf(uid);
    if (row >= 0) smap.say(`* ADD "UID=${folder.baseNameAt(row)}"`);
    return done('Message saved');
  } finally {
    writer?.abort();
  }
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
