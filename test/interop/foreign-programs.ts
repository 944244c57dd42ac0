/**
 * Other programs at work in a maildir: maildrop, safecat's way of delivering, mv, rm, cp, and the renames by which mutt
 * sets flags. Each step is a program of its own, run as the mail user. Knows no IMAP.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { mailIds } from '../support/peer-targets.js';
import { findProgram, type RunOptions, run } from '../support/processes.js';
import type { VersionedMail } from './versioned-mail.js';

const STEPS_PER_SECOND = 25;

/** How many files of what kind there are to begin with. */
export interface ForeignCounts {
  readonly ordinary: number;
  readonly restorable: number;
}

export class ForeignPrograms {
  readonly #maildir: string;
  readonly #beside: string;
  readonly #mail: VersionedMail;
  readonly #filter: string;
  #number = 0;
  /** The latest version of each restorable message. */
  readonly #versions: number[];
  /** How often each program did something. */
  readonly done: Record<string, number> = {};

  /** Fills the maildir. `beside` is a directory on the same disk: the backup. */
  constructor(maildir: string, beside: string, mail: VersionedMail, { ordinary, restorable }: ForeignCounts) {
    this.#maildir = maildir;
    this.#beside = beside;
    this.#mail = mail;
    mkdirSync(beside);
    this.#own(beside);
    this.#filter = join(beside, 'filter');
    writeFileSync(this.#filter, `to "${maildir}"\n`);
    chmodSync(this.#filter, 0o600);
    this.#own(this.#filter);
    for (let i = 0; i < ordinary; i += 1) {
      const { octets } = mail.ordinary();
      this.#write(
        join(maildir, 'cur', `${1_600_000_000 + i}.P1Q${i}.mx,S=${octets.length}:2,${i % 3 === 0 ? '' : 'S'}`),
        octets,
      );
    }
    this.#versions = Array.from({ length: restorable }, () => 0);
    for (let i = 0; i < restorable; i += 1) this.#write(this.#restorableFile(i), mail.restorable(i, 0).octets);
  }

  /** Does something every few milliseconds until the time is over. */
  async work(until: number): Promise<void> {
    const steps = [
      () => this.#maildrop(),
      () => this.#safecat(),
      () => this.#remove(),
      () => this.#moveAway(),
      () => this.#moveBack(),
      () => this.#flag(),
      () => this.#restore(),
      () => this.#restore(),
    ];
    for (let step = 0; performance.now() < until; step += 1) {
      await steps[step % steps.length]?.();
      await delay(1000 / STEPS_PER_SECOND);
    }
  }

  /** What lies in the maildir now: X-Name of every message file. */
  names(folder = ''): string[] {
    return ['new', 'cur'].flatMap((directory) =>
      readdirSync(join(this.#maildir, folder, directory)).map((filename) => {
        const text = readFileSync(join(this.#maildir, folder, directory, filename), 'latin1');
        return /^X-Name: (\S+)$/m.exec(text)?.[1] ?? '';
      }),
    );
  }

  async #maildrop(): Promise<void> {
    await this.#run('maildrop', [findProgram('/usr/bin/maildrop'), this.#filter], {
      input: this.#mail.ordinary().octets,
    });
  }

  async #safecat(): Promise<void> {
    this.#number += 1;
    const name = `${Math.floor(Date.now() / 1000)}.P${process.pid}Q${this.#number}.mx`;
    const script = 'cat >"$0/tmp/$1" && mv "$0/tmp/$1" "$0/new/$1"';
    await this.#run('safecat', ['/bin/sh', '-c', script, this.#maildir, name], { input: this.#mail.ordinary().octets });
  }

  async #remove(): Promise<void> {
    const filename = this.#someFile();
    if (filename !== undefined) await this.#run('rm', ['/bin/rm', '-f', join(this.#maildir, 'cur', filename)]);
  }

  async #moveAway(): Promise<void> {
    const filename = this.#someFile();
    if (filename === undefined) return;
    const target = this.#number % 2 === 0 ? join(this.#maildir, '.Other', 'cur') : this.#beside;
    this.#number += 1;
    await this.#run('mv away', ['/bin/mv', join(this.#maildir, 'cur', filename), target]);
  }

  async #moveBack(): Promise<void> {
    const filename = readdirSync(this.#beside).find((name) => name.includes('.mx'));
    if (filename === undefined) return;
    await this.#run('mv back', ['/bin/mv', join(this.#beside, filename), join(this.#maildir, 'cur')]);
  }

  /** As mutt sets a flag: the file gets another name. */
  async #flag(): Promise<void> {
    const filename = this.#someFile();
    if (filename === undefined) return;
    const [unique = '', letters = ''] = filename.split(':2,');
    const flagged = letters.includes('F') ? letters.replace('F', '') : [...letters, 'F'].sort().join('');
    const cur = join(this.#maildir, 'cur');
    await this.#run('flag', ['/bin/mv', join(cur, filename), join(cur, `${unique}:2,${flagged}`)]);
  }

  /** Another version comes back from the backup under the same name, with the same length and the same time. */
  async #restore(): Promise<void> {
    const number = Math.floor(Math.random() * this.#versions.length);
    const version = (this.#versions[number] ?? 0) + 1;
    this.#versions[number] = version;
    const file = this.#restorableFile(number);
    const backup = join(this.#beside, `backup${number}`);
    writeFileSync(backup, this.#mail.restorable(number, version).octets);
    this.#own(backup);
    const script = 'touch -r "$1" "$0" && cp -p "$0" "$0.copy" && mv "$0.copy" "$1"';
    await this.#run('restore', ['/bin/sh', '-c', script, backup, file]);
  }

  async #run(what: string, command: readonly string[], options: RunOptions = {}): Promise<void> {
    const { uid, gid } = mailIds();
    const asMailUser = process.getuid?.() === 0 ? { uid, gid } : {};
    const environment = { HOME: this.#beside, LOGNAME: 'vmail' };
    const { exitCode, stderr } = await run(command, { ...options, ...asMailUser, environment });
    // Somebody else was quicker: it has another name now.
    if (exitCode !== 0 && !/No such file/.test(stderr)) throw new Error(`${what}: ${stderr}`);
    if (exitCode === 0) this.done[what] = (this.done[what] ?? 0) + 1;
  }

  /** An ordinary message in `cur`. */
  #someFile(): string | undefined {
    const names = readdirSync(join(this.#maildir, 'cur')).filter((name) => !name.includes('kept'));
    return names[Math.floor(Math.random() * names.length)];
  }

  /** It is never renamed: nobody changes its flags. */
  #restorableFile(number: number): string {
    return join(this.#maildir, 'cur', `${1_500_000_000 + number}.kept${number}.mx:2,S`);
  }

  #write(path: string, octets: Buffer): void {
    if (existsSync(path)) throw new Error(`${path} is there`);
    writeFileSync(path, octets, { mode: 0o600 });
    this.#own(path);
  }

  #own(path: string): void {
    const { uid, gid } = mailIds();
    if (process.getuid?.() === 0) chownSync(path, uid, gid);
  }
}
