/**
 * The accounts as they are while a batch is worked through, and which directories belong to more than one of them. Pure.
 */
import { dirname } from 'node:path';
import { type BrokenRecord, type KeptAccount, maildirPath } from './account-book.js';

/** Accounts by their names, kept up to date by whoever changes them. */
export class KnownAccounts {
  readonly #records = new Map<string, KeptAccount | BrokenRecord>();
  readonly #usualMaildir: string;
  /** How many accounts have their home or their maildir at a directory or below. */
  readonly #users = new Map<string, number>();

  constructor(records: Iterable<KeptAccount | BrokenRecord>, usualMaildir: string) {
    this.#usualMaildir = usualMaildir;
    for (const record of records) this.add(record);
  }

  get(name: string): KeptAccount | BrokenRecord | undefined {
    return this.#records.get(name);
  }

  add(record: KeptAccount | BrokenRecord): void {
    this.#records.set(record.name, record);
    this.#count(record, 1);
  }

  remove(name: string): void {
    const record = this.#records.get(name);
    if (record !== undefined) this.#count(record, -1);
    this.#records.delete(name);
  }

  /** Does another account than this one have its home or maildir at `directory` or below? */
  isSharedPlace(directory: string, own: KeptAccount): boolean {
    const mine = this.#placesOf(own).has(directory) && this.#records.get(own.name) === own ? 1 : 0;
    return (this.#users.get(directory) ?? 0) > mine;
  }

  *accounts(): Iterable<KeptAccount> {
    for (const record of this.#records.values()) if (!('broken' in record)) yield record;
  }

  #count(record: KeptAccount | BrokenRecord, by: number): void {
    if ('broken' in record) return;
    for (const place of this.#placesOf(record)) this.#users.set(place, (this.#users.get(place) ?? 0) + by);
  }

  /** Its home, its maildir, and everything above them. */
  #placesOf(account: KeptAccount): Set<string> {
    const places = new Set<string>();
    for (const start of [account.home.replace(/(?<=.)\/+$/, ''), maildirPath(account, this.#usualMaildir)]) {
      for (let place = start; !places.has(place); place = dirname(place)) places.add(place);
    }
    return places;
  }
}
