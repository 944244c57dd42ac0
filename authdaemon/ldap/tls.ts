/**
 * TLS to directory servers: the LDAPTLS_… settings of authdaemonrc, as OpenLDAP's library knows them, and what node:tls
 * makes of them.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { Settings, WithoutEffect } from '../../init/runtime/settings/settings-file.js';

/** The settings, read. Files are read when a connection is made. */
export interface LdapTls {
  /** PEM file with the authorities to be believed. Absent: the system's. */
  readonly authoritiesFile?: string;
  /** Is a server refused whose certificate does not fit? */
  readonly verify: boolean;
  /** Certificate and key for servers that want one. */
  readonly certificateFile?: string;
  readonly keyFile?: string;
}

/** Without any setting. */
export const DEFAULT_LDAP_TLS: LdapTls = { verify: true };

/** Where systems keep the authorities they believe, an administrator's own among them. */
const SYSTEM_AUTHORITIES = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** Settings of OpenLDAP's library that have no meaning here. */
export const LDAP_WITHOUT_EFFECT: Readonly<Record<string, WithoutEffect>> = {
  LDAPTLS_CACERTDIR: { reason: 'put the certificates into one file, and name it in LDAPTLS_CACERT' },
};

/** Reads the LDAPTLS_… settings of authdaemonrc. */
export function readLdapTls(file: Settings): LdapTls {
  const authoritiesFile = file.optionalText('LDAPTLS_CACERT');
  const wanted = file.choice('LDAPTLS_REQCERT', 'demand', ['never', 'allow', 'try', 'demand', 'hard']);
  const certificateFile = file.optionalText('LDAPTLS_CERT');
  const keyFile = file.optionalText('LDAPTLS_KEY');
  if (wanted === 'never' || wanted === 'allow') {
    const remedy = 'name the authority in LDAPTLS_CACERT, and write demand';
    file.warning('LDAPTLS_REQCERT', `LDAPTLS_REQCERT=${wanted} lets anybody pass for the LDAP server`, remedy);
  }
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    const missing = certificateFile === undefined ? 'LDAPTLS_CERT' : 'LDAPTLS_KEY';
    file.problem(missing, `${missing} is missing`, 'LDAPTLS_CERT and LDAPTLS_KEY go together');
  }
  return {
    verify: wanted !== 'never' && wanted !== 'allow',
    ...(authoritiesFile === undefined ? {} : { authoritiesFile }),
    ...(certificateFile === undefined ? {} : { certificateFile }),
    ...(keyFile === undefined ? {} : { keyFile }),
  };
}

/** Keys and authorities, read again when one of their files has changed. */
export class LdapKeys {
  readonly #tls: LdapTls;
  readonly #authorities: string | undefined;
  readonly #files: readonly string[];
  #context: SecureContext | undefined;
  #state = '';

  constructor(tls: LdapTls) {
    this.#tls = tls;
    this.#authorities = tls.authoritiesFile ?? SYSTEM_AUTHORITIES.find((path) => existsSync(path));
    this.#files = [this.#authorities, tls.certificateFile, tls.keyFile].filter((path) => path !== undefined);
  }

  get verify(): boolean {
    return this.#tls.verify;
  }

  /** @throws {Error} naming the file that cannot be read or used */
  context(): SecureContext {
    const state = this.#files.map((path) => fileState(path)).join(' ');
    if (this.#context !== undefined && state === this.#state) return this.#context;
    const { certificateFile, keyFile } = this.#tls;
    this.#context = createSecureContext({
      ...(this.#authorities === undefined ? {} : { ca: readPem(this.#authorities) }),
      ...(certificateFile === undefined ? {} : { cert: readPem(certificateFile) }),
      ...(keyFile === undefined ? {} : { key: readPem(keyFile) }),
    });
    this.#state = state;
    return this.#context;
  }
}

function fileState(path: string): string {
  const state = statSync(path, { throwIfNoEntry: false });
  return state === undefined ? '-' : `${state.ino}:${state.mtimeMs}:${state.size}`;
}

function readPem(path: string): string {
  const text = readFileSync(path, 'utf8');
  if (!text.includes('-----BEGIN ')) throw new Error(`${path} is not a PEM file`);
  return text;
}
