/**
 * Mail for measurements: message i is always the same, sizes are those of a real mailbox.
 *
 * Seven in ten are short texts, two have a text and an HTML part, one has an attachment; one in a hundred is large.
 */
import { chownSync, linkSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FIRST_SECOND = 1_690_000_000;
const SECONDS_BETWEEN = 1800;

/** Mulberry32: small, and the same on every machine. */
function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const words =
  'the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part'.split(
    ' ',
  );
const people = 'Ann Bob Carla Dieter Eve Farid Grace Heinz Ines Jörg Katrin Lars Maria Nils Olga Peter'.split(' ');

/** Message number i, with LF line ends as in a maildir. */
export function benchMessage(i: number): string {
  const random = randomNumbers(i + 1);
  const below = (limit: number): number => Math.floor(random() * limit);
  const pick = (list: readonly string[]): string => list[below(list.length)] ?? '';
  const kind = random();
  const from = pick(people);
  const date = new Date((FIRST_SECOND + i * SECONDS_BETWEEN) * 1000).toUTCString().replace('GMT', '+0000');
  const subject = `${random() < 0.4 ? 'Re: ' : ''}${Array.from({ length: 3 + below(6) }, () => pick(words)).join(' ')}`;
  const parent = i > 10 && random() < 0.5 ? i - 1 - below(10) : undefined;
  const header = [
    `Return-Path: <${from.length}@example.org>`,
    `Received: from mail.example.org (mail.example.org [192.0.2.${below(255)}])`,
    `\tby mx.example.com with ESMTPS id ${i.toString(36)}; ${date}`,
    'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org; s=mail;',
    `\tb=${'Qm9iIGFuZCBBbm4gYXJlIGZyaWVuZHMu'.repeat(5)}`,
    `From: =?UTF-8?Q?${from.replace('ö', '=C3=B6')}?= <${from.length}@example.org>`,
    `To: ${pick(people).replace('ö', 'oe')} <bob@example.com>, ${pick(people).replace('ö', 'oe')} <c@example.com>`,
    `Subject: ${subject}`,
    `Date: ${date}`,
    `Message-ID: <${i}.bench@example.org>`,
    ...(parent === undefined ? [] : [`In-Reply-To: <${parent}.bench@example.org>`]),
    ...(parent === undefined ? [] : [`References: <${parent}.bench@example.org>`]),
    'MIME-Version: 1.0',
  ];
  const text = (octets: number): string => lines(octets, () => pick(words));
  if (kind < 0.7) return plain(header, text(600 + below(5000)));
  if (kind < 0.9) return multipart(header, 'alternative', text(1500 + below(4000)), text(6000 + below(20_000)));
  const size = kind < 0.99 ? 30_000 + below(90_000) : 300_000 + below(600_000);
  return multipart(header, 'mixed', text(500 + below(3000)), attachment(size, random));
}

function lines(octets: number, word: () => string): string {
  const all: string[] = [];
  let line = '';
  for (let length = 0; length < octets; ) {
    line += `${word()} `;
    if (line.length < 68) continue;
    all.push(line.trimEnd());
    length += line.length;
    line = '';
  }
  return `${all.join('\n')}\n`;
}

function plain(header: readonly string[], text: string): string {
  return `${header.join('\n')}\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n${text}`;
}

function multipart(header: readonly string[], subtype: string, text: string, other: string): string {
  const boundary = '=_bench_boundary_1234567890';
  const second =
    subtype === 'mixed'
      ? 'Content-Type: application/pdf; name="report.pdf"\nContent-Disposition: attachment; filename="report.pdf"\n' +
        'Content-Transfer-Encoding: base64'
      : 'Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit';
  return [
    ...header,
    `Content-Type: multipart/${subtype}; boundary="${boundary}"`,
    '',
    'This is a multi-part message in MIME format.',
    `--${boundary}`,
    'Content-Type: text/plain; charset=utf-8',
    '',
    text,
    `--${boundary}`,
    second,
    '',
    other,
    `--${boundary}--`,
    '',
  ].join('\n');
}

function attachment(octets: number, random: () => number): string {
  const block = Buffer.from(Array.from({ length: 5400 }, () => Math.floor(random() * 256)));
  const encoded = block.toString('base64').match(/.{1,76}/g) ?? [];
  const wanted = Math.ceil(octets / 77);
  return Array.from({ length: wanted }, (_, row) => encoded[row % encoded.length]).join('\n');
}

/** Writes messages into `directory`/cur under the names that deliveries give. Nine in ten are \Seen. */
export function writeMaster(directory: string, count: number): void {
  mkdirSync(join(directory, 'cur'), { recursive: true });
  for (let i = 0; i < count; i += 1) {
    const text = benchMessage(i);
    const second = FIRST_SECOND + i * SECONDS_BETWEEN;
    const flags = `${i % 17 === 0 ? 'F' : ''}${i % 6 === 0 ? 'R' : ''}${i % 10 === 0 ? '' : 'S'}`;
    const size = Buffer.byteLength(text);
    const file = join(directory, 'cur', `${second}.M${100_000 + (i % 900_000)}P${1000 + i}.mx,S=${size}:2,${flags}`);
    writeFileSync(file, text, { mode: 0o644 });
    utimesSync(file, second, second);
  }
}

/** A fresh HOME/Maildir whose messages are hard links to the first `count` of the master's. */
export function linkMaildir(master: string, home: string, count: number, owner: { uid: number; gid: number }): void {
  const maildir = join(home, 'Maildir');
  const own = (path: string): void => {
    if (process.getuid?.() === 0) chownSync(path, owner.uid, owner.gid);
  };
  mkdirSync(home, { recursive: true });
  own(home);
  for (const path of [maildir, ...['tmp', 'new', 'cur'].map((name) => join(maildir, name))]) {
    mkdirSync(path, { mode: 0o700 });
    own(path);
  }
  const names = readdirSync(join(master, 'cur')).sort();
  for (const name of names.slice(0, count)) linkSync(join(master, 'cur', name), join(maildir, 'cur', name));
}
