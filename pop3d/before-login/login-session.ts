/**
 * LoginSession: POP3 before login (the AUTHORIZATION state of RFC 1939), and its loop.
 *
 * Everything here is said by strangers, so everything has a limit: lines, commands, mistakes, time. It asks nobody about
 * passwords itself; LoginClient does, and takes the session away when the answer is good.
 */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { LoginNames } from '../../authdaemon/login-name.js';
import { clientContext, mechanismContext } from '../../authdaemon/sasl/client-context.js';
import type { SaslContext } from '../../authdaemon/sasl/conversation.js';
import { isHttpMethod } from '../../init/runtime/limits/foreign-protocol.js';
import type { Log } from '../../init/runtime/log/log.js';
import { peer } from '../../init/runtime/log/session-lines.js';
import type { LoginClient } from '../../init/runtime/login/before-login.js';
import {
  MAX_BAD_COMMANDS_BEFORE_LOGIN,
  MAX_COMMANDS_BEFORE_LOGIN,
  MAX_LINE_OCTETS_BEFORE_LOGIN,
  MAX_OCTETS_BEFORE_LOGIN,
} from '../../init/runtime/login/stranger-limits.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import type { CapabilityContext } from '../capabilities.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { LineReader, parseCommand } from '../wire/lines.js';
import { encodeReply, err, ok, type Reply } from '../wire/replies.js';
import { loginCommands } from './login-commands.js';

/** How the conversation ended. */
export type LoginEnd = 'logout' | 'closed' | 'handed over';

/** One client that has not logged in. */
export class LoginSession {
  readonly client: LoginClient;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** How this site reads login names. */
  readonly names: LoginNames;
  /** The challenge in the greeting that APOP answers. */
  readonly apopChallenge: string | undefined;
  /** How many more proxies the login may pass, where the client is one. */
  hopsLeft: number | undefined;
  /** What USER said, for PASS. */
  user: string | undefined;
  /** The client reads UTF-8, and says so to the session, too. */
  utf8 = false;
  #lines: LineReader;
  #afterAnswer: (() => Promise<void>) | undefined;
  #end: LoginEnd | undefined;

  constructor(client: LoginClient, settings: SessionSettings, clock: Clock) {
    this.client = client;
    this.settings = settings;
    this.clock = clock;
    this.log = client.log;
    this.names = new LoginNames(settings);
    if (settings.apop) this.apopChallenge = `<${randomBytes(16).toString('hex')}@${hostname()}>`;
    this.#lines = this.#newReader();
  }

  get lines(): LineReader {
    return this.#lines;
  }

  /** What CAPA depends on. */
  get capabilityContext(): CapabilityContext {
    const { client, settings } = this;
    const { tlsAvailable } = client;
    return { ...mechanismContext(client, settings), settings, loggedIn: false, tlsAvailable };
  }

  /** What mechanisms need to know of this connection. */
  get saslContext(): SaslContext {
    return clientContext(this.client, this.settings, { names: this.names });
  }

  /** Why the loop is to end; undefined while it goes on. */
  get ending(): LoginEnd | undefined {
    return this.#end;
  }

  /** Makes the loop end: with 'handed over' at once, else when the present command is answered. */
  end(how: LoginEnd): void {
    this.#end = how;
  }

  write(reply: Reply): void {
    this.client.write(encodeReply(reply));
  }

  /** Switches to TLS after the present command is answered. What was sent or said in plaintext is forgotten. */
  startTlsAfterAnswer(): void {
    this.#afterAnswer = async () => {
      this.#lines = this.#newReader();
      this.user = undefined;
      this.utf8 = false;
      await this.client.startTls();
    };
  }

  /** What is to be done directly after the answer has been written. */
  takeAfterAnswer(): (() => Promise<void>) | undefined {
    const after = this.#afterAnswer;
    this.#afterAnswer = undefined;
    return after;
  }

  /** Whether the client has sent more than any that means to log in. */
  get overfed(): boolean {
    return this.client.receivedOctets > MAX_OCTETS_BEFORE_LOGIN;
  }

  #newReader(): LineReader {
    const read = async () => (this.overfed ? undefined : await this.client.read());
    return new LineReader(read, MAX_LINE_OCTETS_BEFORE_LOGIN);
  }
}

/** Holds the conversation from the greeting to the hand-over or the end, and logs how it ended. */
export async function serveBeforeLogin(session: LoginSession): Promise<void> {
  const { client, log } = session;
  const who = peer(client.remote);
  log.write('debug', `Connection, ${who}`);
  const { apopChallenge } = session;
  session.write(ok(apopChallenge === undefined ? 'Hello there.' : `Hello there. ${apopChallenge}`));
  await converse(session);
  if (session.ending === 'handed over') return;
  // Courier's pop3login tells neither octets nor seconds.
  if (session.ending === 'logout') log.write('info', `LOGOUT, ${who}`);
  log.write('debug', `Disconnected, ${who}`);
}

async function converse(session: LoginSession): Promise<void> {
  let mistakes = 0;
  for (let count = 1; ; count += 1) {
    const line = await session.lines.next();
    if (session.overfed) return session.write(err('Too much was sent before login.'));
    if (line === undefined) return;
    if (count > MAX_COMMANDS_BEFORE_LOGIN) return session.write(err('Too many commands before login.'));

    const reply = line.kind === 'line' ? await answer(session, line.text) : TOO_LONG;
    if (reply === undefined || session.ending === 'handed over') return;
    session.write(reply);
    if (session.ending !== undefined || !(await afterAnswer(session))) return;
    mistakes = reply.isMistake === true ? mistakes + 1 : 0;
    if (mistakes >= MAX_BAD_COMMANDS_BEFORE_LOGIN) return;
  }
}

const TOO_LONG: Reply = { ok: false, text: 'The line is too long.', isMistake: true };

/** Undefined when the client is gone, or is none of ours. */
async function answer(session: LoginSession, text: string): Promise<Reply | undefined> {
  const received = parseCommand(text);
  if (isHttpMethod(received.name)) return undefined;
  try {
    return await loginCommands(session, received);
  } catch (error) {
    if (error instanceof ClientGone) return undefined;
    session.log.bug(error, received.name);
    return err('Something went wrong here, not there.', 'SYS/TEMP');
  }
}

/** False when TLS did not come about: the runtime has closed the connection and said why in the log. */
async function afterAnswer(session: LoginSession): Promise<boolean> {
  try {
    await session.takeAfterAnswer()?.();
    return true;
  } catch {
    return false;
  }
}
