/**
 * Each right alone, and each command: what RFC 4314 section 4 says a command needs, and what becomes of it with and without,
 * through the shared mailboxes of another account. What a command answers is compared with what it has done to the files.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALL_LETTERS } from '../../maildir/acl/rights.js';
import { type Answer, ImapClient } from '../support/imap-client.js';
import { copyMaildir, type Scratch, scratchDirectory } from '../support/maildir-fixture.js';
import { memoryTarget } from '../support/memory-target.js';
import type { Target } from '../support/transcript-target.js';

/** A mailbox of ann's in which nothing has happened yet. */
interface Field {
  /** As bob says it. */
  readonly name: string;
  /** In ann's maildir. */
  readonly path: string;
}

/** One command of the table. */
interface Row {
  readonly command: string;
  /** Letters of RFC 4314, with `c` for its `k`; all are needed. */
  readonly needs: string;
  /** Any one of the letters will do. */
  readonly any?: boolean;
  /** `named`: the command names the mailbox. `into`: as a target of messages. `inside`: it is selected. */
  readonly where: 'named' | 'into' | 'inside';
  /** What is answered without the right, where that is not the usual. */
  readonly refusal?: 'NOPERM' | 'nothing';
  /** Sends it, perhaps with others around it; the answer that counts comes last. */
  run(client: ImapClient, field: Field): Promise<Answer>;
  /** Whether it has done its work. */
  done(field: Field, answer: Answer): boolean;
}

const message = Buffer.from('Subject: new\r\n\r\nhello\r\n');

function send(command: string): (client: ImapClient, field: Field) => Promise<Answer> {
  return (client, { name }) => client.send(command.replace('$', `"${name}"`));
}

function says(pattern: RegExp): Row['done'] {
  return (_field, { untagged }) => untagged.some((line) => pattern.test(line));
}

/** Names of messages, new and seen. */
function messages({ path }: Field): string[] {
  return [...readdirSync(join(path, 'cur')), ...readdirSync(join(path, 'new'))];
}

function flagged(letter: string): Row['done'] {
  return (field) =>
    messages(field).some((name) => name.startsWith('1700000001.') && name.includes(letter, name.indexOf(':2,')));
}

const isKept: Row['done'] = () => true;
const has =
  (count: number): Row['done'] =>
  (field) =>
    messages(field).length === count;

