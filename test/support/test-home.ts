/**
 * The home of `bob` for tests of whole servers: a maildir that belongs to the mail user, and directories beside it for
 * what the test starts. It knows no server.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyMaildir, type Scratch, scratchDirectory } from './maildir-fixture.js';
import { giveToMailUser } from './peer-targets.js';

interface HomeOptions {
  /** The one of test/maildirs that bob gets. */
  readonly maildir?: string;
  /** Folders that it has besides, as their directories are called: `.Other`. */
  readonly folders?: readonly string[];
}

/** A home in a scratch directory of its own. */
export class TestHome {
  readonly home: string;
  readonly maildir: string;
  readonly #scratch: Scratch;

  constructor(name: string, { maildir = 'empty', folders = [] }: HomeOptions = {}) {
    this.#scratch = scratchDirectory(name);
    this.home = this.beside('bob');
    mkdirSync(this.home);
    this.maildir = join(this.home, 'Maildir');
    copyMaildir(maildir, this.maildir);
    for (const folder of folders) {
      for (const part of ['tmp', 'new', 'cur']) mkdirSync(join(this.maildir, folder, part), { recursive: true });
      writeFileSync(join(this.maildir, folder, 'maildirfolder'), '');
    }
    this.give();
  }

  /** The account for startOurs() and the peers. */
  get user(): { readonly name: 'bob'; readonly home: string } {
    return { name: 'bob', home: this.home };
  }

  /** A path in the scratch directory where nothing is yet. */
  beside(name: string): string {
    return join(this.#scratch.path, name);
  }

  /** Makes an empty directory beside the home. */
  directory(name: string): string {
    mkdirSync(this.beside(name));
    return this.beside(name);
  }

  /** Makes what the test itself has put into the maildir the mail user's own. */
  give(): void {
    giveToMailUser(this.home);
  }

  remove(): void {
    this.#scratch.remove();
  }
}
