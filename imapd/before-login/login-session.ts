/**
 * LoginSession: the IMAP half of what happens before login, and its loop.
 *
 * Everything here is said by strangers, so everything has a limit: lines, literals, commands, mistakes, time. It asks
 * nobody about passwords itself; LoginClient does, and takes the session away when the answer is good.
 */
import { LoginNames } from '../../authdaemon/login-name.js';
import { clientContext, mechanismContext } from '../../authdaemon/sasl/client-context.js';
import type { SaslContext } from '../../authdaemon/sasl/conversation.js';
import { isHttpMethod } from '../../init/runtime/limits/foreign-protocol.js';
import type { Log } from '../../init/runtime/log/log.js';
import type { LoginClient } from '../../init/runtime/login/before-login.js';
import {
  MAX_BAD_COMMANDS_BEFORE_LOGIN,
  MAX_COMMANDS_BEFORE_LOGIN,
  MAX_LINE_OCTETS_BEFORE_LOGIN,
  MAX_OCTETS_BEFORE_LOGIN,
} from '../../init/runtime/login/stranger-limits.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { type CapabilityContext, capabilities, capabilityCode, nonSynchronizingLimit } from '../capability.js';
import { type Conversation, runCommand, type State } from '../command.js';
import { loginCommands } from '../commands/login-commands.js';
import { bad, type Completion } from '../completion.js';
import { peer } from '../session/session-log.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { type BadLine, CommandReader, type ReceivedCommand } from '../wire/command-reader.js';
import { MAX_LITERAL_OCTETS_BEFORE_LOGIN, MAX_LITERALS_TOTAL_OCTETS_BEFORE_LOGIN } from '../wire/limits.js';
import { encodeCompletion, encodeUntagged } from '../wire/responses.js';

/** One client that has not logged in. */
export class LoginSession implements Conversation {
  readonly state: State = 'not authenticated';
  readonly client: LoginClient;
  readonly settings: SessionSettings;
  readonly clock: Clock;
  readonly log: Log;
  /** How this site reads login names. */
  readonly names: LoginNames;
  #commands: CommandReader;
  #afterAnswer: (() => Promise<void>) | undefined;
  #hopsLeft: number | undefined;
  #end: 'logout' | 'bye' | 'handed over' | undefined;

  constructor(client: LoginClient, settings: SessionSettings, clock: Clock) {
    this.client = client;
    this.settings = settings;
    this.clock = clock;
    this.log = client.log;
    this.names = new LoginNames(settings);
    this.#commands = this.#newReader();
  }

  get commands(): CommandReader {
    return this.#commands;
  }

  /** What CAPABILITY depends on. */
  get capabilityContext(): CapabilityContext {
    const { tlsAvailable } = this.client;
    const { settings } = this;
    return {
      ...mechanismContext(this.client, settings),
      settings,
      loggedIn: false,
      tlsAvailable,
      compressAvailable: false,
    };
  }

  /** What mechanisms need to know of this connection. */
  get saslContext(): SaslContext {
    const words = capabilities(this.capabilityContext);
    const offered = words.filter((word) => /^AUTH=/i.test(word)).map((word) => word.slice('AUTH='.length));
    return clientContext(this.client, this.settings, { names: this.names, offered });
  }

  /** How many more proxies the login may pass: a proxy in front of this server says so in ID. */
  get hopsLeft(): number | undefined {
    return this.#hopsLeft;
  }

  /** The client is a proxy, or says that it is: it can make the number only smaller. */
  heardHopsLeft(hops: number): void {
    this.#hopsLeft = Math.min(hops, this.#hopsLeft ?? hops);
  }

  /** `ip=[::1], port=[40112]`: nobody knows a name yet. */
  get whoForLog(): string {
    return peer(this.client.remote);
  }

  /** Why the loop is to end; undefined while it goes on. */
  get ending(): 'logout' | 'bye' | 'handed over' | undefined {
    return this.#end;
  }

