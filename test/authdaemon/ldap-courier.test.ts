/**
 * authldap beside Debian's authdaemond with libauthldap, on one slapd and one authldaprc: the same octets on the socket.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CourierAuthdaemond, startCourierAuthdaemond } from '../support/courier-authdaemond.js';
import { ADMIN_DN, BASE_DN, type LdapEntry, Slapd } from '../support/slapd.js';
import { accountEntry, ldapRc } from './ldap-fixture.js';
import { configuration, exchange, login, type RunningDaemon, startDaemon } from './support.js';

const ENTRIES: readonly LdapEntry[] = [
  accountEntry('joe', {
    mailbox: 'Maildir',
    quota: '1000S',
    disableimap: '0',
    sharedgroup: 'g1',
    defaultDelivery: '|x',
  }),
  accountEntry('clear', { clearPassword: 'secret', userPassword: undefined }),
  accountEntry('both', { clearPassword: 'clear secret' }),
  accountEntry('umlaut', { cn: 'Jörg Müller', clearPassword: 'secret', userPassword: undefined }),
  accountEntry('several', { mail: ['several@example.com', 'others@example.com'], cn: ['First', 'Second'] }),
  accountEntry('twice1', { mail: 'twice@example.com' }),
  accountEntry('twice2', { mail: 'twice@example.com' }),
  accountEntry('nopassword', { userPassword: undefined }),
  accountEntry('noname', { cn: undefined }),
  accountEntry('nohash', { userPassword: 'secret' }),
  accountEntry('relative', { homeDirectory: 'relative' }),
  { name: 'ou=map', attributes: { objectClass: ['organizationalUnit', 'extensibleObject'], ou: 'map' } },
  { name: 'cn=one,ou=map', attributes: { cn: 'one', uid: 'alias', realm: 'other.test', handle: 'joe@example.com' } },
  { name: 'cn=two,ou=map', attributes: { cn: 'two', uid: 'dangling', realm: 'other.test', handle: 'x@example.com' } },
];

const NAMES = [
  ...[
    'joe',
    'JOE',
    'clear',
    'both',
    'umlaut',
    'several',
    'others',
    'twice',
    'nopassword',
    'noname',
    'nohash',
    'nobody',
  ].map((name) => `${name}@example.com`),
  'joe',
  'joe@other.test',
  'alias@other.test',
  'dangling@other.test',
  '*)(uid=*',
  '*',
  'a\\2a',
];

const REQUESTS: readonly string[] = [
  ...NAMES.flatMap((name) => [
    `PRE . imap ${name}\n`,
    `PRE authldap courier ${name}\n`,
    login('imap', name, 'secret'),
    login('pop3', name, 'clear secret'),
    login('imap', name, 'wrong'),
    login('imap', name, ''),
  ]),
  'PASSWD imap\tjoe@example.com\twrong\tother\n',
];

/** Settings under which normal accounts must not differ. */
const CASES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'passwords compared': {},
  'passwords checked by a bind': { LDAP_AUTHBIND: '1', LDAP_CLEARPW: '', LDAP_FILTER: '(objectClass=account)' },
  'a default domain, one uid for all, a root for mail': {
    ...{ LDAP_DOMAIN: 'example.com', LDAP_MAILROOT: '/var/mail', LDAP_UID: '', LDAP_GID: '' },
    ...{ LDAP_GLOB_UID: 'vmail', LDAP_GLOB_GID: 'vmail' },
  },
  'two filters with blanks, and few attributes': {
    ...{ LDAP_FILTER: '(& (objectClass=account) (!(uid=both)) )(uid=*)', LDAP_ENUMERATE_FILTER: '(uid=joe)' },
    ...{ LDAP_MAILDIR: '', LDAP_FULLNAME: '', LDAP_CLEARPW: '', LDAP_AUXOPTIONS: 'uid=group' },
  },
  'a map of addresses': {
    ...{ LDAP_EMAILMAP: '(&(uid=@user@)(realm=@realm@))', LDAP_EMAILMAP_BASEDN: `ou=map,${BASE_DN}` },
    ...{ LDAP_EMAILMAP_ATTRIBUTE: 'handle', LDAP_EMAILMAP_MAIL: 'mail' },
  },
};

