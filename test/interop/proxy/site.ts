/**
 * A site with several mail servers behind one door: our front, and behind it ours, Debian's Courier and Debian's Dovecot.
 *
 * Each server has a user whose one message says where it lies.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { askControl } from '../../../init/runtime/service/control.js';
import { type Scratch, scratchDirectory } from '../../support/maildir-fixture.js';
import { type MailUser, PASSWORD, startCourier, startDovecot } from '../../support/peer-servers.js';
import { giveToMailUser } from '../../support/peer-targets.js';
import { freePort, waitForPort } from '../../support/processes.js';
import {
  makeCertificate,
  type OurOptions,
  type OurServers,
  type OurUser,
  startOurs,
  writeAccounts,
} from '../../support/start.js';

/** Dovecot, and what tests want to know of it. */
export interface DovecotBackEnd {
  readonly port: number;
  readonly tlsPort: number;
  readonly haproxyPort: number;
  readonly pop3Port: number;
  /** For localhost and 127.0.0.1. */
  readonly certificate: string;
  log(): string;
}

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

  /** Gives a running server other accounts, and settings that it reads at once. */
  async change(
    server: OurServers,
    { users, settings, service = 'imapd' }: Pick<OurOptions, 'users' | 'settings'> & { service?: 'imapd' | 'pop3d' },
  ): Promise<void> {
    await writeAccounts(server.configuration, users);
    if (settings === undefined) return;
    const file = join(server.configuration, service);
    let text = readFileSync(file, 'utf8');
    for (const [name, value] of Object.entries(settings)) {
      const line = `${name}="${value}"`;
      const written = new RegExp(`^${name}=.*$`, 'm');
      text = written.test(text) ? text.replace(written, () => line) : `${text}${line}\n`;
    }
    writeFileSync(file, text);
    await askControl(join(server.configuration, '..', 'run', `${service}.control`), 'reload');
  }

  async courier(users: readonly MailUser[]): Promise<{ readonly port: number; readonly pop3Port: number }> {
    const [port, pop3Port] = [await freePort(), await freePort()];
    const server = await startCourier({ directory: this.#directory(), users, port, courier: { pop3Port } });
    this.#stops.push(server.stop);
    await waitForPort(pop3Port);
    return { port, pop3Port };
  }

  /** With STARTTLS, a port in TLS, and one that expects HAProxy's header. It believes proxies where a client is, and `root` is a master
   * user of it. */
  async dovecot(users: readonly MailUser[]): Promise<DovecotBackEnd> {
    const directory = this.#directory();
    const certificate = join(directory, 'cert.pem');
    await makeCertificate(certificate);
    const [port, tlsPort, haproxyPort, pop3Port] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
    const masters = join(directory, 'masters');
    writeFileSync(masters, `root:{PLAIN}${PASSWORD}\n`);
    const more = `
protocols = imap pop3
passdb {
  driver = passwd-file
  args = ${masters}
  master = yes
}
login_trusted_networks = 127.0.0.1/32
haproxy_trusted_networks = 127.0.0.1/32
service imap-login {
  inet_listener behind-proxy {
    port = ${haproxyPort}
    haproxy = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = ${pop3Port}
  }
  inet_listener pop3s {
    port = 0
  }
}`;
    const tls = { port: tlsPort, certificate };
    const server = await startDovecot({ directory, users, port, tls, compress: true, more });
    this.#stops.push(server.stop);
    const log = (): string => readFileSync(join(directory, 'dovecot.log'), 'utf8');
    return { port, tlsPort, haproxyPort, pop3Port, certificate, log };
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
