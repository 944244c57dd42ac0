/**
 * Why a service did not start, for its program to tell.
 */

/** The service cannot start, for reasons that the administrator must know; each line is one. */
export class StartFailure extends Error {}
