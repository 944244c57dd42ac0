/**
 * What POP3 sessions may do to a maildrop, and what messages may do to POP3 (attacks 79, 81, 83). Rows 80 and 82 are in
 * test/pop3/beside-imap.test.ts, courier.test.ts and the transcripts there.
 */
import assert from 'node:assert/strict';
import { chmodSync, chownSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PASSWORD } from '../support/peer-servers.js';
import { loginPop3 } from '../support/pop3-client.js';
import { attacked } from './attacked.js';
import { type Conversation, logIn, type MailServer, withMailSite } from './mail-site.js';

const GREETED = /^\+OK.*\r\n/;
const LONG = /^\+OK[\s\S]*?\r\n\.\r\n/;

test('attack 79: what was marked is gone after QUIT only, and not if the disk refuses', async () => {
  await attacked({ pop3: {} }, async ({ ours, maildir }) => {
    const port = ours.pop3?.tlsPort ?? 0;
    const cur = join(maildir('bob'), 'cur');
    const login = () => loginPop3(port, 'bob', PASSWORD);
    const messages = () => readdirSync(cur).length + readdirSync(join(maildir('bob'), 'new')).length;
    const all = messages();
    assert.equal(all, 3);

    const dropping = await login();
    await dropping.must('DELE 1');
    dropping.close();
    const changing = await login();
    await changing.must('DELE 1');
    await changing.must('RSET');
    await changing.must('QUIT');
    assert.equal(messages(), all);

    const refused = await login();
    await refused.must('DELE 1');
    await refused.must('DELE 2');
    const { uid, gid } = statSync(cur);
    chownSync(cur, process.getuid?.() ?? 0, process.getgid?.() ?? 0);
    chmodSync(cur, 0o555);
    const { status } = await refused.ask('QUIT');
    chmodSync(cur, 0o755);
    chownSync(cur, uid, gid);
    assert.match(status, /^-ERR /);
    assert.doesNotMatch(status, /EACCES|Maildir|cur/);
    assert.equal(messages(), all);

    const good = await login();
    await good.must('DELE 1');
    await good.must('QUIT');
    assert.equal(messages(), all - 1);
  });
});

/** Messages as files have them, and as POP3 must send them. */
const MESSAGES: readonly (readonly [string, string])[] = [
  ['Subject: dots\n\n.\n..\n.x\n', 'Subject: dots\r\n\r\n..\r\n...\r\n..x\r\n'],
  ['Subject: no end\n\nlast', 'Subject: no end\r\n\r\nlast\r\n'],
  ['Subject: CRLF\r\n\r\nbody\r\n', 'Subject: CRLF\r\n\r\nbody\r\n'],
  ['Subject: only a header\n', 'Subject: only a header\r\n'],
  ['Subject: a dot is its last line\n\n.', 'Subject: a dot is its last line\r\n\r\n..\r\n'],
  [`Subject: long\n\n${'y'.repeat(3_000_000)}\n.\n`, `Subject: long\r\n\r\n${'y'.repeat(3_000_000)}\r\n..\r\n`],
  [`Subject: big\n\n${'.2345678\n'.repeat(1_000_000)}`, `Subject: big\r\n\r\n${'..2345678\r\n'.repeat(1_000_000)}`],
];

test('attack 81: each message comes octet by octet, LIST tells how many, and TOP takes any number of lines', async () => {
  const prepare = (maildir: (name: string) => string): void => {
    for (const file of readdirSync(join(maildir('bob'), 'cur'))) chmodSync(join(maildir('bob'), 'cur', file), 0o644);
    for (const [number, [text]] of MESSAGES.entries()) {
      writeFileSync(join(maildir('bob'), 'cur', `190000000${number}.M1.x:2,S`), text);
    }
  };
  await attacked({ pop3: {}, prepare }, async ({ ours }) => {
    const client = await loginPop3(ours.pop3?.tlsPort ?? 0, 'bob', PASSWORD);
    const { lines } = await client.must('LIST');
    assert.equal(lines.length, 3 + MESSAGES.length);
    for (const [index, [, sent]] of MESSAGES.entries()) {
      const number = index + 4;
      const { lines: got } = await client.must(`RETR ${number}`);
      const text = got.map((line) => `${line}\r\n`).join('');
      const unstuffed = sent.replace(/^\./gm, '');
      assert.equal(text.length, unstuffed.length);
      assert.ok(text === unstuffed, `message ${number}`);
      assert.equal(lines[number - 1], `${number} ${unstuffed.length}`);
    }
    const top = async (words: string): Promise<number> => (await client.must(`TOP ${words}`)).lines.length;
    assert.equal(await top('4 0'), 2);
    assert.equal(await top('4 1'), 3);
    assert.equal(await top('4 3'), 5);
    assert.equal(await top('4 4294967296'), 5);
    for (const words of ['4', '4 -1', '4 x', '4 1.5', '99 1', '0 1', '-1 1', '4 99999999999999999999', '']) {
      assert.match((await client.ask(`TOP ${words}`)).status, /^-ERR /, words);
    }
    client.close();
  });
});

async function capabilities(conversation: Conversation): Promise<string> {
  return await conversation.ask('CAPA\r\n', LONG);
}

test('attack 83: a whole session in one write is answered in order; CAPA is honest in every state', async () => {
  await withMailSite(
    () => ({}),
    async ({ servers }) => {
      const pop3 = servers.find(({ dialect }) => dialect.name === 'pop3d') as MailServer;
      for (const client of [await pop3.connect(), await pop3.connectInTls()]) {
        const commands = [
          'USER bob',
          `PASS ${PASSWORD}`,
          'STAT',
          'LIST',
          'UIDL',
          'RETR 1',
          'TOP 2 0',
          'NOOP',
          'DELE 3',
          'RSET',
        ];
        client.send([...commands, 'CAPA', 'QUIT'].map((command) => `${command}\r\n`).join(''));
        const said: string[] = [];
        for (const command of [...commands, 'CAPA', 'QUIT']) {
          said.push(await client.until(/^(LIST|UIDL|CAPA|RETR|TOP)/.test(command) ? LONG : GREETED));
        }
        assert.equal(await client.untilClosed(), '');
        assert.match(said[2] ?? '', /^\+OK 3 /);
        assert.match(said[3] ?? '', /^1 \d+\r\n2 \d+\r\n3 \d+\r\n\.\r\n$/m);
        assert.match(said[5] ?? '', /^Subject: /m);
      }

      const plain = await pop3.connect();
      const before = await capabilities(plain);
      for (const word of ['STLS', 'USER', 'UIDL', 'TOP', 'PIPELINING', 'RESP-CODES']) {
        assert.match(before, new RegExp(`^${word}\\b`, 'm'));
      }
      const inTls = await pop3.connectInTls();
      const secured = await capabilities(inTls);
      assert.doesNotMatch(secured, /^STLS/m);
      assert.match(secured, /^USER\b/m);
      await logIn(plain, pop3.dialect);
      assert.doesNotMatch(await capabilities(plain), /^STLS/m);
      for (const client of [plain, inTls]) client.close();
    },
  );
});
