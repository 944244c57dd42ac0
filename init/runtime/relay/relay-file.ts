/**
 * Addresses that may relay, as a file: a table of Postfix's type `cidr`, which others can read as well.
 *
 *     192.0.2.7 1795000000          until when, in seconds since 1970; Postfix takes any number for OK
 *     2001:db8::7 1795000312
 *
 * It is replaced whole, by one rename, so nobody ever reads half of it.
 */
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { RelayPlace, Until } from './relay-addresses.js';

const HEAD =
  '# Addresses that logged in, and until when they may relay. Written by the mail server: changes are lost.\n';

/** A file of addresses. */
export class RelayFile implements RelayPlace {
  readonly name: string;
  readonly #path: string;

  constructor(name: string, path: string) {
    this.name = name;
    this.#path = path;
  }

  async load(): Promise<Until> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '';
      throw error;
    });
    const found = [...text.matchAll(/^([0-9a-f.:]+) (\d{1,12})$/gm)];
    return new Map(found.map(([, address = '', seconds]) => [address, Number(seconds) * 1000]));
  }

  async write(all: Until): Promise<void> {
    const lines = [...all].map(([address, until]) => `${address} ${Math.ceil(until / 1000)}\n`);
    await this.#replace(`${HEAD}${lines.join('')}`);
  }

  async end(): Promise<void> {
    await this.#replace(HEAD);
  }

  async #replace(text: string): Promise<void> {
    const unfinished = join(dirname(this.#path), `.${basename(this.#path)}.${process.pid}`);
    await rm(unfinished, { force: true });
    await writeFile(unfinished, text, { mode: 0o644, flag: 'wx' });
    await rename(unfinished, this.#path);
  }
}
