/**
 * authldap and servers in trouble: stopped and started, slow, cut off, replaced by another, in TLS that does not fit.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, renameSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { LdapTls } from '../../authdaemon/ldap/tls.js';
import { freePort } from '../support/processes.js';
import { Slapd } from '../support/slapd.js';
import { accountEntry, LdapFixture, ldapRc } from './ldap-fixture.js';

const JOE = 'joe@example.com';
const GOOD = '5000:joe@example.com';

describe('authldap in trouble', () => {
  let slapd: Slapd;
  /** Another server with the same account, a certificate for another name, and a wish to see the client's. */
  let other: Slapd;
  const fixtures: LdapFixture[] = [];
  const proxies: TroubleProxy[] = [];
  before(async () => {
    const entries = [accountEntry('joe')];
    slapd = await Slapd.start({ entries });
    other = await Slapd.start({ entries, names: ['other.test'], wantsCertificate: true });
  });
  after(async () => {
    for (const fixture of fixtures) await fixture.stop();
    for (const proxy of proxies) await proxy.stop();
    await slapd.remove();
    await other.remove();
  });
  const start = (uri: string, changes: Readonly<Record<string, string>> = {}, tls?: LdapTls): LdapFixture => {
    const fixture = new LdapFixture(ldapRc(uri, changes), tls === undefined ? {} : { ldapTls: tls });
    fixtures.push(fixture);
    return fixture;
  };

  const startProxy = async (): Promise<TroubleProxy> => {
    const proxy = await TroubleProxy.to(slapd.port);
    proxies.push(proxy);
    return proxy;
  };

  test('TLS: ldaps and StartTLS with an authority that is believed, and a Unix socket', async () => {
    const tls = { verify: true, authoritiesFile: slapd.certificate };
    for (const bind of ['0', '1']) {
      const ways = [
        start(slapd.tlsUri, { LDAP_AUTHBIND: bind }, tls),
        start(slapd.uri, { LDAP_AUTHBIND: bind, LDAP_TLS: '1' }, tls),
        start(slapd.uri.replace('127.0.0.1', 'localhost'), { LDAP_AUTHBIND: bind, LDAP_TLS: '1' }, tls),
        start(slapd.socketUri, { LDAP_AUTHBIND: bind }),
      ];
      for (const ldap of ways) {
        assert.equal(await ldap.login(JOE, 'secret'), GOOD);
        assert.equal(await ldap.login(JOE, 'wrong'), 'rejected: wrong password');
      }
    }
    assert.match(slapd.log(), /TLS established/);
  });

  test('TLS: a certificate from somebody else, or for another name, is refused, and nothing is said to that server', async () => {
    const believed = { verify: true, authoritiesFile: other.certificate };
    const cases: readonly (readonly [LdapFixture, RegExp])[] = [
      [start(slapd.tlsUri), /^temporary failure: no LDAP server can be used: ldaps:\S+: self-signed certificate/],
      [start(slapd.uri, { LDAP_TLS: '1' }), /ldap:\S+: self-signed certificate \(LDAPTLS_CACERT in/],
      [start(slapd.tlsUri, {}, believed), /ldaps:\S+: self-signed certificate/],
      [start(other.tlsUri, {}, believed), /ldaps:\S+: Hostname\/IP does not match certificate's altnames/],
      [
        start(slapd.tlsUri, {}, { verify: true, authoritiesFile: '/nowhere.pem' }),
        /no such file or directory, open '\/nowhere\.pem'/,
      ],
      [
        start(slapd.tlsUri, {}, { verify: true, authoritiesFile: '/etc/hostname' }),
        /\/etc\/hostname is not a PEM file/,
      ],
    ];
    const before = slapd.log().length;
    for (const [ldap, reason] of cases) assert.match(await ldap.login(JOE, 'secret'), reason);

    assert.doesNotMatch(slapd.log().slice(before), / (BIND|SRCH) /);
    assert.equal(await start(slapd.tlsUri, {}, { verify: false }).login(JOE, 'secret'), GOOD);
  });

  test('TLS: a server that wants a certificate gets ours', async () => {
    const key = { certificateFile: other.certificate, keyFile: other.certificate };

    assert.match(await start(other.tlsUri, {}, { verify: false }).login(JOE, 'secret'), /^temporary failure: /);
    assert.equal(await start(other.tlsUri, {}, { verify: false, ...key }).login(JOE, 'secret'), GOOD);
  });

  test('TLS: an authority that is put in place later is believed without a restart', async () => {
    const file = join(slapd.directory, 'authorities.pem');
    copyFileSync(other.certificate, file);
    const ldap = start(slapd.tlsUri, {}, { verify: true, authoritiesFile: file });
    assert.match(await ldap.login(JOE, 'secret'), /self-signed certificate/);

    copyFileSync(slapd.certificate, `${file}.new`);
    renameSync(`${file}.new`, file);

    assert.equal(await ldap.login(JOE, 'secret'), GOOD);
  });

  for (const changes of [{}, { LDAP_AUTHBIND: '1' }, { LDAP_TLS: '1' }]) {
    test(`63: a stopped server is trouble, and a started one is used at once: ${JSON.stringify(changes)}`, async () => {
      const ldap = start(slapd.uri, changes, { verify: false });
      // Several connections, so that several die.
      await Promise.all(Array.from({ length: 9 }, () => ldap.login(JOE, 'secret')));

      await slapd.stop();
      const down = await ldap.login(JOE, 'secret');
      const trouble = await ldap.store.trouble();
      await slapd.resume();

      assert.match(down, /^temporary failure: no LDAP server can be used: ldap:\S+: connect ECONNREFUSED/);
      assert.match(String(trouble), /connect ECONNREFUSED/);
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);
      assert.equal(await ldap.login(JOE, 'wrong'), 'rejected: wrong password');

      // This time nobody notices: the idle connections are found to be closed, and replaced.
      await slapd.stop();
      await slapd.resume();
      const said = await Promise.all(Array.from({ length: 9 }, () => ldap.login(JOE, 'secret')));
      assert.deepEqual(said, Array(9).fill(GOOD));
      assert.equal(await ldap.store.trouble(), undefined);
    });
  }

  test('63: of several servers one that works is enough', async () => {
    const dead = `ldap://127.0.0.1:${await freePort()}`;
    const ldap = start(`${dead}, ${slapd.uri} ${other.uri}`, { LDAP_AUTHBIND: '1' });
    assert.equal(await ldap.login(JOE, 'secret'), GOOD);
    assert.match(ldap.lines.join('\n'), /^warning: authldap: ldap:\S+: connect ECONNREFUSED/);

    await slapd.stop();
    assert.equal(await ldap.login(JOE, 'secret'), GOOD);
    assert.equal(await ldap.login(JOE, 'wrong'), 'rejected: wrong password');
    await other.stop();
    const none = await ldap.login(JOE, 'secret');
    await slapd.resume();
    const one = await ldap.login(JOE, 'secret');
    await other.resume();

    assert.equal((none.match(/ECONNREFUSED/g) ?? []).length, 3, none);
    assert.equal(one, GOOD);
  });

  // Each waits for some seconds, for one server; at the same time.
  describe('servers that say nothing', { concurrency: true }, () => {
    test('63: a server that does not answer is trouble after LDAP_TIMEOUT, and is used again when it does', async () => {
      const proxy = await startProxy();
      const plain = start(proxy.uri, { LDAP_TIMEOUT: '3' });
      const started = start(proxy.uri, { LDAP_TIMEOUT: '3', LDAP_TLS: '1' }, { verify: false });
      for (const ldap of [plain, started]) assert.equal(await ldap.login(JOE, 'secret'), GOOD);

      proxy.hold();
      const said = await Promise.all([plain, started].flatMap((ldap) => [ldap.login(JOE, 'secret'), ldap.lookup(JOE)]));
      // All connections are new now: not even the first octet comes back.
      const again = await Promise.all([plain, started].map((ldap) => ldap.login(JOE, 'secret')));
      proxy.release();

      for (const each of said)
        assert.match(each, /^temporary failure: .*ldap:\S+: no answer within 3 s \(LDAP_TIMEOUT\)/);
      for (const each of again)
        assert.match(each, /^temporary failure: no LDAP server can be used: .*no answer within 3 s/);
      for (const ldap of [plain, started]) assert.equal(await ldap.login(JOE, 'secret'), GOOD);
    });

    test('63: a connection that is cut off is replaced once, and garbage is no answer', async () => {
      const proxy = await startProxy();
      const ldap = start(proxy.uri, { LDAP_TIMEOUT: '3', LDAP_AUTHBIND: '1' });
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);

      proxy.cutNext();
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);
      proxy.cutAll = true;
      assert.match(
        await ldap.login(JOE, 'secret'),
        /^temporary failure: .*(Connection closed|ECONNRESET|closed the connection)/,
      );
      proxy.cutAll = false;
      assert.equal(await ldap.login(JOE, 'wrong'), 'rejected: wrong password');
      for (const noise of [Buffer.alloc(4096, 0xff), Buffer.from('30050201026100', 'hex')]) {
        proxy.answerWith(noise);
        assert.match(await ldap.login(JOE, 'secret'), /^temporary failure: /, noise.toString('hex').slice(0, 20));
      }
      proxy.answerWith(undefined);
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);
    });

    test('63: a server that takes connections and says nothing is left for another', async () => {
      const proxy = await startProxy();
      const changes = { LDAP_TIMEOUT: '3', LDAP_INITBIND: '0', LDAP_AUTHBIND: '1' };
      const ldap = start(`${proxy.uri} ${other.uri}`, changes);

      proxy.hold();
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);
      assert.equal(await ldap.login(JOE, 'wrong'), 'rejected: wrong password');
      proxy.release();

      await other.stop();
      assert.equal(await ldap.login(JOE, 'secret'), GOOD);
      await other.resume();
    });
  });
});

