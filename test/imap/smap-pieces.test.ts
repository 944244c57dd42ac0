/** A message that SMAP brings is the same however the network cuts what the client says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ClientLines, textFormatOf } from '../../imapd/smap/client-lines.js';

const MESSAGE = 'Subj: x\n\nabc\n.\n5\n';
/** Each of its ways through the wire, and the next command behind it. */
const sentAs = [
  { word: '{8/20}', text: 'Subj: x\n5\n\nabc\n4\n.\n5\n\n' },
  { word: `{${MESSAGE.length}/20}`, text: `${MESSAGE}\n` },
  { word: '{.20}', text: `${MESSAGE.replace('\n.\n', '\n..\n')}.\n` },
] as const;

/** What arrives when a client's octets are cut at these places. */
function cutAt(sent: string, cuts: readonly number[]): ClientLines {
  const places = [0, ...[...new Set(cuts)].sort((one, other) => one - other), sent.length];
  const pieces = places.slice(1).map((end, index) => Buffer.from(sent.slice(places[index], end)));
  return new ClientLines({ read: () => Promise.resolve(pieces.shift()) });
}

/** Reads the command, its message and the next command. */
async function heard(lines: ClientLines): Promise<{ message: string; next: string | undefined }> {
  const words = (await lines.line())?.split(' ') ?? [];
  const format = textFormatOf(words.at(-1) ?? '');
  assert.ok(format !== undefined, words.join(' '));
  const text = lines.text(format);
  const message: Buffer[] = [];
  for (;;) {
    const piece = await text.next();
    if (piece.done === true) {
      assert.equal(piece.value, true, 'all of it came');
      return { message: Buffer.concat(message).toString(), next: await lines.line() };
    }
    message.push(piece.value);
  }
}

for (const { word, text } of sentAs) {
  const sent = `ADD FOLDER INBOX "" ${word}\n${text}NOOP\n`;
  const all = { message: MESSAGE, next: 'NOOP' };

  test(`a message sent as ${word} is the same at every cut`, async () => {
    for (let cut = 0; cut < sent.length; cut += 1) assert.deepEqual(await heard(cutAt(sent, [cut])), all, `at ${cut}`);
    assert.deepEqual(
      await heard(
        cutAt(
          sent,
          [...sent].map((_, at) => at),
        ),
      ),
      all,
      'one by one',
    );
  });

  test(`a message sent as ${word} is the same at any cuts`, async () => {
    const places = fc.array(fc.nat({ max: sent.length - 1 }));
    await fc.assert(fc.asyncProperty(places, async (cuts) => assert.deepEqual(await heard(cutAt(sent, cuts)), all)));
  });
}
