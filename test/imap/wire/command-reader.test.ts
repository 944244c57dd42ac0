/**
 * Commands are found in octets whatever the network does to them, and a bad one never spoils the next.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type BadLine,
  CommandReader,
  type CommandReaderOptions,
  type ReceivedCommand,
} from '../../../imapd/wire/command-reader.js';

const limits = { maxLineOctets: 200, maxLiteralOctets: 50, maxLiteralsTotalOctets: 80 };

/** A reader over chunks, which counts its continuation requests. */
function readerOf(chunks: readonly Buffer[], options: Partial<CommandReaderOptions> = {}) {
  let next = 0;
  const asked = { continuations: 0 };
  const requestContinuation = () => {
    asked.continuations += 1;
  };
  const source = { read: async () => chunks[next++], requestContinuation };
  return { reader: new CommandReader(source, { ...limits, ...options }), asked };
}

function shown(command: ReceivedCommand | BadLine): string {
  if (command.kind === 'bad') return `${command.tag} BAD ${command.reason}`;
  return `${command.tag} ${command.name}${command.rest.toString('latin1')}`;
}

async function commandsIn(chunks: readonly Buffer[], options: Partial<CommandReaderOptions> = {}): Promise<string[]> {
  const { reader } = readerOf(chunks, options);
  const found: string[] = [];
  for (let command = await reader.next(); command !== undefined; command = await reader.next())
    found.push(shown(command));
  return found;
}

function commands(text: string): Promise<string[]> {
  return commandsIn([Buffer.from(text, 'latin1')]);
}

/** The octets cut at the given places. */
function chopped(octets: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...[...cuts].sort((a, b) => a - b), octets.length];
  return places.slice(1).map((end, index) => octets.subarray(places[index], end));
}

test('G9 lines and literals make a command', async () => {
  assert.deepEqual(await commands('a noop\r\nb LOGIN {3}\r\nbob {6+}\r\nsecret\r\nc uid fetch 1 ALL\r\n'), [
    'a NOOP',
    'b LOGIN {3}\r\nbob {6+}\r\nsecret',
    'c UID FETCH 1 ALL',
  ]);
});

test('a line feed alone ends a line too', async () => {
  assert.deepEqual(await commands('a NOOP\nb LOGIN {3}\nbob x\nc NOOP \n'), [
    'a NOOP',
    'b LOGIN {3}\nbob x',
    'c NOOP ',
  ]);
});

test('G10 lines that are no command are told with the tag that they have', async () => {
  assert.deepEqual(await commands('\r\n \r\na\r\nb \r\n+ NOOP\r\na+b NOOP\r\nc (\r\n* OK\r\nd NOOP\r\n'), [
    '* BAD no command',
    '* BAD no command',
    'a BAD no command',
    'b BAD no command',
    '* BAD no command',
    '* BAD no command',
    'c BAD no command',
    '* BAD no command',
    'd NOOP',
  ]);
  assert.deepEqual(await commands(`${'t'.repeat(300)} NOOP\r\n`.slice(0, 190).concat('\r\nb NOOP\r\n')), [
    `${'t'.repeat(190)} BAD no command`,
    'b NOOP',
  ]);
});

test('G9 only literals that will be read are asked for', async () => {
  const announcements = ['{51}', '{2147483647}', '{99999999999999999999}'];
  for (const announcement of announcements) {
    const { reader, asked } = readerOf([Buffer.from(`a LOGIN ${announcement}\r\nb NOOP\r\n`)]);
    const bad = await reader.next();
    assert.ok(bad?.kind === 'bad' && bad.reason === 'literal too large' && bad.code === 'TOOBIG' && bad.tag === 'a');
    assert.equal(asked.continuations, 0);
    assert.equal((await reader.next())?.kind, 'command');
  }
  // These announce nothing: the grammar refuses them when the command is parsed.
  for (const text of ['{-1}', '{1e9}', '{0x10}', '{10+', '{}', '{+}', '{ 1}']) {
    const { reader, asked } = readerOf([Buffer.from(`a LOGIN ${text}\r\nb NOOP\r\n`)]);
    assert.equal((await reader.next())?.kind, 'command');
    assert.equal(asked.continuations, 0);
    assert.equal((await reader.next())?.kind, 'command');
  }
});

test('G9 literals that are not waited for are dropped when they are too large, with the rest of their command', async () => {
  const large = 'x NOOP\r\n'.repeat(20);
  const text = `a LOGIN {${large.length}+}\r\n${large} {8+}\r\ny NOOP\r\n more {3}\r\nb NOOP\r\n`;
  assert.deepEqual(await commands(text), ['a BAD literal too large', 'b NOOP']);
});

test('many small literals do not do what one large one may not', async () => {
  const text = `a X${' {30+}\r\n'.concat('x'.repeat(30)).repeat(3)}\r\nb NOOP\r\n`;
  assert.deepEqual(await commands(text), ['a BAD literal too large', 'b NOOP']);
});

test('a line that is too long is dropped to its end, literals included', async () => {
  const long = 'x'.repeat(500);
  assert.deepEqual(await commands(`a NOOP ${long}\r\nb NOOP\r\n`), ['a BAD line too long', 'b NOOP']);
  assert.deepEqual(await commands(`a NOOP ${long} {8+}\r\nz NOOP\r\n\r\nb NOOP\r\n`), [
    'a BAD line too long',
    'b NOOP',
  ]);
  assert.deepEqual(await commands(`a NOOP {1+}\r\nx${long}\r\nb NOOP\r\n`), ['a BAD line too long', 'b NOOP']);
  for (let cut = 185; cut < 210; cut += 1) {
    const text = `a ${'x'.repeat(cut)} {8+}\r\nz NOOP\r\n\r\nb NOOP\r\n`;
    assert.equal((await commands(text)).at(-1), 'b NOOP');
    assert.equal((await commands(text)).length, 2);
  }
});

