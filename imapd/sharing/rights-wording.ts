/**
 * Rights and identifiers as clients say them, and as access lists hold them.
 *
 * RFC 4314 has `k` for what Courier's files call `c`, and lets the letters of RFC 2086 stand for several: `d` for t, e and
 * x together, as in Courier. Courier's own extensions have the letters of the files, with `d` where all three are there.
 * Identifiers of people are said without the `user=` that files put in front of them.
 */
import { isIdentifier } from '../../maildir/acl/acl-list.js';
import { lettersFromRights, type Rights } from '../../maildir/acl/rights.js';
import { Encoder } from '../wire/encoder.js';
import { encodeUntagged } from '../wire/responses.js';

/** In the order of RFC 4314 section 2.1; each in the file's letter and in the RFC's. */
const LETTERS: readonly (readonly [file: string, said: string])[] = [
  ['l', 'l'],
  ['r', 'r'],
  ['s', 's'],
  ['w', 'w'],
  ['i', 'i'],
  ['p', 'p'],
  ['c', 'k'],
  ['x', 'x'],
  ['t', 't'],
  ['e', 'e'],
  ['a', 'a'],
];

const DELETING = ['e', 't', 'x'];

/**
 * The rights of a list as RFC 4314 says them. Clients that know RFC 2086 only find `c` and `d` where part of them is given
 * (RFC 4314 section 2.1.1).
 *
 *     rightsText('aceilrstwx')    // 'lrswikxteacd'
 */
export function rightsText(letters: string): string {
  let text = '';
  for (const [file, said] of LETTERS) if (letters.includes(file)) text += said;
  if (letters.includes('c')) text += 'c';
  if (DELETING.some((letter) => letters.includes(letter))) text += 'd';
  return text;
}

/** The same as Courier says it outside of RFC 2086: `acdilrsw`, and `ailrt` where only part of `d` is given. */
export function courierRightsText(letters: string): string {
  if (!DELETING.every((letter) => letters.includes(letter))) return letters;
  return [...letters.replace(/[etx]/g, ''), 'd'].sort().join('');
}

/** `* OK [MYRIGHTS "acdilrsw"] ACL`: what Courier tells of the mailbox that is selected. */
export function myRightsCode(rights: Rights): Buffer {
  return encodeUntagged({
    status: 'OK',
    code: `MYRIGHTS "${courierRightsText(lettersFromRights(rights))}"`,
    text: 'ACL',
  });
}

/** `* MYRIGHTS INBOX lrs` (RFC 4314 section 3.8) */
export function myRightsLine(mailboxName: Buffer, { rights }: { readonly rights: Rights }): Buffer {
  return new Encoder()
    .atom('* MYRIGHTS ')
    .mailbox(mailboxName)
    .sp()
    .string(rightsText(lettersFromRights(rights)))
    .crlf();
}

/** The letters of files for what a client said; undefined if one of them is no right. */
export function lettersFromText(text: string): string | undefined {
  let letters = '';
  for (const said of text) {
    if (said === 'd') letters += DELETING.join('');
    else if (said === 'c' || said === 'k') letters += 'c';
    else if (LETTERS.some(([file]) => file === said)) letters += said;
    else return undefined;
  }
  return letters;
}

/** LISTRIGHTS: each right that can be given by itself (RFC 4314 section 3.7), without those in `required`. */
export function optionalRights(required: string): string[] {
  const all = [...LETTERS.map(([, said]) => said), 'c', 'd'];
  return all.filter((said) => !required.includes(said));
}

const WORDS: ReadonlySet<string> = new Set(['owner', 'anyone', 'anonymous', 'administrators', 'authuser']);

/** The identifier of files for one that a client of RFC 4314 said; undefined if there can be none such. */
export function identifierFromText(said: string): string | undefined {
  const [, minus = '', name = ''] = /^(-?)(.*)$/s.exec(said) ?? [];
  const isKept = WORDS.has(name) || /^(user|group)=./s.test(name);
  const identifier = isKept ? name : `user=${name}`;
  return name !== '' && isIdentifier(minus + identifier) ? minus + identifier : undefined;
}

/** The inverse of identifierFromText. */
export function identifierText(identifier: string): string {
  const [, minus = '', name = ''] = /^(-?)user=(.*)$/s.exec(identifier) ?? [];
  return name !== '' && identifierFromText(minus + name) === identifier ? minus + name : identifier;
}
