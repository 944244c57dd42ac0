/**
 * The access file as Debian's Courier reads it (H2): the same file, compiled by its makedat, before its couriertcpd, and
 * read by ours as it stands, lets in the same addresses.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AccessRules, readAccessFile } from '../../init/runtime/limits/access-file.js';
import { findProgram, freePort, mustRun, waitUntil } from '../support/processes.js';

const LINES = [
  '# comment',
  '127.0.0.2\tdeny',
  '127.0.3\tdeny',
  '127.0.3.9\tallow',
  '127.1\tdeny',
  '127.1.7\tallow,MAXCPERIP=5,BLOCK',
  '127.7\tdeny,with more',
  '127.7.7.7',
  '127.8\tallowed=1',
  '127.9\tDENY',
  ':0000:0000:0000:0000:0000:0000:0000:0001\tdeny',
  '',
];

const ADDRESSES = [
  ...['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.20', '127.0.3.1', '127.0.3.9', '127.0.30.1', '127.1.2.3'],
  ...['127.1.7.1', '127.10.0.1', '127.7.1.1', '127.7.7.7', '127.8.1.1', '127.9.1.1', '::1'],
];

/** Whether couriertcpd lets an address in: its program says so. */
function isLetIn(port: number, from: string): Promise<boolean> {
  const host = from.includes(':') ? '::1' : '127.0.0.1';
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect({ port, host, localAddress: from });
    socket.on('data', (octets: Buffer) => {
      received += octets.toString();
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received.startsWith('in')));
  });
}

for (const rest of [[], ['*\tdeny'], ['*\tallow']]) {
  test(`H2: who is let in is the same as with Courier, ${rest[0]?.replace('\t', ' ') ?? 'without a line for all'}`, async () => {
    const directory = mkdtempSync(join(tmpdir(), 'access-'));
    const [port, port6] = [await freePort(), await freePort()];
    const file = join(directory, 'access');
    writeFileSync(file, [...LINES, ...rest, ''].join('\n'));
    const compiled = [`-src=${file}`, `-file=${file}.dat`, `-tmp=${file}.tmp`];
    await mustRun([findProgram('/usr/bin/makedat.courier'), ...compiled, '-cidr']);
    const options = ['-address=127.0.0.1', `-access=${file}.dat`, '-nodnslookup', '-noidentlookup', '-maxperip=20'];
    const words = [...options, `127.0.0.1.${port},::1.${port6}`, '/bin/echo', 'in'];
    const courier = spawn(findProgram('/usr/sbin/couriertcpd'), words, { stdio: 'ignore', detached: true });
    const ended = new Promise((resolve) => courier.once('close', resolve));
    try {
      await waitUntil('it listens', async () => await isLetIn(port, '127.0.3.9').catch(() => false));
      const theirs: string[] = [];
      for (const from of ADDRESSES) if (await isLetIn(from === '::1' ? port6 : port, from)) theirs.push(from);
      const { rules, problems } = readAccessFile(file);
      const access = new AccessRules(rules);

      assert.deepEqual(problems, []);
      assert.deepEqual(
        ADDRESSES.filter((address) => access.ruleFor(address)?.isDenied !== true),
        theirs,
      );
    } finally {
      if (courier.pid !== undefined) process.kill(courier.pid, 'SIGTERM');
      await ended;
      rmSync(directory, { recursive: true });
    }
  });
}