  write(octets: Buffer): void {
    this.client.write(octets);
  }

  /** Makes the loop end after the present command is answered. */
  end(): void {
    this.#end = 'logout';
  }

  /** Makes the loop end without an answer: BYE and why. */
  sayBye(text: string, code?: string): void {
    this.write(encodeUntagged({ status: 'BYE', code, text }));
    this.#end = 'bye';
  }

  /** The mail worker answers from now on. */
  handedOver(): void {
    this.#end = 'handed over';
  }

  /** Switches to TLS after the present command is answered. What was sent in plaintext behind it is forgotten. */
  startTlsAfterAnswer(): void {
    this.#afterAnswer = async () => {
      this.#commands.takeUnread();
      this.#commands = this.#newReader();
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

  #newReader(): CommandReader {
    const read = async () => (this.overfed ? undefined : await this.client.read());
    return new CommandReader(
      { read, requestContinuation: () => this.write(Buffer.from('+ OK\r\n')) },
      {
        maxLineOctets: MAX_LINE_OCTETS_BEFORE_LOGIN,
        maxLiteralOctets: MAX_LITERAL_OCTETS_BEFORE_LOGIN,
        maxLiteralsTotalOctets: MAX_LITERALS_TOTAL_OCTETS_BEFORE_LOGIN,
        maxNonSynchronizingOctets: nonSynchronizingLimit(this.capabilityContext),
        smap: this.settings.smap !== undefined,
      },
    );
  }
}

/** Holds the conversation from the greeting to the hand-over or the end, and logs how it ended. */
export async function serveBeforeLogin(session: LoginSession): Promise<void> {
  const { client, log } = session;
  const who = session.whoForLog;
  if (client.again !== true) {
    log.write('debug', `Connection, ${who}`);
    session.write(
      encodeUntagged({ status: 'OK', code: capabilityCode(session.capabilityContext), text: 'Angarium ready.' }),
    );
  }
  await converse(session);
  if (session.ending === 'handed over') return;
  if (session.ending === 'logout') {
    log.write('info', `LOGOUT, ${who}, rcvd=${client.receivedOctets}, sent=${client.sentOctets}`);
  } else {
    const seconds = Math.max(0, Math.floor((session.clock.now() - client.acceptedAt) / 1000));
    log.write('debug', `Disconnected, ${who}, time=${seconds}`);
  }
}

async function converse(session: LoginSession): Promise<void> {
  let badCommands = 0;
  for (let count = 1; ; count += 1) {
    const received = await session.commands.next();
    if (session.overfed) return session.sayBye('Too much was sent before login');
    if (received === undefined || isHttp(received)) return;
    if (count > MAX_COMMANDS_BEFORE_LOGIN) return session.sayBye('Too many commands before login');

    const completion = await complete(session, received);
    if (completion === undefined || session.ending === 'bye' || session.ending === 'handed over') return;
    session.write(encodeCompletion(received.tag, completion));
    if (session.ending === 'logout' || !(await afterAnswer(session))) return;
    badCommands = completion.status === 'BAD' ? badCommands + 1 : 0;
    if (badCommands >= MAX_BAD_COMMANDS_BEFORE_LOGIN) return session.sayBye('Too many bad commands');
  }
}

/** Undefined when the client is gone. */
async function complete(session: LoginSession, received: ReceivedCommand | BadLine): Promise<Completion | undefined> {
  if (received.kind === 'bad') return bad(received.text, received.code);
  try {
    return await runCommand(session, loginCommands.get(received.name), received);
  } catch (error) {
    if (error instanceof ClientGone) return undefined;
    throw error;
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

function isHttp(received: ReceivedCommand | BadLine): boolean {
  if (!isHttpMethod(received.tag)) return false;
  return received.kind === 'bad' || / HTTP\//i.test(received.rest.toString('latin1'));
}
