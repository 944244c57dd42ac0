/**
 * Makes one test of each transcript in a folder.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import { test } from 'node:test';
import { copyMaildir, type Scratch, scratchDirectory } from './maildir-fixture.js';
import { checkoutRoot, programs, searchPath } from './paths.js';
import { waitUntil } from './processes.js';
import type { Transcript } from './transcript.js';
import { headAssignments, headLine, parseTranscript } from './transcript.js';
import { noServer, playTranscript, TranscriptDeparture } from './transcript-player.js';
import type { MakeTarget } from './transcript-target.js';

/** All transcripts of a folder such as `test/imap/transcripts`, by name. */
export function readTranscripts(folder: string): Transcript[] {
  const path = join(checkoutRoot, folder);
  const files = readdirSync(path).filter((filename) => filename.endsWith('.txt'));
  return files.sort().map((filename) => {
    const file = join(path, filename);
    return parseTranscript(relative(checkoutRoot, file), readFileSync(file, 'utf8'));
  });
}

/** `test/imap/transcripts/a-b.txt` → `a b`. */
function sentence(transcript: Transcript): string {
  return (transcript.name.split('/').at(-1) ?? '').replace(/\.txt$/, '').replaceAll('-', ' ');
}

/** Plays one transcript in a fresh copy of its maildir. */
export async function playOnce(transcript: Transcript, makeTarget: MakeTarget, departs = false): Promise<void> {
  const home = scratchDirectory('transcript');
  try {
    const maildir = join(home.path, 'Maildir');
    copyMaildir(headLine(transcript, 'Maildir') ?? 'empty', maildir);
    const settings = headAssignments(transcript, 'Settings');
    const options = headAssignments(transcript, 'Options');
    const accounts: Record<string, string> = {};
    for (const [name, fixture] of Object.entries(headAssignments(transcript, 'Accounts'))) {
      accounts[name] = join(home.path, name, 'Maildir');
      mkdirSync(join(home.path, name));
      copyMaildir(fixture, accounts[name]);
    }
    const users = headAssignments(transcript, 'Users');
    const target = await makeTarget({ maildir, settings, options, accounts, users });
    try {
      await playTranscript(transcript, target, { directory: maildir, environment: {}, departs });
    } finally {
      await target.close();
    }
  } finally {
    await removeWhenQuiet(home);
  }
}

/** A mail worker may still write a file of a session that has just ended, after its directory was emptied. */
export async function removeWhenQuiet(scratch: Scratch): Promise<void> {
  await waitUntil('nobody writes there any more', () => {
    try {
      scratch.remove();
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
      throw error;
    }
  });
}

export interface TranscriptTestOptions {
  /** Said after the name of each test: `, over TLS`. */
  readonly suffix?: string;
  /** Transcripts that this target is not for. */
  readonly leaveOut?: (transcript: Transcript) => boolean;
}

/** One test for each transcript in the folder. */
export function transcriptTests(folder: string, makeTarget: MakeTarget, options: TranscriptTestOptions = {}): void {
  for (const transcript of readTranscripts(folder)) {
    if (options.leaveOut?.(transcript) === true) continue;
    test(`${sentence(transcript)}${options.suffix ?? ''}`, () => playOnce(transcript, makeTarget));
  }
}

/**
 * The same against another server. A head line with its name (`Courier: says NO where the RFC says BAD`) explains a
 * difference: then there must be one, else the line is a lie. `Peers: none, …` leaves the transcript out.
 */
export function peerTranscriptTests(folder: string, peer: 'Courier' | 'Dovecot', makeTarget: MakeTarget): void {
  for (const transcript of readTranscripts(folder)) {
    const leftOut = headLine(transcript, 'Peers');
    if (leftOut !== undefined) {
      if (!/^none\W+\w+/.test(leftOut)) throw new Error(`${transcript.name}: Peers: none needs a reason`);
      continue;
    }
    // The shared index is Courier's.
    if (peer === 'Dovecot' && headLine(transcript, 'Accounts') !== undefined) continue;
    test(`${peer}: ${sentence(transcript)}`, async (context) => {
      const reason = headLine(transcript, peer);
      if (reason === undefined) return playOnce(transcript, makeTarget);
      if (reason.length < 10) throw new Error(`${transcript.name}: ${peer}: needs a reason`);
      const departure = await playOnce(transcript, makeTarget, true).catch((error: unknown) => error);
      if (departure === undefined) throw new Error(`${transcript.name}: ${peer} does the same; take the line out`);
      if (!(departure instanceof TranscriptDeparture)) throw departure;
      context.diagnostic(`${peer} differs: ${reason}`);
    });
  }
}

/** Transcripts of command-line tools: each runs in an empty directory, `Maildir: NAME` puts a copy at ./Maildir. */
export function toolTranscriptTests(folder: string): void {
  for (const transcript of readTranscripts(folder)) {
    test(sentence(transcript), async () => {
      const scratch = scratchDirectory('tools');
      try {
        const fixture = headLine(transcript, 'Maildir');
        if (fixture !== undefined) copyMaildir(fixture, join(scratch.path, 'Maildir'));
        mkdirSync(join(scratch.path, 'etc'));
        const path = [programs, searchPath].join(delimiter);
        const environment = { PATH: path, HOME: scratch.path, COURIER_CONFDIR: join(scratch.path, 'etc') };
        const settings = headAssignments(transcript, 'Settings');
        const place = { directory: scratch.path, environment: { ...environment, ...settings } };
        await playTranscript(transcript, noServer, place);
      } finally {
        scratch.remove();
      }
    });
  }
}
