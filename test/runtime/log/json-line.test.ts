/**
 * LOGFORMAT=json: what Courier's lines say, in fields; whatever stands in them, one object a line.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonLine } from '../../../init/runtime/log/json-line.js';
import { logLine, logValue, MAX_LOG_VALUE_CHARACTERS } from '../../../init/runtime/log/log.js';

const time = new Date(Date.UTC(2026, 10, 21, 17, 31, 16, 123));
const head = { time: '2026-11-21T17:31:16.123Z', level: 'info', service: 'imapd' };

function fieldsOf(line: string, session?: number): unknown {
  return JSON.parse(jsonLine({ level: 'info', line: logLine(line), service: 'imapd', time, session }));
}

const events: readonly (readonly [string, object])[] = [
  [
    'LOGIN, user=bob, ip=[::1], port=[40112], protocol=IMAP, starttls=1, admin=root',
    { event: 'login', user: 'bob', ip: '::1', port: 40112, protocol: 'IMAP', tls: true, administrator: 'root' },
  ],
  [
    'LOGIN FAILED, user=x\\x2C\\x20ip\\x3D\\x5B192.0.2.1\\x5D, ip=[::ffff:192.0.2.7], port=[1]',
    { event: 'login_failed', user: 'x, ip=[192.0.2.1]', ip: '::ffff:192.0.2.7', port: 1 },
  ],
  [
    'LOGIN FAILED, method=PLAIN, ip=[192.0.2.7], port=[1]',
    { event: 'login_failed', method: 'PLAIN', ip: '192.0.2.7', port: 1 },
  ],
  [
    'LOGOUT, user=007, ip=[::1], port=[1], headers=1, body=2, rcvd=3, sent=4, time=5, starttls=1',
    {
      ...{ event: 'logout', user: '007', ip: '::1', port: 1, header_octets: 1, body_octets: 2, received_octets: 3 },
      ...{ sent_octets: 4, seconds: 5, tls: true },
    },
  ],
  [
    'LOGOUT, user=bob, ip=[::1], port=[1], top=6, retr=7, rcvd=3, sent=4, time=5, stls=1',
    {
      ...{ event: 'logout', user: 'bob', ip: '::1', port: 1, top_octets: 6, retr_octets: 7, received_octets: 3 },
      ...{ sent_octets: 4, seconds: 5, tls: true },
    },
  ],
  [
    'LOGIN REFUSED, user=bob, ip=[::1], port=[1]: not a maildir: /home/bob/Maildir: no, it is not',
    {
      ...{ event: 'login_refused', user: 'bob', ip: '::1', port: 1 },
      reason: 'not a maildir: /home/bob/Maildir: no, it is not',
    },
  ],
  [
    'EXPUNGED, user=bob, ip=[::1], port=[1], old_name=./cur/1.M1.mx\\x2CS\\x3D7',
    { event: 'expunged', user: 'bob', ip: '::1', port: 1, old_name: './cur/1.M1.mx,S=7' },
  ],
  [
    'ID, user=bob, ip=[::1], port=[1], name=mutt, user=root, ip=192.0.2.1, os=(nil)',
    { event: 'id', user: 'bob', ip: '::1', port: 1, name: 'mutt', os: null },
  ],
  [
    'not let in: service=imap, account=bob, from=::1, authuserdb: wrong password',
    { event: 'not_let_in', service_: 'imap', user: 'bob', ip: '::1', detail: 'authuserdb: wrong password' },
  ],
  [
    'ip=[192.0.2.7], couriertls: accept: no shared cipher',
    { event: 'tls_failed', ip: '192.0.2.7', reason: 'no shared cipher' },
  ],
  [
    'LOGIN, user=bob, ip=[::1], port=[1], protocol=IMAP',
    { event: 'login', user: 'bob', ip: '::1', port: 1, protocol: 'IMAP', tls: false },
  ],
  ['started: imapd on 143, 0 connections', { event: 'message', message: 'started: imapd on 143, 0 connections' }],
  ['x, level=alert, time=now', { event: 'x', level_: 'alert', seconds: 'now' }],
];

test('L1: each event has its fields by name', () => {
  for (const [line, event] of events) assert.deepEqual(fieldsOf(line), { ...head, ...event });
});

test('L1: a session has the same name in all its lines, and another after a restart', () => {
  const line = 'LOGIN, user=bob, ip=[::1], port=[1], protocol=IMAP';
  const { session } = fieldsOf(line, 17) as { session: string };
  assert.equal(session, `${process.pid}.17`);
});

test('attacks 84: a name is given back as it was, and nothing in it becomes a field or a line', () => {
  const name = fc.string({ unit: 'binary', minLength: 1, maxLength: MAX_LOG_VALUE_CHARACTERS });
  fc.assert(
    fc.property(name, (user) => {
      const line = `LOGIN FAILED, user=${logValue(user)}, ip=[192.0.2.7], port=[1]`;
      const text = jsonLine({ level: 'info', line: logLine(line), service: 'imapd', time });
      assert.doesNotMatch(text, /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202e]/u);
      const event = { event: 'login_failed', user, ip: '192.0.2.7', port: 1 };
      // A name that is cut has no end; its line is a line all the same.
      if (line.length < 4_000) assert.deepEqual(JSON.parse(text), { ...head, ...event });
    }),
    { numRuns: 40 },
  );
});

test('any text becomes one object of bounded length', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 6_000 }), (line) => {
      const text = jsonLine({ level: 'error', line: logLine(line), service: 'imapd', time });
      assert.ok(text.length < 30_000);
      assert.equal(typeof JSON.parse(text), 'object');
    }),
    { numRuns: 30 },
  );
});
