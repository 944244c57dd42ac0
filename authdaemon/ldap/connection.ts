/**
 * LdapConnection: one connection to one server, for one request at a time. Once it has failed it is over.
 *
 * ldapts would quietly connect again, as nobody; here a client lives as long as its socket and no longer.
 */
import type { Socket } from 'node:net';
import { Attribute, Change, Client, type Entry, type Filter } from 'ldapts';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import { failureOf, LdapFailure } from './ldap-failure.js';
import { type Aliases, AliasFilter, closeLdaptsGaps } from './ldapts-gaps.js';
import { inTls, openSocket } from './socket.js';
import type { LdapKeys } from './tls.js';
import type { LdapUri } from './uri.js';

/** StartTLS (RFC 4511 section 4.14.1). */
const START_TLS = '1.3.6.1.4.1.1466.20037';
/** The password modify operation (RFC 3062 section 2). */
const PASSWORD_MODIFY = '1.3.6.1.4.1.4203.1.11.1';
/** Entries in one answer of a long list: a fraction of a second, some hundred KB. */
const PAGE_ENTRIES = 500;

/** How to speak to a server. */
export interface LdapAccess {
  readonly uri: LdapUri;
  readonly startTls: boolean;
  /** For connecting in all, and for each request. */
  readonly timeoutMs: number;
  readonly keys: LdapKeys;
}

/** What to look for. */
export interface LdapQuery {
  readonly base: string;
  readonly scope: 'sub' | 'base';
  readonly filter: Filter;
  readonly attributes: readonly string[];
  readonly aliases: Aliases;
  /** The server stops behind so many entries; 0 for all. */
  readonly atMost: number;
}

/** An entry: names of attributes in small letters, values as text (octet-text.ts). */
export interface LdapEntry {
  readonly dn: string;
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** A connection. Every method throws LdapFailure. */
export class LdapConnection {
  readonly uri: LdapUri;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #closed = false;

  private constructor(socket: Socket, { uri, timeoutMs }: LdapAccess) {
    this.uri = uri;
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#client = clientOn(socket, timeoutMs);
    socket.once('close', () => {
      this.#closed = true;
    });
    if (socket.destroyed) this.#closed = true;
  }

  /** Connects, as nobody yet. @throws {LdapFailure} */
  static async open(access: LdapAccess): Promise<LdapConnection> {
    closeLdaptsGaps();
    const { uri, keys, timeoutMs } = access;
    const deadline = AbortSignal.timeout(timeoutMs);
    let plain: Socket | undefined;
    try {
      plain = await openSocket(uri, keys, deadline);
      if (!access.startTls || uri.kind !== 'ldap') return new LdapConnection(plain, access);
      await clientOn(plain, timeoutMs).exop(START_TLS);
      // What came behind the answer was not encrypted; the client that read it ends here.
      plain.removeAllListeners('data');
      return new LdapConnection(await inTls(plain, uri.host, keys, deadline), access);
    } catch (error) {
      plain?.destroy();
      throw failureOf(error, uri.text, timeoutMs);
    }
  }

  /** Has it ended? */
  get closed(): boolean {
    return this.#closed;
  }

  /** Becomes somebody. */
  async bind(dn: string, password: string): Promise<void> {
    // A name without a password is nobody, and a server says yes to that (RFC 4513 section 5.1.2).
    if (password === '') throw new LdapFailure('result', `${this.uri.text}: a bind needs a password`, 49);
    await this.#ask(() => this.#client.bind(dn, password));
  }

  /** Finds entries, at most `atMost` of them. */
  async search(query: LdapQuery): Promise<LdapEntry[]> {
    const { searchEntries } = await this.#ask(() => this.#client.search(query.base, this.#options(query)));
    return searchEntries.map(readEntry);
  }

  /** Finds entries a page at a time. */
  async *pages(query: LdapQuery): AsyncGenerator<LdapEntry[]> {
    const options = { ...this.#options(query), timeLimit: 0, paged: { pageSize: PAGE_ENTRIES } };
    const pages = this.#client.searchPaginated(query.base, options);
    for (;;) {
      const page = await this.#ask(() => pages.next());
      if (page.done === true) return;
      yield page.value.searchEntries.map(readEntry);
    }
  }

  /** Gives attributes one new value each. */
  async replace(dn: string, values: ReadonlyMap<string, string>): Promise<void> {
    const changes = [...values].map(([type, value]) => {
      const modification = new Attribute({ type, values: [octetsFromText(value)] });
      return new Change({ operation: 'replace', modification });
    });
    await this.#ask(() => this.#client.modify(dn, changes));
  }

  /** Lets the server change a password as it thinks right (RFC 3062). */
  async changePassword(dn: string, oldPassword: string, newPassword: string): Promise<void> {
    const fields = [dn, oldPassword, newPassword].map((text, tag) => ber(0x80 + tag, octetsFromText(text)));
    const value = ber(0x30, Buffer.concat(fields));
    await this.#ask(() => this.#client.exop(PASSWORD_MODIFY, value));
  }

  /** Says goodbye and ends it; never throws. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // The socket is gone in any case; whether the server heard the goodbye is its own business.
    this.#client.unbind().catch(() => undefined);
    this.#socket.destroySoon();
  }

  #options({ scope, filter, attributes, aliases, atMost }: LdapQuery) {
    return {
      scope,
      filter: new AliasFilter(filter, aliases),
      attributes: [...attributes],
      sizeLimit: atMost,
      timeLimit: Math.ceil(this.#timeoutMs / 1000),
    };
  }

  async #ask<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    if (this.#closed) throw new LdapFailure('lost', `${this.uri.text}: the server has closed the connection`);
    try {
      return await request();
    } catch (error) {
      const failure = failureOf(error, this.uri.text, this.#timeoutMs);
      if (failure.kind !== 'result') {
        this.#closed = true;
        this.#socket.destroy();
      }
      throw failure;
    }
  }
}

/** A client on a socket that is connected already; it cannot get another one. */
function clientOn(socket: Socket, timeoutMs: number): Client {
  return new Client({
    url: 'ldap://localhost',
    timeout: timeoutMs,
    createConnection: () => {
      if (socket.destroyed) throw new Error('the server has closed the connection');
      return socket;
    },
  });
}

function readEntry(entry: Entry): LdapEntry {
  const values = new Map<string, string[]>();
  for (const [name, found] of Object.entries(entry)) {
    if (name === 'dn') continue;
    const texts = [found].flat().map((value) => (typeof value === 'string' ? value : textFromOctets(value)));
    if (texts.length > 0) values.set(name.toLowerCase(), texts);
  }
  return { dn: entry.dn, values };
}

/** Tag, length, content (X.690). */
function ber(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  return Buffer.concat([Buffer.of(tag, 0x82, length >> 8, length & 0xff), content]);
}
