/** `imapd MAILDIR`: one session on standard input and output, as over ssh. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, scratchDirectory } from '../support/maildir-fixture.js';
import { programs } from '../support/paths.js';

interface Outcome {
  readonly output: string;
  readonly errors: string;
  readonly exitCode: number | null;
}

/** Runs imapd in an empty directory with a copy of `one-unread` at ./Maildir. */
async function run(argument: string, input: string): Promise<Outcome> {
  const scratch = scratchDirectory('preauth');
  try {
    copyMaildir('one-unread', join(scratch.path, 'Maildir'));
    const environment = { PATH: process.env['PATH'], COURIER_CONFDIR: scratch.path, TCPREMOTEIP: '192.0.2.7' };
    const child = spawn(join(programs, 'imapd'), [argument], { cwd: scratch.path, env: environment });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (octets: Buffer) => {
      output += octets.toString('latin1');
    });
    child.stderr.on('data', (octets: Buffer) => {
      errors += octets.toString('latin1');
    });
    child.stdin.end(input);
    const exitCode = await new Promise<number | null>((resolve) => {
      child.once('close', resolve);
    });
    return { output: output.replaceAll('\r\n', '\n'), errors, exitCode };
  } finally {
    scratch.remove();
  }
}

test('a client that is logged in already is greeted with PREAUTH', async () => {
  const { output, errors, exitCode } = await run('./Maildir', 'a SELECT INBOX\r\nb LOGOUT\r\n');

  assert.match(output, /^\* PREAUTH \[CAPABILITY IMAP4rev1 [^\]]*\] Ready\.\n/);
  assert.match(output, /\n\* 1 EXISTS\n(.*\n)*a OK \[READ-WRITE\] Ok\n\* BYE .*\nb OK .*\n$/);
  assert.match(errors, /^INFO: LOGIN, user=.*, ip=\[192\.0\.2\.7\], port=\[0\], protocol=IMAP\nINFO: LOGOUT, user=/);
  assert.equal(exitCode, 0);
});

test('what is no maildir is said to be none', async () => {
  const { output, errors, exitCode } = await run('./Missing', '');

  assert.equal(output, '');
  assert.match(errors, /^imapd: .*\/Missing: not a maildir\n$/);
  assert.equal(exitCode, 1);
});
