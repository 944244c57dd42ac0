/**
 * Mailboxes on the disk: one master copy of all messages, and maildirs of hard links to it, so that every server reads
 * the same octets from the same place in memory. Knows no server.
 */
import {
  chownSync,
  closeSync,
  copyFileSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { MailGenerator, SINCE_SECOND } from './mail.js';

/** Where the newest mail of a mailbox lies: this share has not been seen by any client yet. */
const SHARE_IN_NEW = 0.05;
/** Octets read at once while a mailbox is warmed. */
const WARMING_OCTETS = 262_144;
/** The message that is appended and delivered has about so many octets. */
const SAMPLE_OCTETS = 4096;

export interface MailOwner {
  readonly uid: number;
  readonly gid: number;
}

/** How many messages of a mailbox a search must find. */
export interface ExpectedHits {
  readonly from: number;
  readonly subject: number;
  readonly body: number;
  readonly since: number;
  readonly unseen: number;
}

interface MasterMessage {
  readonly path: string;
  readonly octets: number;
  readonly arrived: number;
  readonly flags: string;
  readonly needles: { readonly from: boolean; readonly subject: boolean; readonly body: boolean };
}

/** All messages, once. Larger mailboxes than this hold each message several times, under different names. */
export class MasterMail {
  readonly #messages: MasterMessage[] = [];
  readonly #owner: MailOwner;

  /** Writes `count` messages into `directory`, which must be on the file system of the mailboxes. */
  constructor(directory: string, count: number, owner: MailOwner) {
    this.#owner = owner;
    mkdirSync(directory, { recursive: true });
    const generator = new MailGenerator();
    for (let number = 0; number < count; number += 1) {
      const { octets, arrived, flags, needles } = generator.message(number);
      const path = join(directory, String(number));
      writeFileSync(path, octets, { mode: 0o644 });
      this.#own(path);
      utimesSync(path, arrived, arrived);
      this.#messages.push({ path, octets: octets.length, arrived, flags, needles });
    }
  }

  get count(): number {
    return this.#messages.length;
  }

  /** Reads all messages, so that they are in the page cache for every server alike. */
  warm(): void {
    const buffer = Buffer.allocUnsafe(WARMING_OCTETS);
    for (const { path } of this.#messages) {
      const file = openSync(path, 'r');
      while (readSync(file, buffer) === buffer.length);
      closeSync(file);
    }
  }

  /** Removes HOME/Maildir. */
  empty(home: string): void {
    rmSync(join(home, 'Maildir'), { recursive: true, force: true });
  }

  /** Makes HOME/Maildir anew, with `count` messages and nothing that a server has written. */
  fill(home: string, count: number): void {
    this.empty(home);
    mkdirSync(home, { recursive: true });
    this.#own(home);
    this.#makeFolder(join(home, 'Maildir'), count);
  }

  /** Makes HOME/Maildir anew, with an empty INBOX and `folders` folders of `count` messages. */
  fillFolders(home: string, folders: number, count: number): void {
    this.fill(home, 0);
    for (let number = 1; number <= folders; number += 1) {
      const folder = join(home, 'Maildir', `.${folderName(number)}`);
      this.#makeFolder(folder, count);
      writeFileSync(join(folder, 'maildirfolder'), '');
      this.#own(join(folder, 'maildirfolder'));
    }
  }

  /** What searches must find in a mailbox of `count` messages. */
  expectedHits(count: number): ExpectedHits {
    const messages = this.#mailbox(count);
    const firstNew = count - Math.floor(count * SHARE_IN_NEW);
    const hits = (fits: (message: MasterMessage, index: number) => boolean): number => messages.filter(fits).length;
    return {
      from: hits(({ needles }) => needles.from),
      subject: hits(({ needles }) => needles.subject),
      body: hits(({ needles }) => needles.body),
      since: hits(({ arrived }) => arrived >= SINCE_SECOND),
      unseen: hits(({ flags }, index) => index >= firstNew || !flags.includes('S')),
    };
  }

  /** Octets on the wire of the first `count` messages: every line ends with CRLF there. */
  octetsOf(count: number): number {
    return this.#mailbox(count).reduce((sum, { octets }) => sum + octets, 0);
  }

  /** An ordinary message of some 4 KB, as it goes over the wire, and its file. */
  sample(): { readonly octets: Buffer; readonly path: string } {
    const distance = ({ octets }: MasterMessage): number => Math.abs(octets - SAMPLE_OCTETS);
    const [first] = this.#messages.slice(0, 1000).sort((a, b) => distance(a) - distance(b));
    if (first === undefined) throw new Error('there is no mail');
    const file = openSync(first.path, 'r');
    const buffer = Buffer.alloc(first.octets);
    readSync(file, buffer);
    closeSync(file);
    return { octets: Buffer.from(buffer.toString('latin1').replaceAll('\n', '\r\n'), 'latin1'), path: first.path };
  }

  /** Copies the sample into `tmp`. @returns what moves it to `new`, as deliveries do. */
  prepareDelivery(home: string, number: number): () => void {
    const { path } = this.sample();
    const name = `${Math.floor(Date.now() / 1000)}.M${number}P${process.pid}.mx,S=${statSync(path).size}`;
    const file = join(home, 'Maildir', 'tmp', name);
    copyFileSync(path, file);
    this.#own(file);
    return () => renameSync(file, join(home, 'Maildir', 'new', name));
  }

  /** Messages 0 to count - 1 of a mailbox: the master's, again and again. */
  #mailbox(count: number): MasterMessage[] {
    return Array.from({ length: count }, (_, i) => this.#messages[i % this.#messages.length]).filter(
      (message) => message !== undefined,
    );
  }

  #makeFolder(path: string, count: number): void {
    for (const directory of [path, ...['tmp', 'new', 'cur'].map((name) => join(path, name))]) {
      mkdirSync(directory, { mode: 0o700 });
      this.#own(directory);
    }
    const firstNew = count - Math.floor(count * SHARE_IN_NEW);
    this.#mailbox(count).forEach((message, i) => {
      const unique = `${message.arrived}.M${100_000 + ((i * 7919) % 900_000)}P${1000 + i}.mx,S=${message.octets}`;
      const name = i < firstNew ? join('cur', `${unique}:2,${message.flags}`) : join('new', unique);
      linkSync(message.path, join(path, name));
    });
  }

  #own(path: string): void {
    if (process.getuid?.() === 0) chownSync(path, this.#owner.uid, this.#owner.gid);
  }
}

/** Name below INBOX of folder 1, 2, … */
export function folderName(number: number): string {
  return `Folder${String(number).padStart(4, '0')}`;
}
