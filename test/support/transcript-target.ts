/**
 * What a transcript plays against: our session in memory, our installed programs, Debian's Courier, Debian's Dovecot.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** One connection as the client has it. */
export interface TargetConnection {
  send(octets: Buffer): void;
  /** The next octets, in any pieces; undefined when the server has closed. Rejects when the connection broke. */
  receive(): Promise<Buffer | undefined>;
  /** Begins the TLS handshake, after the server's OK to STARTTLS. */
  startTls?(): Promise<void>;
  close(): void;
}

/** How a connection begins. */
export interface ConnectOptions {
  /** True: logged in as `bob`, greeting and login already read. False: nothing read yet, not even the greeting. */
  readonly loggedIn: boolean;
  /** `Connection: plain` in the head: no TLS at the start. */
  readonly plain: boolean;
  /** `Protocol: SMAP1` in the head: the client speaks SMAP. */
  readonly smap?: boolean;
}

/** One server with one account, for one transcript. */
export interface Target {
  readonly name: string;
  /** True for other people's servers: order, quotes and the order of flags are theirs to choose. */
  readonly lenient?: boolean;
  connect(connection: number, options: ConnectOptions): Promise<TargetConnection>;
  close(): Promise<void>;
}

/** What a transcript asks of the server it plays against. */
export interface TargetNeeds {
  /** The account's maildir, absolute. It is the target's to change, and already there. */
  readonly maildir: string;
  /** Changed settings, as in etc/imapd. */
  readonly settings: Readonly<Record<string, string>>;
  /** Account options, as authdaemon gives them. */
  readonly options: Readonly<Record<string, string>>;
  /** Maildirs of other accounts by name, for the shared index. */
  readonly accounts?: Readonly<Record<string, string>>;
  /** Who is logged in on a connection, where that is not bob. */
  readonly users?: Readonly<Record<string, string>>;
}

/** A user of a transcript. */
export interface TranscriptUser {
  readonly name: string;
  readonly maildir: string;
}

/** Who is logged in on a connection. */
export function userOf({ maildir, accounts, users }: TargetNeeds, connection: number): TranscriptUser {
  const name = users?.[connection];
  if (name === undefined) return { name: 'bob', maildir };
  const theirs = accounts?.[name];
  if (theirs === undefined) throw new Error(`${name} has no account`);
  return { name, maildir: theirs };
}

/** Writes all accounts of a transcript into a shared index, if there are others; the ids stand for nobody. */
export function writeSharedIndex(path: string, { maildir, accounts = {} }: TargetNeeds): void {
  if (Object.keys(accounts).length === 0) return;
  const all = Object.entries({ bob: maildir, ...accounts });
  writeFileSync(path, all.map(([name, each]) => `${name}\t5000\t5000\t${dirname(each)}\t${each}\n`).join(''));
  chmodSync(path, 0o644);
}

export type MakeTarget = (needs: TargetNeeds) => Promise<Target>;

/** Octets that come, as a queue that can be waited for. For targets that get their octets from events. */
export class Inbox {
  readonly #octets: Buffer[] = [];
  #ended: Error | 'end' | undefined;
  #wake: (() => void) | undefined;

  push(octets: Buffer): void {
    this.#octets.push(octets);
    this.#wake?.();
  }

  /** @param error why the connection broke, or undefined when it ended in order. */
  end(error?: Error): void {
    this.#ended ??= error ?? 'end';
    this.#wake?.();
  }

  /** What waits now. */
  takeAll(): Buffer {
    return Buffer.concat(this.#octets.splice(0));
  }

  async receive(): Promise<Buffer | undefined> {
    while (this.#octets.length === 0 && this.#ended === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#octets.length > 0) return this.takeAll();
    if (this.#ended instanceof Error) throw this.#ended;
    return undefined;
  }
}
