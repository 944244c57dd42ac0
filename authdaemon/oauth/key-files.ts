/**
 * The public keys of a provider, from files: a JSON Web Key Set (RFC 7517), PEM keys and certificates, or a directory of
 * them. The name of a PEM file is its key's id. They are read again whenever a file has changed.
 */
import { createPublicKey } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { VerificationKey } from './jwt.js';
import { MAX_KEYS, readKeySet } from './key-set.js';

/** Keys below one path. */
export class KeyFiles {
  readonly #path: string;
  readonly #warn: (text: string) => void;
  #state = '';
  #keys: readonly VerificationKey[] = [];

  constructor(path: string, warn: (text: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  get path(): string {
    return this.#path;
  }

  /** Gives the keys of now. A file that is no key is told of, once, and the others are used. @throws when unreadable */
  current(): readonly VerificationKey[] {
    const files = filesOf(this.#path);
    const state = files.map((file) => stateOf(file)).join('\n');
    if (state === this.#state) return this.#keys;
    this.#keys = files.flatMap((file) => this.#read(file)).slice(0, MAX_KEYS);
    this.#state = state;
    return this.#keys;
  }

  #read(file: string): VerificationKey[] {
    const text = readFileSync(file, 'utf8');
    try {
      if (/^\s*\{/.test(text)) return readKeySet(text, (what) => this.#warn(`${file}: ${what}`));
      return [{ id: basename(file).replace(/\.[a-z]+$/i, ''), key: createPublicKey(text) }];
    } catch (error) {
      this.#warn(`${file} holds no public key, and is not used: ${error instanceof Error ? error.message : error}`);
      return [];
    }
  }
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => /\.(json|jwks?|pem|crt|pub|key)$/i.test(name));
  return names.sort().map((name) => join(path, name));
}

function stateOf(file: string): string {
  const { mtimeMs, size, ino } = statSync(file);
  return `${file} ${mtimeMs} ${size} ${ino}`;
}