// RFC 4314 section 4, and what this server has besides: MOVE is RFC 6851 section 4.4, GETQUOTAROOT needs what STATUS needs.
const rows: readonly Row[] = [
  {
    command: 'LIST',
    needs: 'l',
    where: 'named',
    refusal: 'nothing',
    run: send('LIST "" $'),
    done: says(/^\* LIST \((?!.*Noselect)/),
  },
  {
    command: 'LIST RETURN (MYRIGHTS)',
    needs: 'l',
    where: 'named',
    refusal: 'nothing',
    run: send('LIST "" $ RETURN (MYRIGHTS)'),
    done: says(/^\* MYRIGHTS/),
  },
  { command: 'SUBSCRIBE', needs: '', where: 'named', run: send('SUBSCRIBE $'), done: isKept },
  { command: 'UNSUBSCRIBE', needs: '', where: 'named', run: send('UNSUBSCRIBE $'), done: isKept },
  { command: 'SELECT', needs: 'r', where: 'named', run: send('SELECT $'), done: says(/EXISTS/) },
  { command: 'EXAMINE', needs: 'r', where: 'named', run: send('EXAMINE $'), done: says(/EXISTS/) },
  { command: 'STATUS', needs: 'r', where: 'named', run: send('STATUS $ (MESSAGES)'), done: says(/MESSAGES 2/) },
  { command: 'GETQUOTAROOT', needs: 'r', where: 'named', run: send('GETQUOTAROOT $'), done: says(/QUOTAROOT/) },
  { command: 'MYRIGHTS', needs: 'lricxea', any: true, where: 'named', run: send('MYRIGHTS $'), done: says(/MYRIGHTS/) },
  { command: 'GETACL', needs: 'a', where: 'named', run: send('GETACL $'), done: says(/\* ACL/) },
  { command: 'LISTRIGHTS', needs: 'a', where: 'named', run: send('LISTRIGHTS $ eve'), done: says(/LISTRIGHTS/) },
  {
    command: 'SETACL',
    needs: 'a',
    where: 'named',
    run: send('SETACL $ eve l'),
    done: (field) => acl(field).includes('user=eve l'),
  },
  {
    command: 'DELETEACL',
    needs: 'a',
    where: 'named',
    run: send('DELETEACL $ cat'),
    done: (field) => !acl(field).includes('user=cat'),
  },
  {
    command: 'ACL STORE',
    // It names mailboxes by patterns, as LIST does.
    needs: 'al',
    where: 'named',
    refusal: 'nothing',
    run: send('ACL STORE $ user=eve l'),
    done: (field) => acl(field).includes('user=eve l'),
  },
  {
    command: 'ESEARCH',
    needs: 'r',
    where: 'named',
    refusal: 'nothing',
    run: send('ESEARCH IN (mailboxes $) RETURN (COUNT) ALL'),
    done: says(/COUNT 2/),
  },
  {
    command: 'NOTIFY',
    needs: 'lr',
    where: 'named',
    refusal: 'nothing',
    run: send('NOTIFY SET STATUS (MAILBOXES $ (MessageNew MessageExpunge))'),
    done: says(/STATUS .*MESSAGES 2/),
  },
  {
    command: 'GETMETADATA',
    needs: 'l',
    where: 'named',
    run: send('GETMETADATA $ /shared/comment'),
    done: says(/METADATA/),
  },
  {
    command: 'SETMETADATA',
    needs: 'lw',
    where: 'named',
    run: send('SETMETADATA $ (/shared/comment "x")'),
    done: ({ path }) => existsSync(join(path, 'angarium-metadata')),
  },
  {
    command: 'CREATE',
    needs: 'c',
    where: 'named',
    refusal: 'NOPERM',
    run: (client, { name }) => client.send(`CREATE "${name}.below"`),
    done: ({ path }) => existsSync(`${path}.below`),
  },
  { command: 'DELETE', needs: 'x', where: 'named', run: send('DELETE $'), done: ({ path }) => !existsSync(path) },
  {
    command: 'RENAME',
    needs: 'xc',
    where: 'named',
    // The new name is below the old one's parent, which has the same list.
    run: (client, { name }) => client.send(`RENAME "${name}.sub" "${name}.other"`),
    done: ({ path }) => existsSync(`${path}.other`),
  },
  {
    command: 'APPEND',
    needs: 'i',
    where: 'into',
    run: (client, { name }) => client.send(`APPEND "${name}"`, message),
    done: has(3),
  },
  { command: 'COPY', needs: 'i', where: 'into', run: send('UID COPY 1 $'), done: has(3) },
  {
    command: 'MOVE to',
    needs: 'i',
    where: 'into',
    async run(client, { name }) {
      await client.must('APPEND INBOX', message);
      return client.send(`UID MOVE * "${name}"`);
    },
    done: (field) => messages(field).length > 2,
  },
  { command: 'FETCH', needs: 'r', where: 'inside', run: send('FETCH 1 (FLAGS BODY.PEEK[])'), done: says(/FETCH/) },
  { command: 'UID SEARCH', needs: 'r', where: 'inside', run: send('UID SEARCH ALL'), done: says(/SEARCH 1 2/) },
  {
    command: 'SEARCH RETURN (COUNT)',
    needs: 'r',
    where: 'inside',
    run: send('SEARCH RETURN (COUNT) ALL'),
    done: says(/COUNT 2/),
  },
  { command: 'SORT', needs: 'r', where: 'inside', run: send('SORT (DATE) UTF-8 ALL'), done: says(/SORT/) },
  { command: 'THREAD', needs: 'r', where: 'inside', run: send('THREAD REFERENCES UTF-8 ALL'), done: says(/THREAD/) },
  {
    command: 'FETCH BODY[]',
    needs: 's',
    where: 'inside',
    refusal: 'nothing',
    run: send('FETCH 1 BODY[]'),
    done: flagged('S'),
  },
  { command: 'STORE \\Seen', needs: 's', where: 'inside', run: send('STORE 1 +FLAGS (\\Seen)'), done: flagged('S') },
  {
    command: 'STORE \\Deleted',
    needs: 't',
    where: 'inside',
    run: send('UID STORE 1 +FLAGS (\\Deleted)'),
    done: flagged('T'),
  },
  {
    command: 'STORE \\Flagged',
    needs: 'w',
    where: 'inside',
    run: send('STORE 1 +FLAGS.SILENT (\\Flagged)'),
    done: flagged('F'),
  },
  {
    command: 'STORE keyword',
    needs: 'w',
    where: 'inside',
    run: send('STORE 1 +FLAGS (Work)'),
    done: ({ path }) => existsSync(join(path, 'courierimapkeywords')),
  },
  { command: 'EXPUNGE', needs: 'e', where: 'inside', run: send('EXPUNGE'), done: has(1) },
  { command: 'UID EXPUNGE', needs: 'e', where: 'inside', run: send('UID EXPUNGE 1:*'), done: has(1) },
  { command: 'CLOSE', needs: 'e', where: 'inside', refusal: 'nothing', run: send('CLOSE'), done: has(1) },
  { command: 'MOVE from', needs: 'te', where: 'inside', run: send('UID MOVE 1 INBOX'), done: has(1) },
  { command: 'COPY from', needs: 'r', where: 'inside', run: send('UID COPY 1 INBOX'), done: isKept },
  { command: 'NOOP', needs: '', where: 'inside', run: send('NOOP'), done: isKept },
  { command: 'CHECK', needs: '', where: 'inside', run: send('CHECK'), done: isKept },
  { command: 'UNSELECT', needs: '', where: 'inside', run: send('UNSELECT'), done: isKept },
];

/** Each right alone, none and all. */
const sets = ['', ...ALL_LETTERS, ALL_LETTERS];

let scratch: Scratch;
let target: Target;
let ann: string;

before(async () => {
  scratch = scratchDirectory('matrix');
  const bob = join(scratch.path, 'bob', 'Maildir');
  ann = join(scratch.path, 'ann', 'Maildir');
  for (const path of [bob, ann]) {
    mkdirSync(path, { recursive: true });
    copyMaildir('three-messages', path);
  }
  for (const letters of sets) for (const [index, row] of rows.entries()) makeField(row, letters, index);
  const index = join(scratch.path, 'index');
  writeFileSync(index, `ann\t5000\t5000\t${join(scratch.path, 'ann')}\n`);
  const settings = { IMAP_SHAREDINDEXFILE: index };
  target = await memoryTarget({ maildir: bob, settings, options: {}, accounts: { ann }, users: {} });
});

after(async () => {
  await target.close();
  scratch.remove();
});

/** Rights of somebody who has a mailbox selected include that to read it. */
function lettersFor({ where }: Row, letters: string): string {
  return where === 'inside' && !letters.includes('r') ? `${letters}r` : letters;
}

function fieldOf(letters: string, index: number): Field {
  const folder = `m${index}-${letters === '' ? 'none' : letters}`;
  return { name: `#shared.ann.${folder}`, path: join(ann, `.${folder}`) };
}

function makeField(row: Row, letters: string, index: number): void {
  const { path } = fieldOf(letters, index);
  const lists = ['owner', 'administrators'].map((who) => `${who} ${ALL_LETTERS}\n`).join('');
  for (const each of [path, ...(row.command === 'RENAME' ? [`${path}.sub`] : [])]) {
    for (const directory of ['tmp', 'new', 'cur']) mkdirSync(join(each, directory), { recursive: true });
    writeFileSync(join(each, 'cur', '1700000001.M1.mx:2,'), 'Subject: one\n\none\n');
    writeFileSync(join(each, 'cur', '1700000002.M2.mx:2,T'), 'Subject: two\n\ntwo\n');
    writeFileSync(join(each, 'courierimapacl'), `${lists}user=bob ${lettersFor(row, letters)}\nuser=cat lr\n`);
  }
}

function acl({ path }: Field): string {
  const file = join(path, 'courierimapacl');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

async function answerOf(row: Row, field: Field): Promise<Answer> {
  const client = await clientFor(row, field);
  try {
    return await row.run(client, field);
  } finally {
    client.close();
  }
}

async function clientFor(row: Row, field: Field): Promise<ImapClient> {
  const client = new ImapClient(await target.connect(1, { loggedIn: true, plain: false }));
  if (row.where === 'inside') await client.must(`SELECT "${field.name}"`);
  if (row.where === 'into' && row.command !== 'APPEND') await client.must('SELECT INBOX');
  return client;
}

function isAllowed({ needs, any }: Row, letters: string): boolean {
  const given = [...needs].filter((letter) => letters.includes(letter));
  return any === true ? given.length > 0 : given.length === needs.length;
}

/** What a refusal says: nothing about mailboxes that the account may not see. */
function refusalOf(row: Row, letters: string): string {
  if (row.refusal !== undefined) return row.refusal;
  // Where nothing at all may be changed, the mailbox is read-only.
  if (row.where === 'inside') return 'NOPERM|READ-ONLY';
  if (letters.includes('l') || (row.command === 'RENAME' && letters.includes('x'))) return 'NOPERM';
  return row.where === 'into' ? 'TRYCREATE' : 'NONEXISTENT';
}

for (const [index, row] of rows.entries()) {
  test(`${row.command} needs ${row.needs === '' ? 'no right' : row.needs}`, async () => {
    for (const letters of sets) {
      const field = fieldOf(letters, index);
      const given = lettersFor(row, letters);
      const answer = await answerOf(row, field);
      const what = `${row.command} with "${given}": ${answer.status} ${answer.text}`;
      // Letters that only come along with the right to read say nothing about a need of that.
      const allowed = isAllowed(row, given);
      const refusal = refusalOf(row, given);
      assert.equal(answer.status, allowed || refusal === 'nothing' ? 'OK' : 'NO', what);
      assert.equal(row.done(field, answer), allowed, what);
      if (!allowed && refusal !== 'nothing') assert.match(answer.text, new RegExp(`^\\[(${refusal})\\]`), what);
    }
  });
}

test('who may no longer read what he has selected is refused by every command that needs it', async () => {
  const field = fieldOf(
    ALL_LETTERS,
    rows.findIndex(({ command }) => command === 'UNSELECT'),
  );
  const inside = rows.filter(({ where, command }) => where === 'inside' && !/^(CLOSE|UNSELECT|NOOP)$/.test(command));
  for (const row of inside) {
    const client = await clientFor(row, field);
    try {
      await client.must(`SETACL "${field.name}" bob -r`);
      const answer = await row.run(client, field);
      assert.equal(answer.status, 'NO', row.command);
      assert.match(answer.text, /^\[NOPERM\]/, row.command);
      assert.deepEqual(answer.untagged, [], row.command);
      await client.must(`SETACL "${field.name}" bob +r`);
    } finally {
      client.close();
    }
  }
});
