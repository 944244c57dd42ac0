/**
 * What Dovecot keeps beside the mail in a maildir, as text: `dovecot-uidlist`, `dovecot-keywords`, `subscriptions`.
 *
 *     3 V1700000000 N124 G8e34…             UIDVALIDITY, next UID, an id of the mailbox
 *     17 :1700000001.M1P2.mx,S=1234         UID, extensions, file name with or without its flags
 *
 *     0 $Forwarded                          the letter a in a file's flags
 *
 *     V<TAB>2                               names of folders, their parts with TABs between
 *
 *     Work<TAB>Plans
 *
 * Its file formats are described in Dovecot's manual. It touches no disk.
 */
import { baseNameOf } from './filename.js';

/** A folder's UIDs. */
export interface DovecotUids {
  readonly uidValidity: number;
  /** Larger than every UID of the list, whatever its head says: Dovecot writes that late. */
  readonly uidNext: number;
  /** In rising order of UIDs. */
  readonly messages: readonly DovecotMessage[];
}

export interface DovecotMessage {
  readonly uid: number;
  readonly baseName: string;
}

const MAX_UID = 0xffff_ffff;

/** Reads `dovecot-uidlist`, versions 1 and 3; undefined when it is neither. */
export function parseDovecotUids(text: string): DovecotUids | undefined {
  const [head = '', ...lines] = text.split('\n');
  const known = headOf(head);
  if (known === undefined) return undefined;
  const messages = lines
    .map(messageIn)
    .filter((message) => message !== undefined)
    .sort((one, other) => one.uid - other.uid);
  const last = messages.at(-1)?.uid ?? 0;
  return { uidValidity: known.uidValidity, uidNext: Math.max(known.uidNext, last + 1), messages };
}

function headOf(line: string): Pick<DovecotUids, 'uidValidity' | 'uidNext'> | undefined {
  const [version, ...words] = line.split(' ');
  const field = (letter: string): number => Number(words.find((word) => word.startsWith(letter))?.slice(1));
  const uidValidity = version === '1' ? Number(words[0]) : field('V');
  const uidNext = version === '1' ? Number(words[1]) : field('N');
  const isKnown = (version === '1' || version === '3') && isUid(uidValidity) && isUid(uidNext);
  return isKnown ? { uidValidity, uidNext } : undefined;
}

/** `17 W1259 :NAME`, or `17 NAME` in version 1. A line that is neither tells nothing. */
function messageIn(line: string): DovecotMessage | undefined {
  const [, number, name] = /^(\d+) (?:.*?:)?([^/:\0]+)(?::|$)/.exec(line) ?? [];
  const uid = Number(number);
  return name === undefined || name.startsWith('.') || !isUid(uid) ? undefined : { uid, baseName: baseNameOf(name) };
}

function isUid(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number < MAX_UID;
}

/** Reads `dovecot-keywords`: the keyword that each small letter of a file's flags stands for. */
export function parseDovecotKeywords(text: string): Map<string, string> {
  const keywords = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, number, word] = /^(\d{1,2}) (\S+)$/.exec(line) ?? [];
    if (word !== undefined && Number(number) < 26) keywords.set(String.fromCharCode(97 + Number(number)), word);
  }
  return keywords;
}

/** Reads `subscriptions`, versions 1 (one name in a line, `.` between its parts) and 2, as internal names of folders. */
export function parseDovecotSubscriptions(text: string): string[] {
  const lines = text.split('\n');
  const isVersion2 = lines[0] === 'V\t2';
  const names = isVersion2 ? lines.slice(1).map((line) => line.split('\t').join('.')) : lines;
  return names.filter((name) => name !== '').map((name) => (/^INBOX(\.|$)/i.test(name) ? name : `INBOX.${name}`));
}
