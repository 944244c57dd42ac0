/**
 * Why a service did not start, for its program to tell.
 */
import { AlreadyRunning } from './control.js';

/** The service cannot start, for reasons that the administrator must know; each line is one. */
export class StartFailure extends Error {}

/** Makes such a failure of whatever went wrong. @throws {StartFailure | AlreadyRunning} */
export function startFailure(error: unknown): never {
  if (error instanceof StartFailure || error instanceof AlreadyRunning) throw error;
  throw new StartFailure(error instanceof Error ? error.message : String(error));
}
