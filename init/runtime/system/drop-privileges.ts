/**
 * Becoming an unprivileged user for good, with proof that there is no way back.
 *
 * Called first thing in every login process and mail worker, before protocol code is imported. It knows no account.
 */

/** Who a process is to be. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  /** A user of the system: gets the supplementary groups that the system gives it. Others get none but `gid`. */
  readonly systemUser?: string;
}

/** Node has it; its type definitions do not. */
interface WithInitgroups {
  initgroups(user: string, extraGroup: number): void;
}

/**
 * Becomes `identity`. Without root nothing is changed, and the identity must be the one that we have.
 *
 * @throws when anything of it fails, or root could be had back; the process must end then.
 */
export function dropPrivileges(identity: Identity): void {
  const { getuid, getgid } = process;
  if (getuid === undefined || getgid === undefined) throw new Error('this system has no user ids');
  if (identity.uid === 0) throw new Error('refusing to stay root');
  if (getuid() === 0) become(identity);
  if (getuid() !== identity.uid || process.geteuid?.() !== identity.uid) {
    throw new Error(`this process is uid ${getuid()} and cannot be uid ${identity.uid}`);
  }
  proveNoWayBack();
}

function become({ uid, gid, systemUser }: Identity): void {
  // This order only: after setuid() the groups could not be changed any more.
  if (systemUser === undefined) process.setgroups?.([gid]);
  else (process as unknown as WithInitgroups).initgroups(systemUser, gid);
  process.setgid?.(gid);
  process.setuid?.(uid);
  if (process.getgid?.() !== gid || process.getegid?.() !== gid) throw new Error(`setgid(${gid}) had no effect`);
}

function proveNoWayBack(): void {
  try {
    process.setuid?.(0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPERM') return;
    throw error;
  }
  throw new Error('setuid(0) was possible after root was dropped');
}
