/**
 * Long searches let others have their turn: pauses are counted, time is not measured.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finish, scanMessage } from '../../imapd/message/mime.js';
import { compileNeedle } from '../../imapd/message/needle.js';
import { bodyMatches } from '../../imapd/message/search-text.js';
import { TextColumn } from '../../imapd/message/sort-columns.js';
import { orderByRanks, ranksOf } from '../../imapd/message/sort-ranks.js';
import type { MessageSource } from '../../imapd/message/source.js';
import { threadByReferences } from '../../imapd/message/thread.js';
import { encodeSearchFacts } from '../../imapd/search/search-facts.js';
import { ThreadColumns } from '../../imapd/search/thread-columns.js';
import { encodeEsearch, encodeNumbers } from '../../imapd/wire/responses.js';
import { writeMessages } from '../support/generated-maildir.js';
import { HandClock, SessionFixture } from '../support/session-fixture.js';

const MANY = 200_000;

/** Runs work to its end, and counts its breaks. */
function breaksOf<T>(work: Generator<void, T>): { breaks: number; result: T } {
  for (let breaks = 0; ; breaks += 1) {
    const step = work.next();
    if (step.done === true) return { breaks, result: step.value };
  }
}

test('performance: sorting 200,000 texts is done in steps of a few thousand comparisons', () => {
  const texts = new TextColumn(MANY);
  for (let row = 0; row < MANY; row += 1) {
    const text = Buffer.from(`subject ${(row * 7_919) % MANY}`);
    texts.add(text, 0, text.length);
  }

  const { breaks, result } = breaksOf(ranksOf(texts));
  assert.equal(result.ranks.length, MANY);
  assert.ok(breaks > 400, `${breaks} breaks`);
  const ordered = breaksOf(orderByRanks(MANY, [{ ...result, reverse: false }]));
  assert.equal(ordered.result.length, MANY);
  assert.ok(ordered.breaks > 270, `${ordered.breaks} breaks`);
});

test('performance: threading 200,000 messages is done in steps of a few thousand', () => {
  const columns = new ThreadColumns(MANY);
  for (let number = 0; number < MANY; number += 1) {
    const octets = encodeSearchFacts(
      Buffer.from(
        `Subject: ${number % 5_000}\nMessage-ID: <${number}@x>\nReferences: <${number - (number % 9)}@x>\n\n`,
      ),
    );
    columns.add({ octets, start: 0, end: octets.length, fileOctets: 0, internalDate: number });
  }

  const { breaks, result } = breaksOf(threadByReferences(columns.messages()));
  const encoded = breaksOf(result.encode(new Uint32Array(MANY).fill(1)));
  assert.ok(breaks > 400 && encoded.breaks > 90, `${breaks} and ${encoded.breaks} breaks`);
});

test('performance: 200,000 numbers are written in steps of a few thousand', () => {
  const numbers = Array.from({ length: MANY }, (_, row) => MANY - row);
  const plain = breaksOf(encodeNumbers('SORT', numbers));
  const extended = breaksOf(encodeEsearch({ tag: 'a', uid: true, all: numbers }));
  assert.ok(plain.breaks > 90 && extended.breaks > 90, `${plain.breaks} and ${extended.breaks} breaks`);
  assert.equal(plain.result.toString('latin1'), `* SORT ${numbers.join(' ')}\r\n`);
  assert.equal(extended.result.toString('latin1'), `* ESEARCH (TAG "a") UID ALL ${numbers.join(',')}\r\n`);
});

test('performance: a body of 50 MB is searched in pieces', () => {
  const head = Buffer.from('Content-Type: text/plain; charset=utf-8\n\n');
  const line = Buffer.from(`${'é'.repeat(35)}${'x'.repeat(5)}\n`.repeat(1_000));
  const sizeOctets = 50 * 1024 * 1024;
  const source: MessageSource = {
    sizeOctets,
    read(position, length) {
      const octets = Buffer.alloc(Math.min(length, sizeOctets - position));
      for (let at = 0; at < octets.length; ) {
        const from = position + at;
        at +=
          from < head.length ? head.copy(octets, at, from) : line.copy(octets, at, (from - head.length) % line.length);
      }
      return octets;
    },
  };
  const needle = compileNeedle(Buffer.from('nothing'));
  assert.ok(needle !== undefined);

  const { breaks, result } = breaksOf(bodyMatches(source, finish(scanMessage(source)), needle));
  assert.equal(result, false);
  assert.ok(breaks >= sizeOctets / 65_536, `${breaks} breaks`);
});

/** Each look at it takes longer than a session may work without a break. */
class FastClock extends HandClock {
  override now(): number {
    this.turn(1);
    return super.now();
  }
}

test('performance: SEARCH, SORT and THREAD give way to others between messages', async () => {
  const fixture = new SessionFixture();
  try {
    const messages = Array.from({ length: 320 }, (_, index) => {
      return { octets: `Subject: ${index % 10}\nMessage-ID: <${index}@x>\n\nbody\n`, internalDate: index * 1_000 };
    });
    writeMessages(fixture.maildir, messages);
    const client = fixture.client({}, { clock: new FastClock() });
    await client.command('a SELECT INBOX');
    let turns = 0;
    let counting = true;
    const count = (): void => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    setImmediate(count);

    for (const command of [
      'SEARCH SUBJECT 9',
      'SORT (SUBJECT) UTF-8 ALL',
      'THREAD REFERENCES UTF-8 ALL',
      'SEARCH BODY x',
    ]) {
      turns = 0;
      assert.match(await client.command(`b ${command}`), /^b OK/m);
      assert.ok(turns >= 320 / 16, `${command}: ${turns} turns`);
    }
    counting = false;
  } finally {
    await fixture.close();
  }
});
