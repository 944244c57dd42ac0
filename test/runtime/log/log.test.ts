/**
 * Log lines: Courier's wording in every destination, one line each, whatever stands in them.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeBug, logLine, logValue, MAX_LOG_LINE_CHARACTERS } from '../../../init/runtime/log/log.js';
import { openLog } from '../../../init/runtime/log/log-destinations.js';
import { serviceManager } from '../../../init/runtime/service/service-manager.js';

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'log-'));
  try {
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test('attacks 84: no value ends its line, or looks like the next value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      assert.doesNotMatch(logValue(text), /[\s,=[\]\u0000-\u001f\u007f\u0085\u2028\u2029]/u);
      assert.doesNotMatch(logLine(text), /[\u0000-\u001f\u007f\u0085\u2028\u2029]/u);
    }),
  );
  assert.equal(logValue('bob@example.com'), 'bob@example.com');
  assert.ok(logLine('x'.repeat(100_000)).length <= MAX_LOG_LINE_CHARACTERS + 3);
  assert.doesNotMatch(describeBug(new Error('two\nlines'), 'test'), /\n/);
});

test('L5: a log file has lines as syslog writes them, and is opened again after it was rotated', async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, 'imapd.log');
    const log = await openLog({ destination: file, name: 'imapd', facility: 2, fallbackFile: file }, true);

    log.write('info', 'LOGIN, user=bob');
    log.write('notice', 'Disconnected');
    renameSync(file, `${file}.1`);
    log.write('warning', 'still the old one');
    log.reopen();
    log.write('error', 'a new one');

    const head = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ imapd\[\d+\]: /;
    const lines = readFileSync(`${file}.1`, 'utf8').trimEnd().split('\n');
    assert.ok(lines.every((line) => head.test(line)));
    assert.deepEqual(
      lines.map((line) => line.replace(head, '')),
      ['LOGIN, user=bob', 'NOTICE: Disconnected', 'still the old one'],
    );
    assert.equal(readFileSync(file, 'utf8').replace(head, ''), 'a new one\n');
  });
});

test('a log file that cannot be opened is named', async () => {
  const settings = { destination: '/nowhere/imapd.log', name: 'imapd', facility: 2, fallbackFile: '' };

  await assert.rejects(openLog(settings, true), /the log file \/nowhere\/imapd\.log cannot be opened \([A-Z]+\)/);
});

test('K4: readiness is told to systemd by a datagram', async () => {
  await inDirectory(async (directory) => {
    const path = join(directory, 'notify');
    const receive = 'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\n';
    const receiver = spawn('python3', [
      '-c',
      `${receive}print("bound", flush=True)\nprint(s.recv(100).decode())`,
      path,
    ]);
    receiver.stdout.setEncoding('utf8');
    let printed = '';
    receiver.stdout.on('data', (text: string) => {
      printed += text;
    });
    await once(receiver.stdout, 'data');

    process.env['NOTIFY_SOCKET'] = path;
    process.env['WATCHDOG_USEC'] = '3000000';
    const manager = await serviceManager();
    manager.tell('READY=1', 'STATUS=two\nlines');
    assert.equal(manager.watchdogMs, 3000);
    assert.deepEqual([process.env['NOTIFY_SOCKET'], process.env['WATCHDOG_USEC']], [undefined, undefined]);

    await once(receiver, 'close');
    assert.equal(printed, 'bound\nREADY=1\nSTATUS=two lines\n');
  });
});
