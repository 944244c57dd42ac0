/**
 * Two hundred sessions of two accounts that share a folder with each other, side by side in one worker, in plaintext, TLS
 * and compressed, which come and break off as it happens (attack 76): no word of what one keeps to himself is ever in what
 * the other is sent. The seed is printed; ANGARIUM_SEED repeats a run.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw } from 'node:zlib';
import { ConnectionGone, ImapClient, openConnection } from '../support/imap-client.js';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { PASSWORD } from '../support/peer-servers.js';
import { Inbox, type TargetConnection } from '../support/transcript-target.js';
import { attacked } from './attacked.js';

const SESSIONS = 200;
const AT_ONCE = 25;
const COMMANDS_OF_A_SESSION = 8;

const names = ['alice', 'bob'] as const;
type Name = (typeof names)[number];

const secretOf = (name: Name): string => `only-${name}-may-read-this`;
const sharedBy = (name: Name): string => `${name}-shows-this-to-all`;
const otherThan = (name: Name): Name => (name === 'alice' ? 'bob' : 'alice');

/** What sessions do; `$` is the other account's folders. */
const deeds: readonly string[] = [
  'SELECT INBOX.Own',
  'SELECT $.Open',
  'EXAMINE $.Own',
  'FETCH 1:* (FLAGS BODY.PEEK[])',
  'UID FETCH 1:* (ENVELOPE BODYSTRUCTURE PREVIEW BODY.PEEK[TEXT])',
  'UID SEARCH RETURN (ALL COUNT) TEXT this',
  'UID SEARCH RETURN (UPDATE) SUBJECT this',
  'SORT (SUBJECT) UTF-8 ALL',
  'THREAD REFERENCES UTF-8 ALL',
  'ESEARCH IN (personal subtree ($)) RETURN (ALL) TEXT may',
  'LIST "" ("*" "$.*") RETURN (STATUS (MESSAGES UIDNEXT) MYRIGHTS)',
  'STATUS $.Own (MESSAGES)',
  'GETMETADATA $.Own (/shared/comment /private/comment)',
  'STORE 1 +FLAGS (\\Flagged)',
  'COPY 1 INBOX.Own',
  'COPY 1 $.Own',
  'UID COPY 1:* INBOX.Own',
  'NOTIFY SET STATUS (SELECTED (MessageNew (UID BODY.PEEK[]) MessageExpunge FlagChange)) (PERSONAL (MessageNew MessageExpunge MailboxName)) (SUBTREE $ (MessageNew MessageExpunge FlagChange MailboxName MailboxMetadataChange))',
  'NOTIFY NONE',
  'UNSELECT',
  'NOOP',
];

/** A generator that gives the same numbers for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

/** A connection whose octets are kept, as they are before they are compressed and encrypted. */
class Tapped implements TargetConnection {
  readonly #connection: TargetConnection;
  readonly #heard: string[];
  #deflate: DeflateRaw | undefined;
  #inbox: Inbox | undefined;

  constructor(connection: TargetConnection, heard: string[]) {
    this.#connection = connection;
    this.#heard = heard;
  }

