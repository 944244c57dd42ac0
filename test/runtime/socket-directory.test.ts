/**
 * Where the sockets of TLS sessions are made, and what the administrator is told when LOGINUSER cannot get there.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  makeSocketDirectory,
  NoPlaceForSockets,
  removeSocketDirectory,
} from '../../init/runtime/service/socket-directory.js';
import { closedPlace, isOpenToAll } from '../../init/runtime/system/reachable.js';
import { scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';
import { freePort } from '../support/processes.js';
import { makeConfiguration } from '../support/start.js';

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const stranger = { uid: 54_321, gid: 54_321 };

/** Runs with a directory `outer/inner` and another one for temporary files. */
async function withPlaces(use: (places: Record<'outer' | 'inner' | 'temporary', string>) => unknown): Promise<void> {
  const scratch = scratchDirectory('places');
  const outer = join(scratch.path, 'outer');
  const places = { outer, inner: join(outer, 'inner'), temporary: join(scratch.path, 'tmp') };
  for (const place of Object.values(places)) mkdirSync(place);
  const before = process.env['TMPDIR'];
  process.env['TMPDIR'] = places.temporary;
  try {
    await use(places);
  } finally {
    if (before === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = before;
    scratch.remove();
  }
}

test('the topmost directory that somebody may not enter is found, by owner, group and all others', async () => {
  await withPlaces(({ outer, inner }) => {
    assert.equal(closedPlace(inner, stranger), undefined);
    assert.ok(isOpenToAll(inner));

    chmodSync(inner, 0o710);
    assert.equal(closedPlace(inner, stranger), inner);
    assert.equal(closedPlace(inner, { uid: stranger.uid, gid: own.gid }), undefined);
    chmodSync(outer, 0o700);
    assert.equal(closedPlace(inner, stranger), outer);
    assert.equal(closedPlace(inner, own), undefined);
    assert.ok(!isOpenToAll(inner));
  });
});

test('sockets are made beside the pid file, or with temporary files where that is closed, or nowhere', async () => {
  await withPlaces(({ outer, inner, temporary }) => {
    const beside = makeSocketDirectory(inner, 'imapd', own);
    assert.equal(dirname(beside), inner);
    removeSocketDirectory(beside);
    if (own.uid !== 0) return; // Only root starts others.

    chmodSync(outer, 0o700);
    const elsewhere = makeSocketDirectory(inner, 'imapd', stranger);
    assert.equal(dirname(elsewhere), temporary);
    chmodSync(temporary, 0o700);
    assert.throws(() => makeSocketDirectory(inner, 'imapd', stranger), NoPlaceForSockets);
  });
});

test('imapd does not start when LOGINUSER could reach no session over TLS, and says what to change', async () => {
  if (own.uid !== 0) return; // Only root starts others.
  await withPlaces(async ({ outer, inner, temporary }) => {
    const options = { directory: inner, users: [], port: await freePort(), tlsPort: await freePort() };
    const configuration = await makeConfiguration(options);
    for (const place of [outer, temporary]) chmodSync(place, 0o700);

    const environment = { PATH: process.env['PATH'] ?? '', COURIER_CONFDIR: configuration, TMPDIR: temporary };
    const imapd = spawnSync(join(programs, 'imapd'), { env: environment, encoding: 'utf8', timeout: 30_000 });

    assert.equal(imapd.status, 78, imapd.stderr);
    const told = `PIDFILE: ${inner}/run cannot be entered by LOGINUSER because of ${outer}, and ${temporary} cannot `;
    assert.ok(imapd.stderr.includes(told), imapd.stderr);
    assert.match(
      imapd.stderr,
      /; let everybody pass \(chmod o\+x .*\/outer\), or set PIDFILE to a place that is open$/m,
    );
  });
});
