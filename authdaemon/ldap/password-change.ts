/**
 * New passwords in a directory: as the administrator, or, where the server checks passwords itself, as the owner.
 */
import type { Secret } from '../../init/runtime/secret.js';
import type { ChangeAnswer } from '../modules/module.js';
import { hashPassword } from '../passwords/password.js';
import { valuesOf } from './account-entry.js';
import { presenceFilter } from './filter.js';
import { LdapFailure, RESULT } from './ldap-failure.js';
import type { DirectoryServers } from './servers.js';
import type { LdapSettings } from './settings.js';

/** The entry of an account, and its passwords as they were found. */
export interface ChangedAccount {
  readonly dn: string;
  readonly encrypted: string | undefined;
  readonly clear: Secret | undefined;
  /** The password that the server has said yes to. */
  proven?: Secret;
}

/** Writes the attributes that were there, with the rights of LDAP_BINDDN. @throws {LdapFailure} */
export async function changeAsAdministrator(
  settings: LdapSettings,
  servers: DirectoryServers,
  changed: ChangedAccount,
  { newPassword, method }: { readonly newPassword: Secret; readonly method: string | undefined },
): Promise<ChangeAnswer> {
  const values = await newValues(settings, changed.encrypted, changed.clear?.reveal(), newPassword, method);
  if (values.size === 0) return { kind: 'rejected', reason: 'no password is stored' };
  await servers.searches.use((connection) => connection.replace(changed.dn, values));
  return { kind: 'changed' };
}

/**
 * Changes the password with the owner's rights, on a connection that is nobody else's: the attributes that he can read,
 * else by the operation made for it (RFC 3062), where the server hashes.
 *
 * @throws {LdapFailure}
 */
export async function changeAsOwner(
  settings: LdapSettings,
  servers: DirectoryServers,
  { dn, proven }: ChangedAccount,
  newPassword: Secret,
): Promise<ChangeAnswer> {
  if (proven === undefined) return { kind: 'rejected', reason: 'the old password was not checked by the server' };
  const connection = await servers.open();
  // Nothing to answer here: it must not stay bound as him.
  try {
    await connection.bind(dn, proven.reveal());
    const { encryptedPassword, clearPassword } = settings.attributes;
    const attributes = [encryptedPassword, clearPassword].filter((name) => name !== undefined);
    const query = { base: dn, scope: 'base', filter: presenceFilter('objectClass'), atMost: 1 } as const;
    const [entry] = await connection.search({ ...query, attributes: [...attributes, '1.1'], aliases: 'never' });
    const stored = (name: string | undefined): string | undefined =>
      name === undefined || entry === undefined ? undefined : valuesOf(entry, name)[0];
    const values = await newValues(settings, stored(encryptedPassword), stored(clearPassword), newPassword);
    if (values.size > 0) await connection.replace(dn, values);
    else await connection.changePassword(dn, proven.reveal(), newPassword.reveal());
    return { kind: 'changed' };
  } catch (error) {
    if (!(error instanceof LdapFailure) || error.code !== RESULT.unwillingToPerform) throw error;
    return { kind: 'rejected', reason: `the server does not change this password: ${error.message}` };
  } finally {
    connection.close();
  }
}

/**
 * What to write into the attributes that exist; the hash is of the old one's scheme, or of `method`, with which one is
 * written also where none was.
 */
async function newValues(
  { attributes }: LdapSettings,
  encrypted: string | undefined,
  clear: string | undefined,
  newPassword: Secret,
  method?: string,
): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  const { encryptedPassword, clearPassword } = attributes;
  if (clear !== undefined && clearPassword !== undefined) values.set(clearPassword, newPassword.reveal());
  if (encryptedPassword !== undefined && (encrypted !== undefined || method !== undefined)) {
    const hash = await hashPassword(newPassword, method ?? encrypted);
    values.set(encryptedPassword, inStyleOf(encrypted ?? '{', hash));
  }
  return values;
}

/** A directory's own hashes have a scheme in braces (RFC 2307 section 5.3); without one a server takes them for clear text. */
function inStyleOf(old: string, hash: string): string {
  if (!old.startsWith('{') || hash.startsWith('{')) return hash;
  return hash.startsWith('$argon2') ? `{ARGON2}${hash}` : `{CRYPT}${hash}`;
}
