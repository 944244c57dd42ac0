/**
 * A certificate is renewed while 200 sessions are at work (attack 12): none of them notices, new ones have the new
 * certificate within seconds, and a broken file costs nothing and is seen.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'node:tls';
import { programs } from '../support/paths.js';
import { freePort, mustRun, waitUntil } from '../support/processes.js';
import { makeCertificate } from '../support/start.js';
import { attacked, type RawClient, rawLogin } from './attacked.js';

const SESSIONS = 200;

/** The certificate that a new client sees. */
function fingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.end();
    });
    socket.resume();
    socket.once('error', reject);
  });
}

/** Several login processes accept; so many connections meet all of them. */
async function isSeenByAll(port: number, expected: string): Promise<boolean> {
  const seen = await Promise.all(Array.from({ length: 20 }, () => fingerprint(port)));
  return seen.every((each) => each === expected);
}

/** Keeps a session busy until it is told to end; how many commands were answered. */
async function work(client: RawClient, isOver: () => boolean): Promise<number> {
  let number = 0;
  for (; !isOver(); number += 1) {
    client.send(`w${number} FETCH 1:* (FLAGS BODY.PEEK[])\r\n`);
    await client.until(`w${number} OK`);
    await client.until('\r\n');
    await delay(50);
  }
  return number;
}

test('attack 12: 200 sessions at work live through new certificates and a broken one; metrics and status show it', async () => {
  const metricsPort = await freePort();
  const settings = { METRICSPORT: String(metricsPort), MAXPERACCOUNT: '1000', MAXRATEPERIP: '100000' };
  await attacked({ settings }, async ({ ours, assertAlive }) => {
    const { configuration, tlsPort } = ours;
    const file = join(configuration, 'imapd.pem');
    const metric = async (name: string): Promise<number> => {
      const page = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
      return Number(new RegExp(`^\\w*${name} (\\S+)$`, 'm').exec(page)?.[1]);
    };
    const first = await fingerprint(tlsPort);
    const failures = await metric('tls_certificate_failures_total');
    const clients: RawClient[] = [];
    for (let number = 0; number < SESSIONS; number += 1) {
      const client = await rawLogin(tlsPort, number % 2 === 0 ? 'alice' : 'bob', 'TLS');
      client.send('s SELECT INBOX\r\n');
      await client.until(/s OK.*\r\n/);
      clients.push(client);
    }
    let isOver = false;
    // A fifth is at work, the others are idle and asked at the end.
    const working = Promise.all(clients.slice(0, SESSIONS / 5).map((client) => work(client, () => isOver)));
    working.catch(() => undefined);

    const renew = async (): Promise<string> => {
      await makeCertificate(`${file}.next`);
      renameSync(`${file}.next`, file);
      const { fingerprint256 } = new X509Certificate(readFileSync(file));
      await waitUntil('new connections have it', () => isSeenByAll(tlsPort, fingerprint256));
      return fingerprint256;
    };
    const second = await renew();
    const third = await renew();
    assert.equal(new Set([first, second, third]).size, 3);

    const whole = readFileSync(file);
    // At once: a file that is only begun would be one more that is broken.
    writeFileSync(`${file}.next`, whole.subarray(0, whole.length / 2));
    renameSync(`${file}.next`, file);
    await waitUntil('the log says so', () => /: TLS: .*imapd\.pem .*read before stays in use/.test(ours.log()));
    assert.equal(await fingerprint(tlsPort), third);
    assert.equal(await metric('tls_certificate_failures_total'), failures + 1);
    assert.ok((await metric('tls_certificate_expiry_timestamp_seconds')) > Date.now() / 1000);
    const control = [join(programs, 'imapd'), '--control', 'status'];
    const status = await mustRun(control, { environment: { COURIER_CONFDIR: configuration } });
    assert.match(status, /^certificate file=\S+imapd\.pem until=\S+ an earlier one is in use: /m);
    assert.equal((ours.log().match(/read before stays in use/g) ?? []).length, 1);
    writeFileSync(file, whole);

    isOver = true;
    for (const count of await working) assert.ok(count > 0);
    for (const client of clients) client.send('n NOOP\r\n');
    for (const client of clients) await client.until(/n OK.*\r\n/);
    assert.equal(clients.filter(({ closed }) => closed).length, 0);
    for (const client of clients) client.close();
    await assertAlive();
  });
});
