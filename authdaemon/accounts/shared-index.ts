/**
 * The index of shared maildirs (IMAP_SHAREDINDEXFILE): names of accounts in it, and what clients see of them.
 *
 *     ann@example.com<TAB>5000<TAB>5000<TAB>/home/vmail/ann<TAB>./Maildir
 *     staff<TAB>*<TAB>index-staff                                          another index, in the same directory
 *
 * Format and munging: courier.md 2.13. The files are the administrator's, and replaced whole.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { octetsFromText, textFromOctets } from '../octet-text.js';
import type { KeptAccount } from './account-book.js';
import type { NewNames } from './names-in-mail.js';

/** Groups inside groups: more is a loop. */
const MAX_DEPTH = 10;

/** An account of the index. */
export interface IndexedAccount extends KeptAccount {
  /** As clients see it: `#shared.staff.ann`. */
  readonly folder: string;
}

/** The index as files. */
export class SharedIndex {
  readonly #path: string;
  readonly #isMunged: boolean;

  constructor(path: string, isMunged: boolean) {
    this.#path = path;
    this.#isMunged = isMunged;
  }

  /** All accounts of the index and of the groups in it; a file that is not there has none. */
  accounts(): IndexedAccount[] {
    const found: IndexedAccount[] = [];
    this.#walk((lines, group) => {
      for (const [name = '', uid, gid, home = '', maildir = ''] of lines) {
        if (uid === '*' || home === '') continue;
        const account = { name, uid: Number(uid), gid: Number(gid), home, maildir };
        found.push({ ...account, folder: [...group, munge(name, this.#isMunged)].join('.') });
      }
    });
    return found;
  }

  /** How the beginning of shared folders' names changes with the names of accounts. */
  prefixes(names: NewNames): Map<string, string> {
    const changed = new Map<string, string>();
    for (const { name, folder } of this.accounts()) {
      const to = names.get(name);
      if (to === undefined) continue;
      const end = folder.length - munge(name, this.#isMunged).length;
      changed.set(folder, `${folder.slice(0, end)}${munge(to, this.#isMunged)}`);
    }
    return changed;
  }

  /** Writes new names into the index, and new places; accounts without a new name are left out from now on. */
  rename(names: NewNames, accountOf: (name: string) => KeptAccount | { readonly broken: string } | undefined): void {
    this.#walk((_, __, path, text) => {
      const after = text
        .split('\n')
        .flatMap((line) => {
          const [name = '', uid, gid, ...rest] = line.split('\t');
          if (!names.has(name) || uid === '*' || rest.length === 0) return [line];
          const to = names.get(name);
          if (to === undefined) return [];
          const account = accountOf(to);
          const isKnown = account !== undefined && !('broken' in account);
          const fields = isKnown ? [account.home, account.maildir || './Maildir', ...rest.slice(2)] : rest;
          return [[to, uid, gid, ...fields].join('\t')];
        })
        .join('\n');
      if (after !== text) replaceFile(path, after);
    });
  }

  #walk(use: (lines: string[][], group: string[], path: string, text: string) => void): void {
    const seen = new Set<string>();
    const visit = (path: string, group: string[]): void => {
      if (seen.has(path) || group.length > MAX_DEPTH) return;
      seen.add(path);
      if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
      const text = textFromOctets(readFileSync(path));
      const lines = text.split('\n').flatMap((line) => {
        const fields = line.replace(/#.*/, '').trimEnd().split('\t');
        return fields.length < 3 ? [] : [fields];
      });
      use(lines, group, path, text);
      for (const [name = '', kind, file = ''] of lines) {
        if (kind === '*') visit(join(dirname(path), file), [...group, munge(name, this.#isMunged)]);
      }
    };
    visit(this.#path, ['#shared']);
    // The account option sharedgroup is the end of a file's name.
    for (const path of this.#others()) visit(path, ['#shared']);
  }

  #others(): string[] {
    const [directory, start] = [dirname(this.#path), basename(this.#path)];
    if (lstatSync(directory, { throwIfNoEntry: false }) === undefined) return [];
    const names = readdirSync(directory).filter((name) => name.startsWith(start) && /^[^~]*$/.test(name));
    return names.map((name) => join(directory, name));
  }
}

function munge(name: string, isMunged: boolean): string {
  if (!isMunged) return name.replace(/[./]/g, ' ');
  return name.replaceAll('\\', '\\\\').replaceAll('.', '\\:').replaceAll('/', '\\;');
}

function replaceFile(path: string, text: string): void {
  const { mode, uid, gid } = lstatSync(path);
  const unfinished = join(dirname(path), '.authaccounts.tmp');
  const file = openSync(unfinished, 'w', 0o600);
  try {
    fchmodSync(file, mode & 0o7777);
    if (process.geteuid?.() === 0) fchownSync(file, uid, gid);
    const octets = octetsFromText(text);
    for (let done = 0; done < octets.length; ) done += writeSync(file, octets, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, path);
}
