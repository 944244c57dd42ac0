/**
 * Doing something with files as the user whose they are, so that a link somebody has put there leads no further than that
 * user could go himself.
 *
 * Only for synchronous work: until it is over, the whole process has that user's rights. Nothing of a stranger's is run
 * meanwhile, and the real uid stays, so that the user cannot send this process signals.
 */

/** Whose files they are. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Runs `action` with the owner's rights, and gives what it gives. As an ordinary user that must be our own.
 *
 * @throws {Error} What `action` throws, or that this user cannot be had.
 */
export function asOwner<T>({ uid, gid }: Owner, action: () => T): T {
  const { geteuid, getegid, getgroups, seteuid, setegid, setgroups } = process;
  if (!geteuid || !getegid || !getgroups || !seteuid || !setegid || !setgroups) throw new Error('no user ids here');
  if (uid === 0) throw new Error('refusing to handle mail as root');
  if (geteuid() === uid) return action();
  if (geteuid() !== 0) throw new Error(`uid ${geteuid()} cannot act for uid ${uid}; run this as root`);
  const groups = getgroups();
  const group = getegid();
  // This order only, there and back: without root the groups could not be changed.
  setgroups([gid]);
  setegid(gid);
  seteuid(uid);
  try {
    return action();
  } finally {
    seteuid(0);
    setegid(group);
    setgroups(groups);
  }
}