describe('authldap beside Courier', () => {
  let slapd: Slapd;
  before(async () => {
    slapd = await Slapd.start({ entries: ENTRIES });
  });
  after(() => slapd.remove());

  for (const [name, changes] of Object.entries(CASES)) {
    test(`70: the answers are Courier's, octet for octet: ${name}`, async () => {
      const both = await Both.start(ldapRc(slapd.uri, changes));
      try {
        for (const request of REQUESTS) {
          const { ours, couriers } = await both.ask(request);
          assert.equal(ours, couriers, JSON.stringify(request));
        }
      } finally {
        await both.stop();
      }
    });
  }

  test('70: ENUMERATE gives the same list', async () => {
    for (const changes of [{}, { LDAP_FILTER: '(uid=*e)' }, { LDAP_ENUMERATE_FILTER: '(!(uid=twice1))' }]) {
      const both = await Both.start(ldapRc(slapd.uri, { ...changes, LDAP_AUXOPTIONS: 'sharedgroup=group' }));
      const { ours, couriers } = await both.ask('ENUMERATE\n');
      await both.stop();

      const usable = couriers.split('\n').filter((line) => !line.startsWith('relative@'));
      assert.ok(usable.length > 4);
      assert.deepEqual(ours.split('\n'), usable);
    }
  });

  test('a password that either of them changed is good for both', async () => {
    const both = await Both.start(ldapRc(slapd.uri, { LDAP_BINDDN: ADMIN_DN }));
    for (const [from, to] of [
      ['secret', 'one'],
      ['one', 'two'],
      ['two', 'secret'],
    ] as const) {
      const change = `PASSWD imap\tjoe@example.com\t${from}\t${to}\n`;
      assert.equal(await exchange(to === 'one' ? both.ourSocket : both.couriersSocket, change), 'OK\n');

      const { ours, couriers } = await both.ask(login('imap', 'joe@example.com', to));

      assert.equal(ours, couriers);
      assert.match(ours, new RegExp(`\nPASSWD2=${to}\n`));
      assert.deepEqual(await both.ask(login('imap', 'joe@example.com', from)), { ours: 'FAIL\n', couriers: 'FAIL\n' });
    }
    await both.stop();
  });
});

/** Two daemons on the same authldaprc. */
class Both {
  readonly #ours: RunningDaemon;
  readonly #couriers: CourierAuthdaemond;
  readonly #directory: string;

  private constructor(ours: RunningDaemon, couriers: CourierAuthdaemond, directory: string) {
    this.#ours = ours;
    this.#couriers = couriers;
    this.#directory = directory;
  }

  static async start(rc: string): Promise<Both> {
    const directory = mkdtempSync(join(tmpdir(), 'ldap-both-'));
    const places = { etc: join(directory, 'etc'), state: join(directory, 'state') };
    mkdirSync(places.etc);
    mkdirSync(places.state);
    writeFileSync(join(places.etc, 'authdaemonrc'), 'authmodulelist="authldap"\ndaemons=1\n');
    writeFileSync(join(places.etc, 'authldaprc'), rc);
    const couriers = await startCourierAuthdaemond(places);
    const own = await configuration('', 'authmodulelist="authldap"');
    writeFileSync(join(own, 'authldaprc'), rc);
    return new Both(await startDaemon(own), couriers, directory);
  }

  get ourSocket(): string {
    return this.#ours.socketPath;
  }

  get couriersSocket(): string {
    return this.#couriers.socketPath;
  }

  async ask(request: string): Promise<{ ours: string; couriers: string }> {
    // Latin-1 carries each octet of a request.
    const octets = Buffer.from(request, 'utf8');
    return { ours: await exchange(this.ourSocket, octets), couriers: await exchange(this.couriersSocket, octets) };
  }

  async stop(): Promise<void> {
    await this.#ours.stop();
    await this.#couriers.stop();
    rmSync(this.#directory, { recursive: true });
  }
}
