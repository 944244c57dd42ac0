/**
 * MIME bodies of generated mail: texts in all character sets and encodings, attachments, and the trees they stand in.
 */
import { dateField, encodedWords, token } from './mail-header.js';
import { charsets, encodeText, NEEDLES, people, prose, sentences } from './mail-words.js';
import { SeededRandom } from './random.js';

/** Content header fields, without an end of line, and the octets of the body. */
export interface Part {
  readonly header: string;
  readonly body: Buffer;
}

/** What a text part is to hold. */
export interface TextWish {
  readonly octets: number;
  /** The word that searches of bodies look for stands in it. */
  readonly needle: boolean;
}

const BASE64_COLUMN = 76;
const TEXT_COLUMN = 72;

function wrapped(text: string): string {
  return text.replaceAll(new RegExp(`(.{1,${TEXT_COLUMN}})(?: |$)`, 'g'), '$1\n');
}

function base64Lines(octets: Buffer): Buffer {
  const lines = octets.toString('base64').match(new RegExp(`.{1,${BASE64_COLUMN}}`, 'g')) ?? [];
  return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
}

/** RFC 2045 section 6.7. */
function quotedPrintable(octets: Buffer): Buffer {
  const lines: string[] = [];
  let line = '';
  for (const octet of octets) {
    if (octet === 0x0a) {
      lines.push(line.replace(/ $/, '=20'));
      line = '';
      continue;
    }
    const plain = octet >= 0x20 && octet < 0x7f && octet !== 0x3d;
    const shown = plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, '0')}`;
    if (line.length + shown.length > BASE64_COLUMN - 1) {
      lines.push(`${line}=`);
      line = '';
    }
    line += shown;
  }
  return Buffer.from(`${[...lines, line].join('\n')}`, 'latin1');
}

function proseOf(octets: number, random: SeededRandom): string {
  const wanted = Math.max(1, octets);
  const start = random.below(Math.max(1, prose.length - wanted));
  return prose.slice(start, start + wanted).trim();
}

function textIn(charset: string, { octets, needle }: TextWish, random: SeededRandom): string {
  const sentence = sentences[charset] ?? '';
  const foreign = sentence === '' ? '' : `${`${sentence}\n`.repeat(1 + Math.min(40, Math.floor(octets / 400)))}\n`;
  const text = foreign + wrapped(proseOf(Math.max(20, octets - foreign.length), random));
  return needle ? `${text}\nOn Sundays she plays the ${NEEDLES.body} there.\n` : text;
}

/** The transfer encodings that clients choose for such a text. */
function encodingFor(charset: string, random: SeededRandom): '7bit' | '8bit' | 'quoted-printable' | 'base64' {
  const choice = random.next();
  if (charset === 'iso-2022-jp') return '7bit';
  if (charset === 'us-ascii') return choice < 0.75 ? '7bit' : choice < 0.9 ? 'quoted-printable' : 'base64';
  return choice < 0.4 ? '8bit' : choice < 0.75 ? 'quoted-printable' : 'base64';
}

/** A text part. */
export function textPart(wish: TextWish, random: SeededRandom, subtype: 'plain' | 'html' = 'plain'): Part {
  const kind = random.next();
  const charset = kind < 0.5 ? 'us-ascii' : kind < 0.72 ? 'utf-8' : random.pick(charsets);
  const text = textIn(charset, wish, random);
  const html = `<!DOCTYPE html>\n<html><head><title>Mail</title></head>\n<body><p>${text.replaceAll('\n', '<br>\n')}</p></body></html>\n`;
  const octets = encodeText(subtype === 'html' ? html : text, charset);
  const encoding = encodingFor(charset, random);
  const quoted = random.chance(0.5) ? `"${charset}"` : charset;
  const flowed = subtype === 'plain' && random.chance(0.15) ? '; format=flowed; delsp=no' : '';
  const named = encoding !== '7bit' || random.chance(0.5) ? `\nContent-Transfer-Encoding: ${encoding}` : '';
  const header = `Content-Type: text/${subtype}; charset=${quoted}${flowed}${named}`;
  if (encoding === 'base64') return { header, body: base64Lines(octets) };
  return { header, body: encoding === 'quoted-printable' ? quotedPrintable(octets) : octets };
}

/** Octets that attachments are cut from; their base64 form is cut at lines. */
const attachmentPool = makeAttachmentPool();
const LINE_OCTETS = BASE64_COLUMN + 1;

function makeAttachmentPool(): Buffer {
  const random = new SeededRandom(77);
  return base64Lines(Buffer.from(Array.from({ length: 900_000 }, () => random.below(256))));
}

const files: readonly { readonly type: string; readonly name: string }[] = [
  { type: 'application/pdf', name: 'minutes.pdf' },
  { type: 'image/jpeg', name: 'DSC_0417.JPG' },
  { type: 'image/png', name: 'diagram.png' },
  { type: 'application/zip', name: 'sources.zip' },
  { type: 'application/octet-stream', name: 'export.bin' },
  { type: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document', name: 'Entwurf für März.docx' },
  { type: 'audio/mpeg', name: 'message.mp3' },
];

/** A base64 attachment of about so many octets in the file. */
export function attachment(octets: number, random: SeededRandom, disposition = 'attachment'): Part {
  const { type, name } = random.pick(files);
  const lines = Math.max(1, Math.floor(octets / LINE_OCTETS));
  const start = random.below(Math.max(1, attachmentPool.length / LINE_OCTETS - lines));
  const pieces: Buffer[] = [];
  for (let left = lines * LINE_OCTETS, from = start * LINE_OCTETS; left > 0; from = 0) {
    const piece = attachmentPool.subarray(from, from + left);
    pieces.push(piece);
    left -= piece.length;
  }
  const foreign = /[^\x00-\x7f]/.test(name);
  const shown = foreign ? encodedWords(name, random).replaceAll('\n', '') : name;
  const filename = foreign ? `filename*=utf-8''${encodeURIComponent(name)}` : `filename="${name}"`;
  const extra = random.chance(0.2)
    ? `\nContent-ID: <${token(12, random)}@example.com>\nContent-Description: a file`
    : '';
  return {
    header:
      `Content-Type: ${type};\n name="${shown}"\nContent-Disposition: ${disposition};\n ${filename}\n` +
      `Content-Transfer-Encoding: base64${extra}`,
    body: Buffer.concat(pieces),
  };
}

/** Parts between boundaries. `parameters` of the Content-Type begin with a semicolon. */
export function multipart(subtype: string, parts: readonly Part[], random: SeededRandom, parameters = ''): Part {
  const boundary = random.pick([
    `----=_Part_${random.below(100_000)}_${token(10, random)}`,
    `=_${token(24, random)}`,
    `Apple-Mail=_${token(12, random)}`,
    token(28, random),
  ]);
  const pieces: Buffer[] = [];
  if (random.chance(0.4)) pieces.push(Buffer.from('This is a multi-part message in MIME format.\n'));
  for (const { header, body } of parts) {
    pieces.push(Buffer.from(`--${boundary}\n${header}${header === '' ? '' : '\n'}\n`), body);
    if (body.at(-1) !== 0x0a) pieces.push(Buffer.from('\n'));
  }
  pieces.push(Buffer.from(`--${boundary}--\n${random.chance(0.1) ? '\nend of parts\n' : ''}`));
  const body = Buffer.concat(pieces);
  return { header: `Content-Type: multipart/${subtype}${parameters};\n boundary="${boundary}"`, body };
}

/** The same text twice, as most clients send it. */
export function alternative(wish: TextWish, random: SeededRandom): Part {
  const plain = textPart({ ...wish, octets: wish.octets / 2 }, random);
  return multipart('alternative', [plain, textPart(wish, random, 'html')], random);
}

/** A whole message inside another. */
export function forwarded(wish: TextWish, random: SeededRandom): Part {
  const [from, to] = [random.pick(people), random.pick(people)];
  const inner = random.chance(0.5) ? textPart(wish, random) : alternative(wish, random);
  const header = [
    `From: ${from.address}`,
    `To: ${to.address}`,
    `Subject: ${random.chance(0.3) ? encodedWords((sentences['utf-8'] ?? '').slice(0, 20), random) : 'Earlier note'}`,
    `Date: ${dateField(1_500_000_000 + random.below(50_000_000))}`,
    `Message-ID: <inner.${token(10, random)}@example.com>`,
    'MIME-Version: 1.0',
    inner.header,
  ];
  const body = Buffer.concat([Buffer.from(`${header.join('\n')}\n\n`), inner.body]);
  return { header: 'Content-Type: message/rfc822\nContent-Disposition: inline', body };
}
