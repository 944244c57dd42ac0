/**
 * What POP3 reads: lines and commands of clients, the list of sizes that a user may write into his maildir, and messages on
 * their way out. Each is the same however it is cut into pieces, and never more than it was.
 */
import assert from 'node:assert/strict';
import { uniqueIdOf } from '../../maildir/pop3-size-list.js';
import { TopEnd } from '../../pop3d/commands/top-end.js';
import { type Line, LineReader, parseCommand, wordsOf } from '../../pop3d/wire/lines.js';
import { MAX_GROWTH, MessageChunk, TextState } from '../../pop3d/wire/message-chunk.js';
import { readSizeList, writeSizeList } from '../support/size-list.js';

const MAX_LINE_OCTETS = 60;

/** Lines of clients. */
export const pop3Lines: readonly Buffer[] = [
  'CAPA\r\nUSER bob\r\nPASS a b  c\r\nLIST 2\n UIDL\t1\r\nTOP 1 10\r\nQUIT\r\n',
  `AUTH PLAIN AGJvYgBzZWNyZXQ=\r\n${'x'.repeat(100)}\r\nAPOP bob 00\r\nUTF8\r\n\r\nNOOP`,
].map((text) => Buffer.from(text));

/** Reads octets as lines: whole, one by one, and in pieces of three. */
export async function checkPop3Lines(octets: Buffer): Promise<void> {
  const whole = await linesIn([octets]);
  for (const size of [1, 3]) {
    const pieces: Buffer[] = [];
    for (let at = 0; at < octets.length; at += size) pieces.push(octets.subarray(at, at + size));
    assert.deepEqual(await linesIn(pieces), whole);
  }
  const texts = octets.toString('latin1').split('\n').slice(0, -1);
  assert.equal(whole.length, texts.length);
  for (const [index, line] of whole.entries()) {
    const text = texts[index] ?? '';
    assert.equal(line.kind, text.length > MAX_LINE_OCTETS ? 'too long' : 'line');
    if (line.kind === 'too long') continue;
    assert.equal(line.text, text.replace(/\r$/, ''));
    const received = parseCommand(line.text);
    assert.match(received.name, /^[^ \ta-z]*$/);
    assert.deepEqual(wordsOf(received).join(''), received.rest.replace(/[ \t]/g, ''));
  }
}

async function linesIn(pieces: readonly Buffer[]): Promise<Line[]> {
  let next = 0;
  const reader = new LineReader(async () => pieces[next++], MAX_LINE_OCTETS);
  const lines: Line[] = [];
  for (let line = await reader.next(); line !== undefined; line = await reader.next()) lines.push(line);
  return lines;
}

/** Lists as Courier and others write them. */
export const sizeLists: readonly Buffer[] = [
  '/3 40 77\n1700000001.M1.mx:2, 146 7:77:0\n1700000002.a b.mx:2,S 30 8:0:1\nold:2, 5 0:0:0\n',
  '/2 4 5\nx 1 1:2\n',
  '/1 4\nx 1\n',
].map((text) => Buffer.from(text));

/** Reads octets as a list, writes it, and reads that. No number is given that an entry has. */
export async function checkSizeList(octets: Buffer): Promise<void> {
  const list = await readSizeList(octets);
  assert.ok(Number.isSafeInteger(list.nextUid) && list.nextUid >= 1);
  for (const entry of list.entries) {
    assert.ok(entry.uid < list.nextUid && Number.isSafeInteger(entry.sizeOctets));
    assert.match(
      uniqueIdOf(entry, () => entry.name),
      /^[\x21-\x7e]*$/,
    );
  }
  const validity = list.validity ?? 1;
  const again = await readSizeList(writeSizeList({ ...list, validity }));
  assert.deepEqual(again, { ...list, validity, current: true });
}

/** Messages with what is awkward in them. */
export const pop3Messages: readonly Buffer[] = [
  'Subject: x\n.\n\n.\n..\n.a\r\n.\rb\n\r\n\n.end',
  '\r\n.\r\n\r\n\n',
].map((text) => Buffer.from(text));

/** Sends octets as a message, in one piece and in many: what arrives is the message with CRLF, dots undone. */
export function checkPop3Message(octets: Buffer): void {
  const text = octets.toString('latin1');
  const expected = text.replace(/(?<!\r)\n/g, '\r\n').replace(/(^|\n)\./g, '$1..');
  for (const size of [octets.length || 1, 1, 7]) assert.equal(sentInPieces(octets, size), expected);
  for (const lines of [0, 2]) {
    const [one, many] = [topInPieces(octets, octets.length || 1, lines), topInPieces(octets, 1, lines)];
    assert.equal(one, many);
    assert.ok(text.startsWith(one));
  }
}

function sentInPieces(octets: Buffer, size: number): string {
  const chunk = new MessageChunk(Buffer.alloc(octets.length * MAX_GROWTH));
  const state = new TextState();
  for (let start = 0; start < octets.length; start += size)
    chunk.message(octets, { start, end: Math.min(octets.length, start + size), state });
  return chunk.view().toString('latin1');
}

function topInPieces(octets: Buffer, size: number, lines: number): string {
  const end = new TopEnd(lines);
  let sent = '';
  for (let start = 0; start < octets.length && !end.reached; start += size) {
    const piece = octets.subarray(start, start + size);
    sent += piece.toString('latin1', 0, end.within(piece));
  }
  return sent;
}
