/** DEFLATE in both directions: what comes out is what went in, however a client flushes, rests, and is cut. */
import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { Deflater } from '../../imapd/session/compression.js';
import { inflated } from '../../imapd/session/inflation.js';
import { waitUntil } from '../support/processes.js';
import { HandClock } from '../support/session-fixture.js';

/** What is sent: short commands, long texts that DEFLATE makes small, and octets that it can do nothing with. */
const texts = fc.record({
  kind: fc.constantFrom('commands', 'long', 'noise'),
  length: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 120_000 })),
  seed: fc.nat(),
});

type Text = typeof texts extends fc.Arbitrary<infer T> ? T : never;

function octetsOf({ kind, length, seed }: Text): Buffer {
  if (kind === 'long') return Buffer.alloc(length, 'lorem ipsum ');
  const octets = Buffer.alloc(length);
  const words = 'UID FETCH 1:* NOOP ';
  let state = seed;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    octets[at] = kind === 'noise' ? state >>> 24 : words.charCodeAt((at + (state >>> 29)) % words.length);
  }
  return octets;
}

const flushes = fc.constantFrom(
  constants.Z_SYNC_FLUSH,
  constants.Z_PARTIAL_FLUSH,
  constants.Z_FULL_FLUSH,
  constants.Z_BLOCK,
);

/** One round of the event loop and of zlib's threads. */
const round = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));

/** What a client sends for a text. */
async function compressed(deflate: ReturnType<typeof createDeflateRaw>, text: Buffer, flush: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  const listen = (octets: Buffer): void => void pieces.push(octets);
  deflate.on('data', listen);
  deflate.write(text);
  await new Promise<void>((resolve) => deflate.flush(flush, resolve));
  deflate.off('data', listen);
  return Buffer.concat(pieces);
}

test('what clients compress is inflated, however they flush and rest, and wherever it is cut', async () => {
  const steps = fc.array(fc.record({ text: texts, flush: flushes, cut: fc.nat(), rests: fc.boolean() }), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (sent, alwaysSync) => {
      const clock = new HandClock();
      const [stream, ours] = duplexPair();
      const source = inflated(ours, Buffer.alloc(0), clock);
      const received: Buffer[] = [];
      source.on('data', (octets: Buffer) => void received.push(octets));
      const deflate = createDeflateRaw();
      for (const { text, flush, cut, rests } of sent) {
        const octets = await compressed(deflate, octetsOf(text), alwaysSync ? constants.Z_SYNC_FLUSH : flush);
        const at = cut % (octets.length + 1);
        stream.write(octets.subarray(0, at));
        if (rests) await round();
        if (rests) clock.turn(10);
        stream.write(octets.subarray(at));
        await round();
        if (!rests) clock.turn(10);
      }
      deflate.destroy();
      stream.end();
      await new Promise((resolve) => source.once('end', resolve));

      const all = Buffer.concat(sent.map(({ text }) => octetsOf(text)));
      // Z_BLOCK and Z_PARTIAL_FLUSH may leave the last octet's bits with the client.
      const got = Buffer.concat(received);
      if (alwaysSync) assert.ok(got.equals(all));
      else assert.ok(all.subarray(0, got.length).equals(got));
      assert.equal(clock.timers, 0);
    }),
    { numRuns: 60 },
  );
});

test('each octet by itself, as of a client that never flushes whole octets', async () => {
  const [stream, ours] = duplexPair();
  const source = inflated(ours, Buffer.alloc(0), new HandClock());
  const received: Buffer[] = [];
  source.on('data', (octets: Buffer) => void received.push(octets));
  const deflate = createDeflateRaw();
  for (let number = 0; number < 20; number += 1) {
    const octets = await compressed(deflate, Buffer.from(`t${number} NOOP\r\n`), constants.Z_PARTIAL_FLUSH);
    for (const octet of octets) {
      stream.write(Buffer.of(octet));
      await round();
    }
    const command = `t${number} NOOP\r\n`;
    await waitUntil(`${command} comes out`, () => Buffer.concat(received).toString().endsWith(command));
  }
});

test('what is behind the end of a compressed stream is not taken for commands', async () => {
  const [stream, ours] = duplexPair();
  const source = inflated(ours, Buffer.alloc(0), new HandClock());
  let text = '';
  source.on('data', (octets: Buffer) => {
    text += octets.toString('latin1');
  });
  stream.write(Buffer.concat([deflateRawSync('a NOOP\r\n'), deflateRawSync('b NOOP\r\n')]));
  await new Promise((resolve) => source.once('end', resolve));
  assert.equal(text, 'a NOOP\r\n');
});

test('batches of all sizes are inflated by one stream, in their order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(texts, { minLength: 1, maxLength: 12 }), fc.nat(3), async (batches, atOnce) => {
      const inflate = createInflateRaw();
      const received: Buffer[] = [];
      inflate.on('data', (octets: Buffer) => void received.push(octets));
      const deflater = new Deflater((octets) => void inflate.write(octets));
      for (const [number, batch] of batches.map(octetsOf).entries()) {
        const added = deflater.add(batch);
        if (number % 4 >= atOnce) await added;
      }
      await deflater.add(Buffer.from('end'));
      await new Promise<void>((resolve) => inflate.flush(resolve));
      assert.ok(Buffer.concat(received).equals(Buffer.concat([...batches.map(octetsOf), Buffer.from('end')])));
    }),
    { numRuns: 60 },
  );
});
