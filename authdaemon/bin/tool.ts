/**
 * What the tools of authdaemon share: lines from standard input, passwords from a terminal, the daemon's client.
 */
import { readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { settingsDirectory } from '../../init/runtime/program.js';
import { Secret } from '../../init/runtime/secret.js';
import { AuthClient } from '../client.js';
import { textFromOctets } from '../octet-text.js';
import { readAuthdaemonSettings, socketPathOf } from '../settings.js';

/** A line longer than this is no password and no field. */
const MAX_LINE_OCTETS = 8192;
const INTERRUPT = 3;
const END_OF_INPUT = 4;
const ERASE = [8, 127];

/** Gives a client of the authdaemond that the settings name; `explain` asks how its answers come about. */
export function authClient(explain = false): AuthClient {
  const { directory } = readAuthdaemonSettings(settingsDirectory());
  return new AuthClient({ socketPath: socketPathOf(directory), explain });
}

/** Reads one line from standard input; undefined at its end. A terminal shows `prompt` and no typing. */
export async function askLine(prompt: string): Promise<string | undefined> {
  return isTerminal() ? askTerminal(prompt) : readLine();
}

/**
 * Asks for a new password: twice at a terminal until both are the same, else one line.
 *
 * Undefined when there is none.
 */
export async function askNewPassword(): Promise<Secret | undefined> {
  for (;;) {
    const first = await askLine('Password: ');
    if (first === undefined || !isTerminal()) return first === undefined ? undefined : new Secret(first);
    if ((await askLine('Reenter password: ')) === first) return new Secret(first);
  }
}

/** Not asked of process.stdin: that would make a pipe's reads end before its writer has written. */
function isTerminal(): boolean {
  return isatty(0);
}

function readLine(): string | undefined {
  const octets: number[] = [];
  const octet = Buffer.alloc(1);
  // One octet at a time: what follows the line belongs to the next reader.
  while (octets.length < MAX_LINE_OCTETS) {
    if (readSync(0, octet, 0, 1, null) === 0) {
      if (octets.length === 0) return undefined;
      break;
    }
    if (octet[0] === 0x0a) break;
    octets.push(octet[0] ?? 0);
  }
  return textFromOctets(Buffer.from(octets));
}

function askTerminal(prompt: string): Promise<string | undefined> {
  const { stdin } = process;
  process.stderr.write(prompt);
  stdin.setRawMode(true);
  stdin.resume();
  return new Promise((resolve) => {
    const typed: number[] = [];
    const settle = (line: string | undefined): void => {
      stdin.off('data', take);
      stdin.setRawMode(false);
      stdin.pause();
      process.stderr.write('\n');
      resolve(line);
    };
    const take = (octets: Buffer): void => {
      for (const octet of octets) {
        if (octet === INTERRUPT) process.exit(130);
        const lineEnd = octet === 0x0d || octet === 0x0a;
        if (lineEnd || (octet === END_OF_INPUT && typed.length === 0)) {
          settle(lineEnd ? textFromOctets(Buffer.from(typed)) : undefined);
          return;
        }
        if (ERASE.includes(octet)) typed.pop();
        else typed.push(octet);
      }
    };
    stdin.on('data', take);
  });
}
