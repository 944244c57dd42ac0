/**
 * The beginning of a message's text, as lists of messages show it (RFC 8970): of the first plain text, or else of the
 * first HTML without its tags. A bounded piece is looked at, in one pass, whatever the message claims to be.
 */
import { decodeText, decodeUnlabelled } from './charset.js';
import type { MessageIndex, Part } from './mime.js';
import type { MessageSource } from './source.js';
import { decodeTransfer } from './transfer-decoding.js';

/** RFC 8970 section 3.2 allows no more. */
const MAX_CHARACTERS = 200;

/** Most text begins within this; newsletters begin with some KiB of styles. */
const MAX_OCTETS = 32 * 1024;

/** Gives at most 200 characters in one line; none if the message has no text. */
export function previewOf(source: MessageSource, { root }: MessageIndex): string {
  for (const subtype of ['plain', 'html']) {
    const part = firstText(root, subtype);
    if (part === undefined) continue;
    const text = textOf(source, part);
    const shown = inOneLine(subtype === 'html' ? withoutTags(text) : withoutQuotes(text));
    if (shown !== '') return shown;
  }
  return '';
}

/** The first part of this kind that is no attachment. Messages inside are not looked into. */
function firstText(root: Part, subtype: string): Part | undefined {
  const waiting = [root];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    if (part.type === 'text' && part.subtype === subtype && part.disposition?.type !== 'attachment') return part;
    waiting.push(...part.children.toReversed());
  }
  return undefined;
}

function textOf(source: MessageSource, part: Part): string {
  const octets = source.read(part.bodyStart, Math.min(MAX_OCTETS, part.bodyEnd - part.bodyStart));
  const decoded = decodeTransfer(octets, part.encoding);
  const charset = part.parameters.find(({ name }) => name === 'charset')?.value;
  const isVague = charset === undefined || /^\s*(?:us-ascii|ascii|utf-?8)\s*$/i.test(charset);
  if (!isVague) return decodeText(decoded, charset);
  // What is cut in the middle of a character is UTF-8 all the same.
  const isCut = octets.length === MAX_OCTETS;
  return decodeUnlabelled(isCut ? decoded.subarray(0, decoded.length - unfinished(decoded)) : decoded);
}

/** Octets at the end that begin a UTF-8 character and do not end it. */
function unfinished(octets: Buffer): number {
  for (let back = 1; back <= Math.min(3, octets.length); back += 1) {
    const octet = octets[octets.length - back] ?? 0;
    if (octet < 0x80) return 0;
    if (octet >= 0xc0) return (octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

/** What somebody else wrote is no preview, unless there is nothing else. */
function withoutQuotes(text: string): string {
  const own = text.replace(/^>.*$/gm, '');
  return own.trim() === '' ? text : own;
}

/** Elements whose content nobody reads. */
const HIDDEN = ['style', 'script', 'head', 'title'];

/** Elements that part no words. */
const inline = /^\/?(?:a|abbr|b|big|code|em|font|i|label|s|small|span|strong|sub|sup|u)$/;

/** Takes tags and comments out, and puts characters in the place of their names. What is not closed hides the rest. */
function withoutTags(html: string): string {
  const lower = html.toLowerCase();
  let text = '';
  for (let at = 0; at < html.length && text.length < MAX_OCTETS; ) {
    const tag = html.indexOf('<', at);
    text += html.slice(at, tag === -1 ? html.length : tag);
    if (tag === -1) break;
    if (!/[a-z/!?]/.test(lower[tag + 1] ?? '')) {
      text += '<';
      at = tag + 1;
      continue;
    }
    const isComment = lower.startsWith('<!--', tag);
    const name = /^\/?[a-z0-9]*/.exec(lower.slice(tag + 1, tag + 12))?.[0] ?? '';
    const hides = HIDDEN.includes(name);
    const closing = isComment ? '-->' : hides ? `</${name}` : '>';
    const end = lower.indexOf(closing, tag + 1);
    if (end === -1) break;
    at = end + closing.length;
    if (hides) at = lower.indexOf('>', at) === -1 ? html.length : lower.indexOf('>', at) + 1;
    if (!inline.test(name)) text += ' ';
  }
  return text.replace(/&(#x[0-9a-f]{1,6}|#[0-9]{1,7}|[a-z]{2,8});/gi, (all, name: string) => characterOf(name) ?? all);
}

const characters = new Map<string, string>([
  ['amp', '&'],
  ['apos', "'"],
  ['bull', '•'],
  ['copy', '©'],
  ['euro', '€'],
  ['gt', '>'],
  ['hellip', '…'],
  ['laquo', '«'],
  ['ldquo', '“'],
  ['lsquo', '‘'],
  ['lt', '<'],
  ['mdash', '—'],
  ['nbsp', ' '],
  ['ndash', '–'],
  ['quot', '"'],
  ['raquo', '»'],
  ['rdquo', '”'],
  ['reg', '®'],
  ['rsquo', '’'],
  ['shy', ''],
  ['trade', '™'],
  ['zwj', ''],
  ['zwnj', ''],
  ['Auml', 'Ä'],
  ['Ouml', 'Ö'],
  ['Uuml', 'Ü'],
  ['auml', 'ä'],
  ['eacute', 'é'],
  ['egrave', 'è'],
  ['ouml', 'ö'],
  ['szlig', 'ß'],
  ['uuml', 'ü'],
]);

function characterOf(name: string): string | undefined {
  if (!name.startsWith('#')) return characters.get(name) ?? characters.get(name.toLowerCase());
  const code = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
  return isCharacter ? String.fromCodePoint(code) : undefined;
}

/** Newsletters fill the preview up with characters that nobody sees. */
const unseen =
  /(?:\u034f|[\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffd])+/g;

function inOneLine(text: string): string {
  const words = text
    .replace(unseen, '')
    .replace(/[\s\x00-\x1f\x7f-\x9f]+/g, ' ')
    .trim();
  // Twice as many units of UTF-16 hold as many characters.
  return Array.from(words.slice(0, MAX_CHARACTERS * 2))
    .slice(0, MAX_CHARACTERS)
    .join('')
    .trim();
}
