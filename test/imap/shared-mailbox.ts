/**
 * A mailbox that sessions of one worker share, and that other programs change at will. Of what is known of its messages
 * there is room for so little that another folder drives it out.
 */
import { mkdirSync, readdirSync, renameSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FactCache } from '../../imapd/cache/fact-cache.js';
import { realFileSystem } from '../../maildir/file-system.js';
import { writeMessages } from '../support/generated-maildir.js';
import { SessionFixture, type TestClient } from '../support/session-fixture.js';

/** UIDs 1 to this. */
export const MESSAGES = 40;

const MAX_HELD_OCTETS = 64 * 1024;
const FIRST_SECOND = 1_700_000_000;

function textOf(number: number): string {
  const subject = ['apple', 'Re: pear', 'melon', 'fig', 'Apple'][number % 5] ?? '';
  const date = new Date((FIRST_SECOND + (number % 7) * 30_000) * 1000).toUTCString().replace('GMT', '+0000');
  const from = ['ann', 'bob', 'Cat'][number % 3] ?? '';
  const head = `From: <${from}@example.com>\nDate: ${date}\nSubject: ${subject}\nMessage-ID: <${number}@x>\n`;
  const references = number % 4 === 0 ? '' : `References: <${number - (number % 4)}@x>\n`;
  return `${head}${references}\n${'x'.repeat(number % 6)}\n${bodyOf(number)}`;
}

/** Two are so large that they are read in steps, and one of them is never in memory as a whole. */
function bodyOf(number: number): string {
  return `${'y'.repeat(70)}\n`.repeat(number === 18 ? 2_000 : number === 31 ? 32_000 : 0);
}

/** INBOX, and INBOX.Other with as many messages. */
export class SharedMailbox {
  readonly #fixture = new SessionFixture();
  readonly #facts: FactCache;
  #changes = 0;

  constructor() {
    const other = join(this.maildir, '.Other');
    for (const directory of ['cur', 'new', 'tmp']) mkdirSync(join(other, directory), { recursive: true });
    const numbers = Array.from({ length: MESSAGES }, (_, index) => index + 1);
    writeMessages(
      this.maildir,
      numbers.map((number) => ({ octets: textOf(number), internalDate: (FIRST_SECOND + (number % 11) * 60) * 1000 })),
    );
    writeMessages(
      other,
      numbers.map(() => ({ octets: `Subject: ${'long '.repeat(100)}\n\nbody\n` })),
    );
    const { clock } = this.#fixture;
    const warn = (text: string): void => void this.#fixture.log.push(text);
    this.#facts = new FactCache({ fileSystem: realFileSystem, clock, maxHeldOctets: MAX_HELD_OCTETS, warn });
  }

  get maildir(): string {
    return this.#fixture.maildir;
  }

  get log(): string {
    return this.#fixture.log.join('\n');
  }

  /** A client that is logged in. */
  client(meanwhile?: () => Promise<void> | undefined): TestClient {
    return this.#fixture.client({}, { facts: this.#facts, ...(meanwhile && { meanwhile }) });
  }

  /** As delivery agents do it: that changes nothing in cur. */
  deliver(number: number): void {
    this.#put('new', `${uniqueName(number)}`, textOf(number));
  }

  /** Another message of another length under the name. */
  replace(uid: number): void {
    const name = this.#nameOf(uid);
    if (name !== undefined) this.#put('cur', name, `${textOf(uid + 1)}More.\n`);
  }

  remove(uid: number): void {
    const name = this.#nameOf(uid);
    if (name !== undefined) unlinkSync(join(this.maildir, 'cur', name));
  }

  async close(): Promise<void> {
    await this.#fixture.close();
    await this.#facts.close();
  }

  #nameOf(uid: number): string | undefined {
    return readdirSync(join(this.maildir, 'cur')).find((name) => name.startsWith(uniqueName(uid)));
  }

  /** The directory says that it was changed at another time, whatever the clock of the file system. */
  #put(directory: 'cur' | 'new', name: string, text: string): void {
    const beside = join(this.maildir, 'tmp', 'other');
    writeFileSync(beside, text);
    utimesSync(beside, FIRST_SECOND, FIRST_SECOND);
    renameSync(beside, join(this.maildir, directory, name));
    this.#changes += 1;
    const seconds = 1_500_000_000 + this.#changes;
    utimesSync(join(this.maildir, directory), seconds, seconds);
  }
}

/** As writeMessages numbers them. */
function uniqueName(number: number): string {
  const padded = String(number).padStart(6, '0');
  return `1600${padded}.M${padded}.mx`;
}
