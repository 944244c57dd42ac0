/** What processes say of their sessions is shown to administrators: only what it should be, whatever they add. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSessionAnswer, type LiveSession, LiveSessions } from '../../init/runtime/worker/live-sessions.js';

const session: LiveSession = {
  ...{ session: 17, user: 'bob', ip: '192.0.2.7', port: 40_000, protocol: 'imap', tls: true, mailhost: 'b1' },
  ...{ seconds: 3, idleSeconds: 1, receivedOctets: 20, sentOctets: 300 },
};

test('what a process adds to its sessions is left out, so that they can always be told', async () => {
  const more: Record<string, unknown> = { big: 10n };
  more['itself'] = more;
  const said = { ...session, ...more };
  assert.equal(isSessionAnswer({ question: 1, sessions: [said] }), true);
  const live: LiveSessions = new LiveSessions(() => [
    { pid: 5, send: ({ question }) => live.heard({ kind: 'sessions', question, sessions: [said] }) },
  ]);
  const { sessions } = await live.ask('tell sessions', {});
  assert.deepEqual(JSON.parse(JSON.stringify(sessions)), [{ ...session, pid: 5 }]);
});

test('what is no session is no answer', () => {
  const wrong = [{ mailhost: {} }, { folder: 1 }, { user: undefined }, { ip: 7 }, { tls: 'yes' }, { seconds: 10n }];
  for (const part of wrong) assert.equal(isSessionAnswer({ question: 1, sessions: [{ ...session, ...part }] }), false);
  assert.equal(isSessionAnswer({ question: 1, sessions: [session] }), true);
});