test('the message of APPEND stays on the stream, its mailbox does not', async () => {
  const text = 'a APPEND {5+}\r\nINBOX (\\Seen) {11}\r\nHello\r\nyou.\r\nb NOOP\r\n';
  const { reader, asked } = readerOf(chopped(Buffer.from(text), [3, 30, 44, 46]), {
    streams: (name) => name === 'APPEND',
  });
  const append = await reader.next();
  assert.ok(append?.kind === 'command');
  assert.equal(append.rest.toString(), ' {5+}\r\nINBOX (\\Seen) ');
  assert.deepEqual(append.streamingLiteral, { sizeOctets: 11, nonSynchronizing: false, binary: false });
  assert.equal(asked.continuations, 0);
  const pieces: Buffer[] = [];
  for await (const piece of reader.literal()) pieces.push(piece);
  assert.equal(asked.continuations, 1);
  assert.equal(Buffer.concat(pieces).toString(), 'Hello\r\nyou.');
  const rest = await reader.restOfCommand();
  assert.ok(rest?.kind === 'remainder' && rest.rest.length === 0 && rest.streamingLiteral === undefined);
  assert.deepEqual(await reader.next().then((next) => next && shown(next)), 'b NOOP');
});

test('several messages of one APPEND follow each other', async () => {
  const { reader } = readerOf([Buffer.from('a APPEND x {1+}\r\na (\\Seen) ~{2+}\r\nbc)\r\n')], { streams: () => true });
  await reader.next();
  const second = await reader.restOfCommand();
  assert.ok(second?.kind === 'remainder');
  assert.equal(second.rest.toString(), ' (\\Seen) ');
  assert.deepEqual(second.streamingLiteral, { sizeOctets: 2, nonSynchronizing: true, binary: true });
  const last = await reader.restOfCommand();
  assert.ok(last?.kind === 'remainder' && last.rest.toString() === ')');
});

test('a streaming literal that nobody reads is not taken for commands', async () => {
  const streams = () => true;
  const plus = Buffer.from('a APPEND x {8+}\r\nz NOOP\r\n (foo) {3+}\r\nabc\r\nb NOOP\r\n');
  assert.deepEqual(await commandsIn([plus], { streams }), ['a APPEND x ', 'b NOOP']);
  const refused = Buffer.from('a APPEND x {8}\r\nb NOOP\r\n');
  assert.deepEqual(await commandsIn([refused], { streams }), ['a APPEND x ', 'b NOOP']);
});

test('raw lines come between commands, and one that is too long is refused and dropped', async () => {
  const { reader } = readerOf([Buffer.from(`a IDLE\r\nDONE\r\n${'x'.repeat(900)}\r\nb NOOP\r\nrest`)]);
  await reader.next();
  assert.equal((await reader.line())?.toString(), 'DONE');
  await assert.rejects(reader.line(), { name: 'SyntaxFailure' });
  assert.equal(shown((await reader.next()) as ReceivedCommand), 'b NOOP');
  assert.equal(reader.takeUnread().toString(), 'rest');
  assert.equal(await reader.next(), undefined);
});

test('100,000 commands in one write are read without recursion', async () => {
  const found = await commandsIn([Buffer.from('a NOOP\r\n'.repeat(100_000))]);
  assert.equal(found.length, 100_000);
});

const line = fc.constantFrom(
  'a NOOP\r\n',
  'b LOGIN {3+}\r\nbob {6}\r\nsecret\r\n',
  'c X {0}\r\n\r\n',
  '\r\n',
  'd\r\n',
  'e NOOP\n',
  '* {4+}\r\nf Y\n\r\n',
  'g APPEND x {5+}\r\nh Z\r\n\r\n',
  `i ${'y'.repeat(300)} {5+}\r\nj Z\r\n\r\n`,
  'k L {60+}\r\n'.concat('l NOOP\r\n  '.repeat(6), '\r\n'),
);

test('commands are the same however the network cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 6 }), fc.array(fc.nat(400)), async (lines, cuts) => {
      const octets = Buffer.from(lines.join(''), 'latin1');
      const streams = (name: string) => name === 'APPEND';
      const whole = await commandsIn([octets], { streams });
      const pieces = chopped(
        octets,
        cuts.map((cut) => Math.min(cut, octets.length)),
      );
      assert.deepEqual(await commandsIn(pieces, { streams }), whole);
      const single = chopped(
        octets,
        Array.from(octets, (_, index) => index),
      );
      assert.deepEqual(await commandsIn(single, { streams }), whole);
      assert.ok(!whole.some((command) => /^[fhjl] /.test(command)), 'a literal was taken for a command');
    }),
  );
});

test('after whatever octets and the end of their line the next command is found', async () => {
  // Without braces, since a literal may swallow what follows.
  const octets = fc.uint8Array({ maxLength: 300 }).map((all) => Buffer.from(all.filter((octet) => octet !== 0x7b)));
  await fc.assert(
    fc.asyncProperty(octets, async (garbage) => {
      const found = await commandsIn([garbage, Buffer.from('\r\nlast NOOP\r\n')]);
      assert.equal(found.at(-1), 'last NOOP');
    }),
  );
});
