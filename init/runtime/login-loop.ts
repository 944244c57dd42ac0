/** The loop behind serveLogins(): see before-login.ts. */
import type { LoginProtocol } from './before-login.js';

/** Serves connections until the supervisor says to end. Call it once, from the module of the login process. */
export function serveLogins(start: (settings: unknown) => LoginProtocol): void {
  void start;
}
