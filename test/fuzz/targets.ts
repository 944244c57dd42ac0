/**
 * What the fuzzer runs: each target takes octets and throws when one of its laws is broken.
 *
 * The law common to all: octets give a result or a SyntaxFailure, and nothing else.
 */
import assert from 'node:assert/strict';
import { locateSection, wireOctets } from '../../imapd/message/body-section.js';
import { encodeBodyStructure } from '../../imapd/message/body-structure.js';
import { parseMessageDate } from '../../imapd/message/dates.js';
import { encodeEnvelope } from '../../imapd/message/envelope.js';
import { fields, readHeader } from '../../imapd/message/header.js';
import { finish, type Part, scanMessage } from '../../imapd/message/mime.js';
import { compileNeedle } from '../../imapd/message/needle.js';
import { messageMatches } from '../../imapd/message/search-text.js';
import { sourceOf } from '../../imapd/message/source.js';
import { threadByReferences } from '../../imapd/message/thread.js';
import { encodeSearchFacts } from '../../imapd/search/search-facts.js';
import { ThreadColumns } from '../../imapd/search/thread-columns.js';
import { CommandReader } from '../../imapd/wire/command-reader.js';
import { parseCancelUpdate } from '../../imapd/wire/context-updates.js';
import { Cursor } from '../../imapd/wire/cursor.js';
import { SyntaxFailure } from '../../imapd/wire/failures.js';
import { parseFetchItems } from '../../imapd/wire/fetch-items.js';
import { parseFetchModifiers } from '../../imapd/wire/fetch-modifiers.js';
import { parseImapUrl } from '../../imapd/wire/imap-url.js';
import { parseList } from '../../imapd/wire/list-arguments.js';
import { parseMultiSearch } from '../../imapd/wire/mailbox-filter.js';
import { decodeMailboxName, encodeMailboxName } from '../../imapd/wire/modified-utf7.js';
import { parseSearch } from '../../imapd/wire/search-keys.js';
import { parseSelectParameters } from '../../imapd/wire/select-parameters.js';
import { parseSort, parseThread } from '../../imapd/wire/sort-thread.js';
import { parseStatusItems } from '../../imapd/wire/status-items.js';
import { parseGenUrlAuth, parseResetKey, parseUrlFetch } from '../../imapd/wire/url-arguments.js';
import { changesSeeds, checkChanges } from './changes-target.js';
import { checkPop3Lines, checkPop3Message, checkSizeList, pop3Lines, pop3Messages, sizeLists } from './pop3-target.js';
import { checkProxyHeader, proxyHeaders } from './proxy-target.js';
import { playMechanism, saslSeeds } from './sasl-target.js';
import { checkSharedLists, sharedLists } from './shared-lists-target.js';

export interface FuzzTarget {
  /** Names the target's kept inputs: `test/fuzz/corpus/<name>-<hash>`. */
  readonly name: string;
  readonly seeds: readonly Buffer[];
  run(octets: Buffer): void | Promise<void>;
}

const parsers: readonly ((cursor: Cursor) => unknown)[] = [
  parseFetchItems,
  parseSearch,
  parseSort,
  parseThread,
  parseList,
  parseStatusItems,
  parseSelectParameters,
  parseFetchModifiers,
  parseMultiSearch,
  parseCancelUpdate,
  parseGenUrlAuth,
  parseResetKey,
  parseUrlFetch,
  (cursor) => parseImapUrl(cursor.astring().toString('latin1')),
  (cursor) => cursor.flagList(),
  (cursor) => cursor.sequenceSet(),
  (cursor) => cursor.astring(),
  (cursor) => cursor.nstring(),
  (cursor) => cursor.dateTime(),
  (cursor) => cursor.date(),
  (cursor) => cursor.mailbox(),
  (cursor) => cursor.parenthesised(() => cursor.string()),
];

/** Runs every parser over the arguments of a command, with and without its first space. */
function parseEveryWay(rest: Buffer): void {
  for (const parse of parsers) {
    for (const position of [0, 1]) {
      const cursor = new Cursor(rest, Math.min(position, rest.length));
      try {
        parse(cursor);
        cursor.end();
      } catch (error) {
        // The one failure that may come.
        if (!(error instanceof SyntaxFailure)) throw error;
        assert.match(error.message, /^[\x20-\x7e]{1,300}$/);
      }
    }
  }
}

async function readCommands(chunks: readonly Buffer[], streams: boolean): Promise<string[]> {
  let next = 0;
  const reader = new CommandReader(
    { read: async () => chunks[next++], requestContinuation: () => undefined },
    { maxLineOctets: 500, maxLiteralOctets: 200, maxLiteralsTotalOctets: 400, streams: () => streams },
  );
  const found: string[] = [];
  for (let command = await reader.next(); command !== undefined; command = await reader.next()) {
    found.push(JSON.stringify(command));
    if (command.kind === 'command' && !streams && chunks.length === 1) parseEveryWay(command.rest);
  }
  return found;
}

function eachOctet(octets: Buffer): Buffer[] {
  return Array.from(octets, (_, index) => octets.subarray(index, index + 1));
}

function checkMessage(octets: Buffer): void {
  const source = sourceOf(octets);
  const index = finish(scanMessage(source));
  const whole = Buffer.from(octets.toString('latin1').replace(/(?<!\r)\n/g, '\r\n'), 'latin1');
  assert.equal(index.wireOctets, whole.length);
  for (const extensible of [false, true]) {
    const structure = finish(encodeBodyStructure(index, source, extensible));
    assert.ok(!structure.some((octet) => octet === 0 || octet > 0x7e));
  }
  checkSections(index.root, []);

  function checkSections(part: Part, numbers: readonly number[]): void {
    const children = part.type === 'multipart' ? part.children : [];
    children.slice(0, 20).forEach((child, position) => {
      const place = [...numbers, position + 1];
      const located = locateSection(source, index, { part: place, text: '', fields: [] });
      assert.ok(located !== undefined && 'start' in located);
      assert.equal(located.wireOctets, child.bodyWireOctets);
      assert.equal(
        Buffer.concat(Array.from(wireOctets(source, located), (piece) => Buffer.from(piece))).length,
        child.bodyWireOctets,
      );
      checkSections(child, place);
    });
  }
}

