/**
 * vpopmail's domains: qmail's list `users/assign` where there is one, else the directories below `domains/`.
 *
 *     +example.com-:example.com:89:89:/home/vpopmail/domains/example.com:-::
 *     +alias.com-:example.com:89:89:/home/vpopmail/domains/example.com:-::
 *
 * Both lines mean the domain example.com, with uid and gid 89.
 */
import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import type { VpopmailSettings } from './settings.js';

/** A domain with its accounts' ids. */
export interface VpopmailDomain {
  /** The one that accounts are named by, also for an alias. */
  readonly name: string;
  readonly directory: string;
  readonly uid: number;
  readonly gid: number;
}

interface Assigned {
  readonly path: string;
  readonly stamp: string;
  readonly domains: ReadonlyMap<string, VpopmailDomain>;
}

/** Finds domains; keeps what it read as long as the list is the same. */
export class VpopmailDomains {
  #assigned: Assigned | undefined;

  /** Finds a domain by its name in lower case, or an alias. @throws {Error} when the files cannot be read */
  find(name: string, settings: VpopmailSettings): VpopmailDomain | undefined {
    if (!isDomainName(name)) return undefined;
    return this.#list(settings.assignPath)?.get(name) ?? this.#below(name, settings);
  }

  /** Lists the domains, each once. @throws {Error} */
  all(settings: VpopmailSettings): VpopmailDomain[] {
    const found = new Map<string, VpopmailDomain>();
    for (const name of namesIn(join(settings.home, 'domains'))) {
      const domain = isDomainName(name) ? this.#below(name, settings) : undefined;
      if (domain !== undefined) found.set(domain.directory, domain);
    }
    // The list knows better whose they are.
    for (const domain of this.#list(settings.assignPath)?.values() ?? []) found.set(domain.directory, domain);
    return [...found.values()];
  }

  /** A domain that stands in no list: its directory's owner is vpopmail. */
  #below(name: string, { home }: VpopmailSettings): VpopmailDomain | undefined {
    const directory = join(home, 'domains', name);
    const state = statSync(directory, { throwIfNoEntry: false });
    return state?.isDirectory() === true ? { name, directory, uid: state.uid, gid: state.gid } : undefined;
  }

  #list(path: string): ReadonlyMap<string, VpopmailDomain> | undefined {
    const state = statSync(path, { throwIfNoEntry: false });
    if (state === undefined) return undefined;
    const stamp = fileStamp(state);
    if (this.#assigned?.path !== path || this.#assigned.stamp !== stamp) {
      this.#assigned = { path, stamp, domains: parseAssign(readFileSync(path, 'utf8')) };
    }
    return this.#assigned.domains;
  }
}

/** Another text whenever a file has changed. */
export function fileStamp({ ino, size, mtimeMs }: Stats): string {
  return `${ino} ${size} ${mtimeMs}`;
}

function parseAssign(text: string): Map<string, VpopmailDomain> {
  const domains = new Map<string, VpopmailDomain>();
  for (const line of text.split('\n')) {
    const fields = /^\+([^:]+)-:([^:]+):(\d{1,10}):(\d{1,10}):(\/[^:]*):/.exec(line);
    if (fields === null) continue;
    const [, alias = '', name = '', uid, gid, directory = ''] = fields;
    domains.set(alias.toLowerCase(), { name: name.toLowerCase(), directory, uid: Number(uid), gid: Number(gid) });
  }
  return domains;
}

/** A name that can be a directory's, and nothing but one. */
function isDomainName(name: string): boolean {
  return /^[a-z0-9_-][a-z0-9._-]{0,252}$/.test(name) && !name.includes('..');
}

function namesIn(directory: string): string[] {
  // A site may have all its domains elsewhere.
  return statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true ? readdirSync(directory) : [];
}
