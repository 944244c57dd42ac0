/**
 * Header fields of generated mail: encoded words, addresses, dates, folding. Line ends are LF, as in a maildir.
 */
import { encodeText, type Person } from './mail-words.js';
import type { SeededRandom } from './random.js';

/** Lines are folded before this column where there is a place to fold (RFC 5322 section 2.1.1). */
const FOLD_COLUMN = 74;
/** Characters of one encoded word: in any charset it stays below the 75 octets of RFC 2047 section 2. */
const ENCODED_WORD_CHARACTERS = 9;

const legacyCharsets = ['iso-8859-1', 'iso-8859-2', 'koi8-r', 'iso-2022-jp', 'euc-kr', 'gb2312', 'windows-1251'];

/** Text as encoded words, one after the other, folded (RFC 2047). */
export function encodedWords(text: string, random: SeededRandom): string {
  const legacy = legacyCharsets.find((name) => !encodeText(text, name).includes(0x3f));
  const charset = legacy !== undefined && !text.includes('?') && random.chance(0.4) ? legacy : 'utf-8';
  const characters = [...text];
  const words: string[] = [];
  for (let i = 0; i < characters.length; i += ENCODED_WORD_CHARACTERS) {
    const octets = encodeText(characters.slice(i, i + ENCODED_WORD_CHARACTERS).join(''), charset);
    const base64 = charset === 'iso-2022-jp' || random.chance(0.5);
    words.push(base64 ? `=?${charset}?B?${octets.toString('base64')}?=` : `=?${charset}?Q?${qWord(octets)}?=`);
  }
  return words.join('\n ');
}

function qWord(octets: Buffer): string {
  return Array.from(octets, (octet) => {
    if (octet === 0x20) return '_';
    const character = String.fromCharCode(octet);
    return /[A-Za-z0-9]/.test(character) ? character : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** Text of an unstructured field: as it is, folded, or in encoded words. */
export function unstructured(text: string, random: SeededRandom): string {
  if (/[^\x00-\x7f]/.test(text)) return encodedWords(text, random);
  return foldWords(text.split(' '), ' ');
}

/** An address in one of the forms that clients write. */
export function address({ name, address: addrSpec }: Person, random: SeededRandom): string {
  if (name === '') return addrSpec;
  if (/[^\x00-\x7f]/.test(name)) return `${encodedWords(name, random)} <${addrSpec}>`;
  const form = random.next();
  if (/[.",()@]/.test(name) || form < 0.2) return `"${name.replaceAll('"', '\\"')}" <${addrSpec}>`;
  if (form < 0.25) return `${addrSpec} (${name})`;
  return form < 0.3 ? addrSpec : `${name} <${addrSpec}>`;
}

/** An address list, folded. */
export function addressList(list: readonly Person[], random: SeededRandom): string {
  return foldWords(
    list.map((person) => address(person, random)),
    ', ',
  );
}

function foldWords(words: readonly string[], between: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of words) {
    if (line !== '' && line.length + word.length > FOLD_COLUMN) {
      lines.push(line + between.trimEnd());
      line = word;
    } else {
      line = line === '' ? word : `${line}${between}${word}`;
    }
  }
  return [...lines, line].join('\n ');
}

const zones = ['+0000', '+0100', '+0100', '+0200', '-0500', '-0800', '+0900', '+0530', '-0330'];
const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `Tue, 3 Feb 2020 04:05:06 +0100` for seconds since 1970. */
export function dateField(seconds: number, zone = '+0000'): string {
  const offsetMinutes = Number(`${zone[0]}1`) * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3)));
  const date = new Date((seconds + offsetMinutes * 60) * 1000);
  const time = date.toISOString().slice(11, 19);
  const month = monthNames[date.getUTCMonth()];
  return `${dayNames[date.getUTCDay()]}, ${date.getUTCDate()} ${month} ${date.getUTCFullYear()} ${time} ${zone}`;
}

/** The Date field as different programs write it. */
export function sentDate(seconds: number, random: SeededRandom): string {
  const written = dateField(seconds, random.pick(zones));
  const form = random.next();
  if (form < 0.1) return `${written} (${random.pick(['CEST', 'PDT', 'Coordinated Universal Time'])})`;
  if (form < 0.13) return written.slice(5);
  return form < 0.14 ? written.replace(' +0000', ' GMT') : written;
}

/** `1-Feb-2020`, as SEARCH wants it. */
export function searchDate(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${date.getUTCDate()}-${monthNames[date.getUTCMonth()]}-${date.getUTCFullYear()}`;
}

const tokenLetters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** Letters and digits without meaning: signatures, queue ids, boundaries. */
export function token(length: number, random: SeededRandom): string {
  let letters = '';
  for (let i = 0; i < length; i += 1) letters += tokenLetters[random.below(tokenLetters.length)];
  return letters;
}