function text(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join('\n'), 'latin1');
}

const messages = [
  text(
    'From: "A B" <a@b>, Group: c@d (e), f@[1.2.3.4];',
    'Subject: =?utf-8?Q?a=C3=BC?= =?iso-8859-1?B?/A==?=',
    'Date: Tue, 1 Jul 2003 10:52:37 +0200 (CEST)',
    'Message-ID: <a@b>',
    'References: <c@d> <e@f>',
    'Content-Type: multipart/mixed; boundary*0=a; boundary*1="b"; x*0*=utf-8\'en\'%20',
    '',
    '--ab',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Gr=C3=BC=',
    'sse',
    '--ab',
    'Content-Type: message/rfc822',
    '',
    'Subject: (fwd) [Fwd: Re: x]',
    'Content-Type: multipart/digest; boundary=abc',
    '',
    '--abc',
    '',
    'To: undisclosed:;',
    '',
    '--abc--',
    '--ab',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="a\\"b"',
    '',
    'QUJD',
    '--ab--',
    '',
  ),
];

const commandSeeds = [
  'a1 NOOP\r\n',
  'a2 LOGIN {3}\r\nbob {6+}\r\nsecret\r\n',
  'a3 UID FETCH 1:*,7 (FLAGS BODY.PEEK[1.2.HEADER.FIELDS ("To" {2}\r\nCC)]<0.20> RFC822.SIZE)\r\n',
  'a4 SEARCH RETURN (MIN ALL) CHARSET utf-8 OR (NOT SEEN) SUBJECT "x" SINCE 1-Feb-1994 UID 1:4294967295\r\n',
  'a5 SORT (REVERSE DATE SUBJECT) UTF-8 TEXT {3}\r\nabc LARGER 5\r\n',
  'a6 LIST (SUBSCRIBED) "" ("%" INBOX.*) RETURN (CHILDREN STATUS (MESSAGES UNSEEN))\r\n',
  'a7 APPEND INBOX (\\Seen $Junk) "17-Jul-1996 02:44:25 -0700" {5+}\r\nHello\r\n',
  'b1 SELECT (QRESYNC (67890007 90060115194045000 41:211,214:541 (1,3 41,43)))\r\n',
  'b2 UID (CHANGEDSINCE 12345 VANISHED PARTIAL -1:-30)\r\n',
  'b3 SEARCH MODSEQ "/flags/\\\\draft" all 620162338 EMAILID M1 SAVEDSINCE 1-Jan-2024\r\n',
  'a8 THREAD REFERENCES us-ascii ALL\r\na9 STATUS x (SIZE)\n',
].map((command) => Buffer.from(command));

/** All targets. */
export const targets: readonly FuzzTarget[] = [
  {
    name: 'commands',
    seeds: commandSeeds,
    async run(octets) {
      for (const streams of [false, true]) {
        const whole = await readCommands([octets], streams);
        if (octets.length < 2_000) assert.deepEqual(await readCommands(eachOctet(octets), streams), whole);
      }
    },
  },
  { name: 'arguments', seeds: commandSeeds.map((seed) => seed.subarray(seed.indexOf(' ', 3))), run: parseEveryWay },
  {
    name: 'names',
    seeds: ['Entw&APw-rfe', '&-', '~peter/mail/&U,BTFw-/&ZeVnLIqe-', '&2D3cqQ-'].map((name) => Buffer.from(name)),
    run(octets) {
      const name = decodeMailboxName(octets);
      if (name !== undefined) assert.equal(encodeMailboxName(name), octets.toString('latin1'));
    },
  },
  {
    name: 'shared-lists',
    seeds: sharedLists,
    run: checkSharedLists,
  },
  { name: 'changes', seeds: changesSeeds, run: checkChanges },
  { name: 'messages', seeds: messages, run: checkMessage },
  { name: 'mechanisms', seeds: saslSeeds, run: playMechanism },
  { name: 'pop3-lines', seeds: pop3Lines, run: checkPop3Lines },
  { name: 'pop3-messages', seeds: pop3Messages, run: checkPop3Message },
  { name: 'size-lists', seeds: sizeLists, run: checkSizeList },
  { name: 'proxy-headers', seeds: proxyHeaders, run: checkProxyHeader },
  {
    name: 'headers',
    seeds: messages,
    run(octets) {
      const header = readHeader(sourceOf(octets));
      assert.ok(!encodeEnvelope(header).some((octet) => octet === 0 || octet > 0x7e));
      const threads = new ThreadColumns(3);
      for (const internalDate of [1, 2, 3]) {
        const record = encodeSearchFacts(header);
        threads.add({ octets: record, start: 0, end: record.length, fileOctets: 0, internalDate });
      }
      finish(finish(threadByReferences(threads.messages())).encode(Uint32Array.of(1, 2, 3)));
      for (const { value } of fields(header)) parseMessageDate(value);
    },
  },
  {
    name: 'searches',
    seeds: messages,
    run(octets) {
      const source = sourceOf(octets);
      const needle = compileNeedle(Buffer.from('grüsse x'));
      assert.ok(needle !== undefined);
      finish(messageMatches(source, finish(scanMessage(source)), needle));
    },
  },
];