/** Stands between the module and a server, and may hold back, cut off or replace what the server says. */
class TroubleProxy {
  /** Every connection ends when something is asked on it. */
  cutAll = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #held: (() => void)[] | undefined;
  #cutNext = false;
  #noise: Buffer | undefined;

  private constructor(server: Server, port: number) {
    this.#server = server;
    server.on('connection', (client: Socket) => this.#relay(client, connect(port, '127.0.0.1')));
  }

  static async to(port: number): Promise<TroubleProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TroubleProxy(server, port);
  }

  get uri(): string {
    return `ldap://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on no octet of the server goes through. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const send of held) send();
  }

  /** The next request ends its connection. */
  cutNext(): void {
    this.#cutNext = true;
  }

  /** Says this in place of the server's answers. */
  answerWith(noise: Buffer | undefined): void {
    this.#noise = noise;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #relay(client: Socket, server: Socket): void {
    for (const [one, another] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => another.destroy());
      one.on('close', () => another.destroy());
    }
    client.on('data', (octets: Buffer) => {
      if (!this.#cutNext && !this.cutAll) {
        server.write(octets);
        return;
      }
      this.#cutNext = false;
      client.destroy();
    });
    server.on('data', (octets: Buffer) => {
      const send = (): void => void client.write(this.#noise ?? octets);
      if (this.#held === undefined) send();
      else this.#held.push(send);
    });
  }
}
