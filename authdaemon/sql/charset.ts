/**
 * The setting CHARACTER_SET: which octets of a login name mean which characters of the database.
 *
 * Courier sends a client's octets to the server as they are and lets the server take them for this character set. Here
 * sessions always speak UTF-8, in which no character can hide a quote, and the change is made on this side, with the
 * same result. Texts here are those of octet-text.ts: octets that are no UTF-8 are lone surrogates.
 */
import iconv from 'iconv-lite';
import { octetsFromText, textFromOctets } from '../octet-text.js';

/** Both directions. ASCII is ASCII in every character set that a server accepts. */
export interface SqlCharset {
  /** Gives the database's text for a client's; undefined when the octets are no text of the character set. */
  toDatabase(text: string): string | undefined;
  fromDatabase(text: string): string;
}

/** Servers' names that iconv-lite does not know. */
const aliases: Readonly<Record<string, string>> = {
  // MySQL's latin1 is what everybody else calls Windows-1252.
  'mysql latin1': 'windows1252',
  'mysql ujis': 'eucjp',
  'mysql eucjpms': 'eucjp',
  'mysql sjis': 'shiftjis',
  'mysql greek': 'iso88597',
  'mysql hebrew': 'iso88598',
  'mysql latin5': 'iso88599',
  'mysql latin7': 'iso885913',
  'mysql koi8r': 'koi8r',
  'pgsql win': 'windows1251',
  'pgsql uhc': 'cp949',
};

/** UTF-8 and what passes octets through. */
const UTF8 = /^(utf8(mb[34])?|unicode|binary|sqlascii|ascii|usascii)$/;
const ASCII = /^[\x00-\x7f]*$/;

/** Octets are UTF-8. */
export const UTF8_CHARSET: SqlCharset = {
  // A lone surrogate is an octet that is no UTF-8.
  toDatabase: (text) => (/\p{Surrogate}/u.test(text) ? undefined : text),
  fromDatabase: (text) => text,
};

/** Gives the character set of that name; undefined when it is not known. */
export function sqlCharset(language: 'mysql' | 'pgsql', name: string): SqlCharset | undefined {
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (UTF8.test(plain)) return UTF8_CHARSET;
  const alias = `${language} ${plain}`;
  const encoding = (Object.hasOwn(aliases, alias) ? aliases[alias] : undefined) ?? plain;
  if (/^(utf|ucs|base64|hex)/.test(encoding) || !iconv.encodingExists(encoding)) return undefined;
  return {
    toDatabase: (text) => {
      if (ASCII.test(text)) return text;
      const octets = octetsFromText(text);
      const decoded = iconv.decode(octets, encoding);
      return iconv.encode(decoded, encoding).equals(octets) ? decoded : undefined;
    },
    fromDatabase: (text) => (ASCII.test(text) ? text : textFromOctets(iconv.encode(text, encoding))),
  };
}
