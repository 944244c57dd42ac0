/** Whether another process is there. It knows nothing of what the process does. */

/** Tells whether a process lives, whoever owns it, or has ended and its parent has not noticed yet. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
