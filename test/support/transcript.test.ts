/** The transcript player itself, against a server made of canned lines. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTranscript, TranscriptMistake } from './transcript.js';
import { noServer, playTranscript, TranscriptDeparture } from './transcript-player.js';
import type { Target } from './transcript-target.js';
import { Inbox } from './transcript-target.js';

/** Answers each line that comes with the lines the table has for it. */
function cannedTarget(answers: Readonly<Record<string, string>>): Target {
  return {
    name: 'canned lines',
    connect() {
      const inbox = new Inbox();
      const send = (octets: Buffer): void => {
        const answer = answers[octets.toString('utf8').trimEnd()];
        if (answer === undefined) inbox.end();
        else inbox.push(Buffer.from(answer.replaceAll('\n', '\r\n')));
      };
      return Promise.resolve({ send, receive: () => inbox.receive(), close: () => inbox.end() });
    },
    close: () => Promise.resolve(),
  };
}

const place = { directory: '/', environment: {} };

function play(body: string, answers: Readonly<Record<string, string>>, head = 'About: a test'): Promise<void> {
  return playTranscript(parseTranscript('t.txt', `${head}\n\n${body}`), cannedTarget(answers), place);
}

function isDeparture(...words: readonly string[]) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof TranscriptDeparture, String(error));
    for (const word of words) assert.ok(error.message.includes(word), `${word} is missing in:\n${error.message}`);
    return true;
  };
}

test('`...` stands for any number of lines, and inside a line for the rest', async () => {
  const answers = { 'a NOOP': '* 1 EXISTS\n* 2 RECENT\na OK done\n' };

  await play('C: a NOOP\nS: ...\nS: a OK ...\n', answers);
  await play('C: a NOOP\nS: ...\nS: * 1 EXISTS\nS: ...\nS: * 2 RECENT\nS: ...\nS: a OK ...\n', answers);
});

test('a line that nobody wrote is a departure, shown below the dialogue', async () => {
  const answers = { 'a NOOP': '* 1 EXISTS\n* 2 RECENT\na OK done\n' };

  const played = play('C: a NOOP\nS: * 1 EXISTS\nS: a OK ...\n', answers);

  await assert.rejects(played, isDeparture('    C1: a NOOP', '    S1: * 1 EXISTS', ' -> S1: * 2 RECENT', 't.txt:5'));
});

test('the tagged line ends an answer even where `...` could go on', async () => {
  const played = play('C: a NOOP\nS: ...\nS: * 9 EXISTS\nS: a OK ...\n', { 'a NOOP': '* 1 EXISTS\na OK done\n' });

  await assert.rejects(played, isDeparture(' -> S1: a OK done', '* 9 EXISTS'));
});

test('what must not appear is found anywhere in the answer', async () => {
  const answers = { 'a NOOP': '* 1 EXISTS\n* 2 EXPUNGE\na OK done\n' };

  const played = play('C: a NOOP\nS! * 2 EXPUNGE\nS: ...\nS: a OK ...\n', answers);

  await assert.rejects(played, isDeparture('must not appear: * 2 EXPUNGE'));
});

test('a name is remembered at first sight and must match afterwards', async () => {
  const answers = { 'a ONE': '* 7 (x 7)\na OK\n', 'b TWO 7': '* 8\nb OK\n' };

  await play('C: a ONE\nS: * $n (x $n)\nS: a OK\n\nC: b TWO $n\nS: * $m\nS: b OK\n', answers);
  const played = play('C: a ONE\nS: * $n (x $n)\nS: a OK\n\nC: b TWO $n\nS: * $n\nS: b OK\n', answers);

  await assert.rejects(played, isDeparture(' -> S1: * 8'));
});

test('Order: free lets untagged lines come in any order, and no others', async () => {
  const answers = { 'a NOOP': '* 2 RECENT\n* 1 EXISTS\na OK done\n' };

  await play('C: a NOOP\nS: * 1 EXISTS\nS: * 2 RECENT\nS: a OK ...\n', answers, 'Order: free');
  const played = play('C: a NOOP\nS: * 1 EXISTS\nS: a OK ...\n', answers, 'Order: free');

  await assert.rejects(played, isDeparture(' -> S1: * 2 RECENT'));
});

test('lines nobody asked for are noticed at the end, and before the next command', async () => {
  const answers = { 'a NOOP': 'a OK\n* BYE\n', 'b NOOP': 'b OK\n' };

  await assert.rejects(play('C: a NOOP\nS: a OK\n', answers), isDeparture('* BYE', 'the end of the transcript'));
  await assert.rejects(play('C: a NOOP\nS: a OK\nC: b NOOP\nS: b OK\n', answers), isDeparture('nothing was due'));
});

test('the end of the connection can be waited for', async () => {
  await play('C: bye\nS: (connection closed)\n', {});
});

test('what a command prints and its exit code must be as written', async () => {
  const body = '$ echo one; echo $((1 + 1)); exit 3\none\n...\nexit 3\n';

  await playTranscript(parseTranscript('t.txt', `About: x\n\n${body}`), noServer, place);
  const wrong = parseTranscript('t.txt', 'About: x\n\n$ echo two; false\none\nexit 1\n');

  await assert.rejects(playTranscript(wrong, noServer, place), isDeparture(' -> two', 't.txt:4'));
});

test('a file that breaks the rules is named with its line', () => {
  const mistakes = ['About: x\n\nhello\n', 'Nonsense: x\n\n', 'About: x\n\nC: a\nS: ...\n'];

  for (const text of mistakes) assert.throws(() => parseTranscript('t.txt', text), TranscriptMistake);
});
