/**
 * A site with several mail servers behind one door: our front, and behind it ours, Debian's Courier and Debian's Dovecot.
 *
 * Each server has a user whose one message says where it lies.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Scratch, scratchDirectory } from '../../support/maildir-fixture.js';
import { type MailUser, type PeerServer, startCourier, startDovecot } from '../../support/peer-servers.js';
import { giveToMailUser } from '../../support/peer-targets.js';
import { freePort } from '../../support/processes.js';
import { makeCertificate, type OurOptions, type OurServers, type OurUser, startOurs } from '../../support/start.js';

/** Makes homes, and starts servers that stop() ends. */
export class Site {
  readonly #scratch: Scratch;
  readonly #stops: (() => Promise<void>)[] = [];
  #servers = 0;

  constructor(name: string) {
    this.#scratch = scratchDirectory(name);
  }

  /** A user with a maildir; its message has the name as its subject. */
  user(name: string): MailUser {
    const home = join(this.#scratch.path, name);
    for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(home, 'Maildir', part), { recursive: true });
    const file = join(home, 'Maildir', 'cur', '1600000000.M1P1.mx:2,S');
    writeFileSync(file, `From: a@example.com\nSubject: ${name}\n\nHello.\n`);
    giveToMailUser(home);
    return { name, home };
  }

  /** A path where nothing is yet. */
  path(name: string): string {
    return join(this.#scratch.path, name);
  }

  /** Ours, as front or as back end. */
  async ours(users: readonly OurUser[], options: Partial<OurOptions> = {}): Promise<OurServers> {
    const server = await startOurs({ directory: this.#directory(), users, ...options });
    this.#stops.push(server.stop);
    return server;
  }

  async courier(users: readonly MailUser[]): Promise<PeerServer> {
    const server = await startCourier({ directory: this.#directory(), users, port: await freePort() });
    this.#stops.push(server.stop);
    return server;
  }

  /** With STARTTLS and a port in TLS; its certificate is for localhost and 127.0.0.1. */
  async dovecot(
    users: readonly MailUser[],
  ): Promise<PeerServer & { readonly certificate: string; readonly log: string }> {
    const directory = this.#directory();
    const certificate = join(directory, 'cert.pem');
    await makeCertificate(certificate);
    const tls = { port: await freePort(), certificate };
    const server = await startDovecot({ directory, users, port: await freePort(), tls, compress: true });
    this.#stops.push(server.stop);
    return { ...server, certificate, log: join(directory, 'dovecot.log') };
  }

  /** Ends all servers, the last first, and removes all files. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.reverse()) await stop();
    this.#scratch.remove();
  }

  #directory(): string {
    this.#servers += 1;
    const directory = this.path(`server${this.#servers}`);
    mkdirSync(directory);
    return directory;
  }
}

/** An account of the front whose mail is elsewhere. */
export function elsewhere(user: MailUser, mailhost: string, more = ''): OurUser {
  return { ...user, options: `mailhost=${mailhost}${more}` };
}
