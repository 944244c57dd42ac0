/**
 * Tells when the files of TLS have changed, by rename or in place. They are looked at, not listened to: that sees a
 * change behind a symbolic link, too, and on a disk of the network.
 */
import { readdirSync, type Stats, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { TlsSettings } from './tls-helpers.js';

/** How often the files are looked at; less often where there are so many that it takes long. */
const LOOK_MS = 1_000;
const MOST_LOOK_MS = 5_000;
const LOOK_PART = 0.05;

/** Watches the files that the settings name. */
export class TlsWatch {
  readonly #look: () => void;
  #timer: NodeJS.Timeout | undefined;
  #settings: TlsSettings | undefined;
  /** How the files were when they were read, and when they were looked at last. */
  #known = '';
  #seen = '';

  /** @param changed Called when the files have changed, and have been at rest since the last look. */
  constructor(changed: () => void, always: () => void) {
    this.#look = () => {
      const begun = performance.now();
      const hasChanged = this.#hasChanged();
      const took = performance.now() - begun;
      const pause = Math.min(Math.max(LOOK_MS, took / LOOK_PART), MOST_LOOK_MS);
      this.#timer = setTimeout(this.#look, pause).unref();
      always();
      if (hasChanged) changed();
    };
  }

  /** The files are about to be read: what changes from now on is a change. */
  follow(settings: TlsSettings): void {
    this.#settings = settings;
    this.#known = stateOf(settings);
    this.#seen = this.#known;
    this.#timer ??= setTimeout(this.#look, LOOK_MS).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #hasChanged(): boolean {
    if (this.#settings === undefined) return false;
    const state = stateOf(this.#settings);
    // Somebody may be in the middle of writing: wait until nothing changes from one look to the next.
    const isAtRest = state === this.#seen;
    this.#seen = state;
    return isAtRest && state !== this.#known;
  }
}

/** All that changes when one of the files does. */
function stateOf(settings: TlsSettings): string {
  const { certificateFile, privateKeyFile, ocspFile, dhParametersFile, trustedCertificates } = settings;
  const families = [certificateFile, privateKeyFile, ocspFile].filter((file) => file !== undefined);
  const files = [...families.flatMap(family), dhParametersFile, trustedCertificates];
  return files.map((file) => (file === undefined ? '' : `${file} ${stateOfFile(file)}`)).join('\n');
}

/** A file and those with something appended. */
function family(file: string): string[] {
  const directory = dirname(file);
  const prefix = `${basename(file)}.`;
  try {
    const names = readdirSync(directory).filter((name) => name.startsWith(prefix));
    return [file, ...names.sort().map((name) => `${directory}/${name}`)];
  } catch {
    return [file];
  }
}

function stateOfFile(file: string): string {
  let status: Stats;
  try {
    status = statSync(file);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
  return `${status.dev} ${status.ino} ${status.size} ${status.mtimeMs} ${status.ctimeMs}`;
}
