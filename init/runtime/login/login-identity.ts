/**
 * Who the login processes of a service that root started are: LOGINUSER, a user that may do nothing.
 */
import type { Identity } from '../system/drop-privileges.js';
import { findSystemUser } from '../system/system-users.js';

/** LOGINUSER names nobody that a login process could be. */
export class NoLoginUser extends Error {}

/** Gives the identity of login processes; undefined without root. @throws {NoLoginUser} when root has nobody to be. */
export function loginIdentity(loginUser: string): Identity | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const user = findSystemUser(loginUser);
  if (user === undefined) {
    throw new NoLoginUser(
      `LOGINUSER=${loginUser}: there is no such user; name one that may do nothing, such as nobody`,
    );
  }
  if (user.uid === 0) throw new NoLoginUser(`LOGINUSER=${loginUser} is root; name a user that may do nothing`);
  return { uid: user.uid, gid: user.gid };
}
