/** Y2: where the mail of an account is, as its option `mailhost` says it; and who is passed on as whom. */
import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import fc from 'fast-check';
import { logTo } from '../../init/runtime/log/log.js';
import { describeHost, isOwnName, type MailHostRules, readMailHosts } from '../../init/runtime/proxy/mail-hosts.js';
import { ProxyRoutes } from '../../init/runtime/proxy/proxy-route.js';
import type { ProxySettings } from '../../init/runtime/proxy/proxy-settings.js';
import { Secret } from '../../init/runtime/secret.js';

const PLAIN: MailHostRules = { protocol: 'imap', security: 'none' };

function read(option: string, rules = PLAIN): string {
  const { hosts, wrong } = readMailHosts(option, rules);
  const words = hosts.map(({ host, port, security }) => `${host} ${port} ${security}`);
  return [...words, ...wrong.map((word) => `wrong: ${word}`)].join(', ');
}

test('Y2: a host is a name or an address, with or without port and scheme', () => {
  assert.equal(read('b1.example.com'), 'b1.example.com 143 none');
  assert.equal(read('192.0.2.7:1143'), '192.0.2.7 1143 none');
  assert.equal(read('2001:db8::7'), '2001:db8::7 143 none');
  assert.equal(read('[2001:db8::7]:1143'), '2001:db8::7 1143 none');
  assert.equal(read('imaps://b1'), 'b1 993 tls');
  assert.equal(read('imap://b1:99'), 'b1 99 none');
  assert.equal(read(''), '');
});

test('Y2: settings say how hosts are reached that do not say it themselves', () => {
  assert.equal(read('b1', { ...PLAIN, security: 'starttls' }), 'b1 143 starttls');
  assert.equal(read('b1', { ...PLAIN, security: 'tls' }), 'b1 993 tls');
  assert.equal(read('b1', { ...PLAIN, port: 4143 }), 'b1 4143 none');
  assert.equal(read('b1', { protocol: 'pop3', security: 'tls' }), 'b1 995 tls');
  // A scheme never takes away the TLS that the site wants.
  assert.equal(read('imap://b1', { ...PLAIN, security: 'tls' }), 'b1 143 starttls');
});

test('Y2: several hosts keep their order, those of another protocol are passed over', () => {
  assert.equal(read('b2 b1,pop3s://b3,imaps://b4'), 'b2 143 none, b1 143 none, b4 993 tls');
  assert.equal(read('imap://b1 pop3://b2', { protocol: 'pop3', security: 'none' }), 'b2 110 none');
});

test('Y2: what is no host is told', () => {
  for (const word of ['b1:0', 'b1:65536', 'http://b1', 'b1/x', '[b1]', 'b1:', '::g', 'b1;id']) {
    assert.equal(read(word), `wrong: ${word}`);
  }
});

test('Y2: any text is read, and a host that was read is read again from its description', () => {
  const scheme = fc.constantFrom('', 'imap://', 'imaps://', 'x://');
  const host = fc.constantFrom('b1', 'b1.example.com', '[::1]', '192.0.2.7', '[x]', '');
  const port = fc.oneof(
    fc.constantFrom('', ':143', ':993'),
    fc.nat(70_000).map((number) => `:${number}`),
  );
  const word = fc.oneof(
    fc.string(),
    fc.tuple(scheme, host, port).map((parts) => parts.join('')),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      for (const each of readMailHosts(words.join(' '), PLAIN).hosts) {
        const again = readMailHosts(describeHost(each), { ...PLAIN, security: each.security }).hosts[0];
        assert.deepEqual(again, each);
      }
    }),
  );
});

test('Y2: this server is known by the name of the system and by PROXY_HOSTNAME', () => {
  assert.ok(isOwnName(hostname().toUpperCase(), undefined));
  assert.ok(isOwnName('mail.example.com.', 'Mail.Example.COM'));
  assert.ok(!isOwnName('b1', undefined));
});

const MANNER = { foreign: false, verifies: true, seconds: 30, tellAddress: 'id' } as const;
const SETTINGS: ProxySettings = { protocol: 'imap', isOn: true, refers: false, security: 'none', manner: MANNER };

function route(
  options: Record<string, string>,
  { settings = {}, authType = 'login', more = {} }: { settings?: object; authType?: string; more?: object } = {},
) {
  const log: string[] = [];
  const routes = new ProxyRoutes(
    { ...SETTINGS, ...settings },
    logTo((_, line) => void log.push(line)),
  );
  const account = { address: 'bob', uid: 1, gid: 1, home: '/', options };
  const outcome = routes.routeOf({ kind: 'account', account, ...more }, { tls: true, authType });
  return { outcome, log };
}

test('Y2: nobody is passed on where the setting is off, or the account names no other server', () => {
  assert.equal(route({ mailhost: 'b1' }, { settings: { isOn: false } }).outcome, undefined);
  assert.deepEqual(route({}), { outcome: undefined, log: ['proxy enabled, but no proxy host defined for bob'] });
  assert.deepEqual(route({ mailhost: 'b1' }, { settings: { hostname: 'b1' } }), { outcome: undefined, log: [] });
});

test('Y2: hosts behind the own name are not tried, the own server is', () => {
  const { outcome } = route({ mailhost: 'b1,door,b2' }, { settings: { hostname: 'door' } });
  assert.ok(outcome?.kind === 'pass on' && outcome.thenHere);
  assert.deepEqual(
    outcome.hosts.map(({ host }) => host),
    ['b1'],
  );
});

test('Y2: the password of a proof that did not show it comes from authdaemond, or a master user comes in its place', () => {
  const as = (more: object, settings = {}) => {
    const { outcome, log } = route({ mailhost: 'b1' }, { authType: 'cram-md5', more, settings });
    return outcome?.kind === 'pass on' ? outcome.as : log;
  };
  const master = { name: 'root', password: new Secret('all') };
  assert.deepEqual(as({ clearPassword: new Secret('known') }), { loginName: 'bob', password: 'known' });
  assert.deepEqual(as({}), ['proxy enabled, but no password for bob']);
  assert.deepEqual(as({}, { master }), { loginName: 'root', password: 'all', authorisationName: 'bob' });
  const boss = { administrator: 'boss', clearPassword: new Secret('known') };
  assert.deepEqual(as(boss), { loginName: 'boss', password: 'known', authorisationName: 'bob' });
});
