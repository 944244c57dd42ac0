/**
 * The login process: the POP3 half of what happens before login, driven by the runtime.
 *
 * Everything is in login-session.ts; here it only gets its clock. This file is what the supervisor starts.
 */
import {
  type GoodbyeReason,
  type LoginClient,
  type LoginProtocol,
  serveLogins,
} from '../init/runtime/login/before-login.js';
import { realClock } from '../init/runtime/system/real-clock.js';
import { LoginSession, serveBeforeLogin } from './before-login/login-session.js';
import type { SessionSettings } from './settings/session-settings.js';
import { encodeReply, err } from './wire/replies.js';

/** What the client is told where the runtime ends the conversation. */
const goodbyes: Readonly<Record<GoodbyeReason, string>> = {
  'login timeout': 'Disconnected for inactivity: login took too long.',
  'shutting down': 'Angarium server shut down by signal.',
};

serveLogins(
  (settings): LoginProtocol => ({
    converse: (client: LoginClient) =>
      serveBeforeLogin(new LoginSession(client, settings as SessionSettings, realClock)),
    tooManyConnections: (text) => encodeReply(err(text, 'SYS/TEMP')),
    proxyDialogue: async () => (await import('./before-login/proxy-dialogue.js')).proxyDialogue,
    goodbye: (reason) => encodeReply(err(goodbyes[reason], 'SYS/TEMP')),
  }),
);
