/**
 * Keys and certificates for connections to a database, from the files that the settings name. They are read for each
 * connection, so that a renewed certificate needs no restart.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../init/runtime/settings/settings-file.js';

/** Names of files; absent ones are not set. */
export interface TlsFiles {
  readonly key?: string;
  readonly certificate?: string;
  /** Certificates of authorities, one file. */
  readonly authorities?: string;
  /** A directory of such files. */
  readonly authoritiesDirectory?: string;
}

/** The files' contents, by the names of node:tls. */
export interface TlsMaterial {
  readonly key?: Buffer;
  readonly cert?: Buffer;
  readonly ca?: Buffer[];
}

/** More files than authorities there are: the directory is a wrong one. */
const MAX_AUTHORITY_FILES = 1000;

/** Reads the files. @throws {Error} of node:fs */
export function readTlsFiles({ key, certificate, authorities, authoritiesDirectory }: TlsFiles): TlsMaterial {
  const paths = authorities === undefined ? [] : [authorities];
  if (authoritiesDirectory !== undefined) paths.push(...filesIn(authoritiesDirectory));
  return {
    ...(key === undefined ? {} : { key: readFileSync(key) }),
    ...(certificate === undefined ? {} : { cert: readFileSync(certificate) }),
    ...(paths.length === 0 ? {} : { ca: paths.map((path) => readFileSync(path)) }),
  };
}

/** Adds a problem for each file that cannot be read; `nameOf` gives the setting that names it. */
export function checkTlsFiles(file: Settings, files: TlsFiles, nameOf: (kind: keyof TlsFiles) => string): void {
  for (const [kind, path] of Object.entries(files) as [keyof TlsFiles, string][]) {
    // What the settings name may not be there.
    try {
      accessSync(path, constants.R_OK);
    } catch (error) {
      const what = `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`;
      file.problem(nameOf(kind), what, 'name a file that authdaemond may read');
    }
  }
}

/** Is there a socket of this name? */
export function isThere(path: string): boolean {
  return existsSync(path);
}

function filesIn(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => /\.(pem|crt|cer|0)$/.test(name))
    .slice(0, MAX_AUTHORITY_FILES)
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
}