  send(octets: Buffer): void {
    if (this.#deflate === undefined) this.#connection.send(octets);
    else {
      this.#deflate.write(octets);
      this.#deflate.flush(constants.Z_SYNC_FLUSH);
    }
  }

  async receive(): Promise<Buffer | undefined> {
    const octets = await (this.#inbox ?? this.#connection).receive();
    if (octets !== undefined) this.#heard.push(octets.toString('latin1'));
    return octets;
  }

  /** After the server's OK to COMPRESS. */
  compress(): void {
    const inbox = new Inbox();
    const inflate = createInflateRaw();
    const deflate = createDeflateRaw();
    inflate.on('data', (octets: Buffer) => inbox.push(octets));
    inflate.on('error', () => inbox.end());
    deflate.on('data', (octets: Buffer) => this.#connection.send(octets));
    this.#deflate = deflate;
    this.#inbox = inbox;
    const pass = async (): Promise<void> => {
      for (let octets = await this.#connection.receive(); octets !== undefined; ) {
        inflate.write(octets);
        octets = await this.#connection.receive();
      }
      inbox.end();
    };
    pass().catch(() => inbox.end());
  }

  close(): void {
    this.#connection.close();
  }
}

interface Ports {
  readonly port: number;
  readonly tlsPort: number;
}

/** One session from its beginning to its end, which may come in the middle of an answer. */
async function live(ports: Ports, name: Name, random: (below: number) => number, heard: string[]): Promise<void> {
  const tls = random(2) === 1;
  const connection = new Tapped(await openConnection(tls ? ports.tlsPort : ports.port, tls), heard);
  const client = new ImapClient(connection);
  try {
    await client.response();
    await client.must(`LOGIN ${name} ${PASSWORD}`);
    if (random(3) === 0) {
      await client.must('COMPRESS DEFLATE');
      connection.compress();
    }
    for (let done = 0; done < COMMANDS_OF_A_SESSION; done += 1) {
      const deed = deeds[random(deeds.length)] ?? 'NOOP';
      await client.send(deed.replaceAll('$', `#shared.${otherThan(name)}`));
    }
    if (random(2) === 0) return;
    client.raw('x FETCH 1:* BODY[]\r\n');
    await connection.receive();
  } catch (error) {
    if (!(error instanceof ConnectionGone)) throw error;
  } finally {
    client.close();
  }
}

function makeMail(maildir: string, name: Name): void {
  const lists = { Own: 'owner aceilrstwx\nadministrators aceilrstwx\n', Open: `owner aceilrstwx\nanyone lrswi\n` };
  for (const [folder, list] of Object.entries(lists)) {
    const path = join(maildir, `.${folder}`);
    for (const directory of ['cur', 'new', 'tmp']) mkdirSync(join(path, directory), { recursive: true });
    writeFileSync(join(path, 'courierimapacl'), list);
    const mark = folder === 'Own' ? secretOf(name) : sharedBy(name);
    for (let number = 1; number <= 10; number += 1) {
      const mail = `From: ${mark}@example.com\nSubject: ${mark}\nMessage-ID: <${mark}.${number}@x>\n\n${mark}\n`;
      writeFileSync(join(path, 'cur', `170000000${number}.M${number}.mx:2,`), mail);
    }
  }
  writeFileSync(join(maildir, '.Own', 'angarium-metadata'), `shared\t/shared/comment\t${btoa(secretOf(name))}\n`);
}

test('attack 76: of 200 mixed sessions none is ever sent what belongs to the other account', async () => {
  const seed = Number(process.env['ANGARIUM_SEED'] ?? Date.now() % 100_000);
  console.log(`seed ${seed}`);
  const scratch = scratchDirectory('index');
  const index = join(scratch.path, 'index');
  const prepare = (maildir: (name: string) => string): void => {
    for (const name of names) makeMail(maildir(name), name);
    const lines = names.map((name) => `${name}\t5000\t5000\t${dirname(maildir(name))}\n`);
    writeFileSync(index, lines.join(''), { mode: 0o644 });
  };
  try {
    await attacked({ prepare, settings: { IMAP_SHAREDINDEXFILE: index } }, async ({ ours }) => {
      const heard: Record<Name, string[]> = { alice: [], bob: [] };
      for (let from = 0; from < SESSIONS; from += AT_ONCE) {
        const batch = Array.from({ length: AT_ONCE }, (_, at) => {
          const random = randomFrom(seed * 1_000 + from + at);
          const name = names[random(2)] ?? 'bob';
          return live(ours, name, random, heard[name]);
        });
        await Promise.all(batch);
      }

      for (const name of names) {
        const all = heard[name].join('');
        assert.ok(all.includes(secretOf(name)) && all.includes(sharedBy(otherThan(name))), `${name} has read mail`);
        const at = all.indexOf(secretOf(otherThan(name)));
        assert.equal(at, -1, `${name} was sent: ${all.slice(Math.max(0, at - 500), at + 200)}`);
      }
    });
  } finally {
    scratch.remove();
  }
});
