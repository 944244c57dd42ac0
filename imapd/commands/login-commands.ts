/**
 * The command table before login. The login process loads these commands and no others.
 */

import type { LoginSession } from '../before-login/login-session.js';
import { type Command, type CommandRules, command, parseNothing } from '../command.js';
import { authenticate, parseAuthenticate } from './authenticate.js';
import { capability } from './capability.js';
import { id, parseId } from './id.js';
import { language, parseLanguage } from './language.js';
import { login, parseLogin } from './login.js';
import { logout } from './logout.js';
import { noop } from './noop.js';
import { starttls } from './starttls.js';

const beforeLogin: CommandRules = { states: ['not authenticated'] };

/** Name in capitals to row. */
export const loginCommands: ReadonlyMap<string, Command<LoginSession>> = new Map<string, Command<LoginSession>>([
  ['CAPABILITY', command(beforeLogin, parseNothing, capability)],
  ['NOOP', command(beforeLogin, parseNothing, noop)],
  ['LOGOUT', command(beforeLogin, parseNothing, logout)],
  ['ID', command(beforeLogin, parseId, id)],
  ['LANGUAGE', command(beforeLogin, parseLanguage, language)],
  ['STARTTLS', command(beforeLogin, parseNothing, starttls)],
  ['LOGIN', command(beforeLogin, parseLogin, login)],
  ['AUTHENTICATE', command(beforeLogin, parseAuthenticate, authenticate)],
]);
