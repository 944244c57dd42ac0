/**
 * Session: one client after login: what its commands work with, and what is on its way in and out.
 *
 * Answers are collected and go out when there is nothing left to read, so that a client that sends many commands at
 * once is answered in few writes. It knows no command by name, and nothing of how the client got here.
 */
import type { Duplex } from 'node:stream';
import type { Log } from '../../init/runtime/log/log.js';
import type { Clock } from '../../init/runtime/system/clock.js';
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { ClientInput, type InputOwner } from '../../init/runtime/worker/client-input.js';
import { ClientOutput } from '../../init/runtime/worker/client-output.js';
import type { Endpoint, SessionAccount, WorkerSession } from '../../init/runtime/worker/mail-worker.js';
import { nextTurn } from '../../init/runtime/worker/turns.js';
import type { Right } from '../../maildir/acl/rights.js';
import { MaildirError } from '../../maildir/errors.js';
import type { Maildir } from '../../maildir/maildir.js';
import type { FactCache } from '../cache/fact-cache.js';
import { type CapabilityContext, nonSynchronizingLimit } from '../capability.js';
import type { CommandRules, Conversation, State } from '../command.js';
import { mailCommands } from '../commands/mail-commands.js';
import { CommandFailure } from '../completion.js';
import type { UpdateWording } from '../mailbox/mailbox-updates.js';
import { type Manner, mannerOf, plainManner, withUids } from '../mailbox/manner.js';
import { isAdministrator } from '../mailbox/quota-root.js';
import type { AnnouncedChanges, SelectedMailbox } from '../mailbox/selected-mailbox.js';
import { OctetWriter } from '../message/octet-writer.js';
import type { Notifications } from '../notify/notifications.js';
import type { SessionSettings } from '../settings/session-settings.js';
import { isAnonymous } from '../sharing/identities.js';
import { folderAt, type MailboxTarget } from '../sharing/mailbox-place.js';
import { MailboxSpace } from '../sharing/mailbox-space.js';
import { requireRight, requireSelectedRight } from '../sharing/require-right.js';
import type { Sharing } from '../sharing/sharing.js';
import {
  type BadLine,
  CommandReader,
  type CommandReaderOptions,
  type CommandSource,
  type ReceivedCommand,
} from '../wire/command-reader.js';
import { MAX_LINE_OCTETS, MAX_LITERAL_OCTETS, MAX_LITERALS_TOTAL_OCTETS } from '../wire/limits.js';
import { encodeUntagged } from '../wire/responses.js';
import { Deflater } from './compression.js';
import { inflated } from './inflation.js';
import { who } from './session-log.js';

/** In the middle of a command a client may be silent for so long, as in Courier: what it holds is not free. */
const COMMAND_STALL_SECONDS = 60;

/** A client that ended its side gets so much more of our work: it may wait for an answer, or be gone. */
const MAX_MILLISECONDS_WITHOUT_CLIENT = 10_000;

/** A client that waits for longer is told that its command goes on. RFC 9585 wants no more than one in ten seconds. */
export const PROGRESS_MILLISECONDS = 10_000;

/**
 * A session works so long before others get their turn, and a small command waits for no more. The breaks of a download of
 * 50 MB cost less than a hundredth of it; with longer slices nothing is faster.
 */
const SLICE_MILLISECONDS = 0.5;

const commandLimits: CommandReaderOptions = {
  maxLineOctets: MAX_LINE_OCTETS,
  maxLiteralOctets: MAX_LITERAL_OCTETS,
  maxLiteralsTotalOctets: MAX_LITERALS_TOTAL_OCTETS,
  streams: (name) => mailCommands.get(name)?.streamsLiteral === true,
};

/** What answers are written into. */
export type SessionOutput = ClientOutput<OctetWriter>;

function newWriter(octets: Buffer): OctetWriter {
  return new OctetWriter(octets);
}

/** What a session is made of. */
export interface SessionParts extends Pick<WorkerSession, 'giveBack'> {
  readonly stream: Duplex;
  /** What the client sent that nobody has read yet; comes before the stream. */
  readonly unread: Buffer;
  readonly account: SessionAccount;
  /** Who acts as the account; absent when it is the account's owner. */
  readonly administrator?: string | undefined;
  readonly remote: Endpoint;
  readonly tls: boolean;
  /** Number of the session since the service was started. */
  readonly sessionId?: number;
  readonly maildir: Maildir;
  /** What is known of messages without opening them, by all sessions of this process. */
  readonly facts: FactCache;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly clock: Clock;
  /** What is shared by other accounts; absent: nothing. */
  readonly sharing?: Sharing;
}

/** What a client waits for. */
interface RunningCommand {
  readonly tag: string;
  /** When the client last heard of it, in milliseconds since 1970. */
  heardAt: number;
}

/** Octets for the log line at the end; FETCH counts headers and bodies. */
export interface SessionCounters {
  headers: number;
  body: number;
}

/** One client after login. */
export class Session implements Conversation, CommandSource, InputOwner {
  readonly account: SessionAccount;
  readonly administrator: string | undefined;
  readonly remote: Endpoint;
  readonly tls: boolean;
  readonly maildir: Maildir;
  readonly facts: FactCache;
  readonly settings: SessionSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly sharing: Sharing | undefined;
  readonly commands: CommandReader;
  readonly counters: SessionCounters = { headers: 0, body: 0 };
  readonly input: ClientInput;
  readonly output: SessionOutput;
  readonly startedAt: number;
  readonly sessionId: number | undefined;
  readonly giveBack: SessionParts['giveBack'] | undefined;
  /** Whether this session was looked at for, and told of, a mailbox that is nearly full. */
  quotaWarning: 'not looked' | 'looked' | 'told' = 'not looked';
  /** When it has ended, the client stays, and the conversation before login begins again. */
  leavesClient = false;
  /** Of clients that have said NOTIFY. */
  notifications: Notifications | undefined;
  #running: RunningCommand | undefined;
  #selected: SelectedMailbox | undefined;
  #space: MailboxSpace | undefined;
  #manner: Manner = plainManner;
  #sliceStartedAt: number;
  #betweenCommands = true;
  #doneMayFollow = false;
  #compression: 'off' | 'after answer' | 'on' = 'off';
  #ended = false;

  constructor(parts: SessionParts) {
    this.account = parts.account;
    this.administrator = parts.administrator;
    this.remote = parts.remote;
    this.tls = parts.tls;
    this.maildir = parts.maildir;
    this.facts = parts.facts;
    this.settings = parts.settings;
    this.log = parts.log;
    this.clock = parts.clock;
    this.sharing = parts.sharing;
    this.startedAt = parts.clock.now();
    this.sessionId = parts.sessionId;
    this.giveBack = parts.giveBack;
    this.#sliceStartedAt = parts.clock.ticks();
    this.output = new ClientOutput(parts.stream, parts.clock, newWriter);
    this.input = new ClientInput(parts.stream, { unread: parts.unread, clock: parts.clock, owner: this });
    const maxNonSynchronizingOctets = nonSynchronizingLimit(parts);
    const limits =
      maxNonSynchronizingOctets === undefined ? commandLimits : { ...commandLimits, maxNonSynchronizingOctets };
    this.commands = new CommandReader(this, limits);
  }

  /** How long the client may be silent now, in seconds. */
  get patienceSeconds(): number {
    return this.#betweenCommands ? this.settings.inactivitySeconds : COMMAND_STALL_SECONDS;
  }

  /** The next octets of the present command, for its reader; undefined when there will be none. */
  async read(): Promise<Buffer | undefined> {
    const octets = await this.input.read();
    this.#betweenCommands = false;
    return octets;
  }

  /** Tells the client that waits for it to send its literal. */
  requestContinuation(): void {
    this.write(Buffer.from('+ OK\r\n'));
  }

  get state(): State {
    return this.#selected === undefined ? 'authenticated' : 'selected';
  }

  /** Whether the client switched an extension on with ENABLE; `word` is in capitals. */
  isEnabled(word: string): boolean {
    return this.#manner.enabled.includes(word);
  }

  /** How the client is told of messages. */
  get manner(): Manner {
    return this.#manner;
  }

  /** How changes are said: whoever hears of them at any time is told UIDs (RFC 5465 section 5.1). */
  get wording(): UpdateWording {
    return this.notifications === undefined ? this.#manner.wording : withUids(this.#manner.wording);
  }

  /** Switches extensions on: by ENABLE, or because a command uses what has to be told from then on. */
  async enable(words: readonly string[]): Promise<void> {
    const knewModSequences = this.#manner.modSequences;
    this.#manner = mannerOf([...this.#manner.enabled, ...words]);
    const mailbox = this.#selected;
    if (mailbox === undefined) return;
    mailbox.speak(this.wording);
    if (knewModSequences || !this.#manner.modSequences) return;
    const { highest } = await mailbox.folder.sequences.keep();
    this.write(encodeUntagged({ status: 'OK', code: `HIGHESTMODSEQ ${highest}`, text: 'Highest' }));
  }

  /** For commands that tell that the client knows mod-sequences (RFC 7162 section 3.1). */
  async useModSequences(): Promise<void> {
    if (!this.#manner.modSequences) await this.enable(['CONDSTORE']);
  }

  /** The selected mailbox. The command table lets only commands of the selected state get here. */
  get selected(): SelectedMailbox {
    if (this.#selected === undefined) throw new CommandFailure('No mailbox is selected.');
    return this.#selected;
  }

  /** Enters the selected state, or leaves it; the mailbox before is closed without expunging. */
  select(mailbox: SelectedMailbox | undefined): void {
    const before = this.#selected;
    before?.close();
    this.#selected = mailbox;
    this.notifications?.selectionChanged(before);
  }

  /** Adds octets to what is collected for the client. */
  write(octets: Buffer): void {
    this.output.write(octets);
  }

  /** Whether so much is collected that a loop over messages should flush. */
  get full(): boolean {
    return this.output.full;
  }

  /** Sends what is collected, and waits while the client is slow. */
  async flush(): Promise<void> {
    await this.output.flush();
  }

  /** Writes, and flushes if much is collected. Not for a loop over messages: there, ask `full`. */
  async respond(octets: Buffer): Promise<void> {
    this.output.write(octets);
    if (this.output.full) await this.output.flush();
  }

  /**
   * Gives a promise to wait for when this session has worked long enough without a break, else undefined.
   *
   * @throws {ClientGone} so that a long command ends when its client has gone.
   */
  pace(): Promise<void> | undefined {
    if (this.clock.ticks() - this.#sliceStartedAt < SLICE_MILLISECONDS) return undefined;
    const alone = this.input.endedForMilliseconds > MAX_MILLISECONDS_WITHOUT_CLIENT;
    if (alone || this.output.gone) throw new ClientGone();
    return this.#takeTurn();
  }

  /** To be called before a command runs, and with undefined afterwards. */
  runs(tag: string | undefined): void {
    this.#running = tag === undefined ? undefined : { tag, heardAt: this.clock.now() };
  }

  /** Tells a client that has waited for long that its command goes on (RFC 9585). Between answers, never within one. */
  async tellProgress(done: number | 'NIL' = 'NIL', all: number | 'NIL' = 'NIL'): Promise<void> {
    const running = this.#running;
    const now = this.clock.now();
    if (running === undefined || now - running.heardAt < PROGRESS_MILLISECONDS) return;
    running.heardAt = now;
    const code = `INPROGRESS ("${running.tag}" ${done} ${all})`;
    await this.respond(encodeUntagged({ status: 'OK', code, text: 'Still at work.' }));
    await this.flush();
  }

  /** Makes the loop end after the present command is answered. */
  end(): void {
    this.#ended = true;
  }

  /** Whether both directions are compressed, or are about to be. */
  get compressed(): boolean {
    return this.#compression !== 'off';
  }

  /** Makes everything behind the answer to the present command compressed, in both directions. */
  compressAfterAnswer(): void {
    this.#compression = 'after answer';
  }

  /** To be called when a command was answered: begins what was to begin then. */
  async answered(): Promise<void> {
    if (this.#compression !== 'after answer') return;
    this.#compression = 'on';
    await this.flush();
    this.output.writeThrough((send) => new Deflater(send));
    // All that stands behind the command's line end is compressed already.
    const received = this.commands.takeUnread();
    this.input.readThrough((stream) => inflated(stream, received, this.clock));
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Since it had something to do. */
  get idleMilliseconds(): number {
    return this.clock.ticks() - this.#sliceStartedAt;
  }

  /** What CAPABILITY depends on. */
  get capabilityContext(): CapabilityContext {
    const setsQuotas = isAdministrator(this.account);
    const { settings, tls, compressed, giveBack } = this;
    const can = { compressAvailable: !compressed, setsQuotas, givesBack: giveBack !== undefined };
    return { settings, loggedIn: true, tls, tlsAvailable: false, ...can };
  }

  /** `user=bob, ip=[::1], port=[143]`, for log lines. */
  get whoForLog(): string {
    return who(this);
  }

  /** The mailboxes that this account can name. */
  get space(): MailboxSpace {
    this.#space ??= new MailboxSpace(this);
    return this.#space;
  }

  /** The folder that a client named, for a command that needs a right to it; throws NONEXISTENT and NOPERM. */
  folderNamed(mailboxName: Buffer, right: Right, command: string): MailboxTarget {
    const place = this.space.place(mailboxName);
    requireRight(place, right, command);
    return { place, folder: folderAt(place) };
  }

  /**
   * Whoever may no longer read the selected mailbox is answered nothing from it, and where the site says UTF8=ONLY, nobody
   * is who has not enabled UTF8=ACCEPT (RFC 6855 section 6).
   */
  checkAllowed({ states, leavesMailbox, namesNothing, changesAccount }: CommandRules, name: string): void {
    if (changesAccount === true && isAnonymous(this.account)) {
      throw new CommandFailure('This account is for reading only.', 'NOPERM');
    }
    if (this.settings.utf8Only && !this.#manner.utf8Names && namesNothing !== true) {
      throw new CommandFailure('Names are in UTF-8 only here: ENABLE UTF8=ACCEPT comes first.', 'CANNOT');
    }
    if (this.#selected === undefined || states.length > 1 || leavesMailbox === true) return;
    requireSelectedRight(this.#selected, 'r', name);
  }

  /** Where APPEND, COPY and MOVE put messages into; `NO [TRYCREATE]` tells the client to make it. */
  openTarget(mailboxName: Buffer, command: string): MailboxTarget {
    try {
      return this.folderNamed(mailboxName, 'i', command);
    } catch (error) {
      const missing =
        (error instanceof CommandFailure && error.code !== 'NOPERM') ||
        (error instanceof MaildirError && error.kind === 'no such folder');
      if (missing) throw new CommandFailure('Mailbox does not exist.', 'TRYCREATE');
      throw error;
    }
  }

  /** Whether there is nothing that keeps the client from hearing of the selected mailbox. */
  get mayHearOfMailbox(): boolean {
    return this.#selected?.mayBeRead !== false;
  }

  /** Tells the client what has changed in the selected mailbox, by whomever; looks for it, unless that was just done. */
  async announceChanges(asked: AnnouncedChanges, looked = false): Promise<void> {
    const mailbox = this.#selected;
    if (mailbox === undefined || this.#ended) return;
    for (const update of mailbox.rightsChanges()) this.write(update);
    if (!mailbox.mayBeRead) return;
    try {
      if (!looked) await mailbox.folder.refresh();
      if (this.#manner.modSequences) await mailbox.folder.sequences.settle();
    } catch (error) {
      if (!(error instanceof MaildirError)) throw error;
      if (error.kind === 'no such folder') this.#leaveMailbox('[NONEXISTENT] The selected mailbox was deleted.');
      else if (error.kind === 'numbered anew') this.#leaveMailbox('The messages of this mailbox have got other UIDs.');
      else this.log.write('error', `${mailbox.folder.name}: ${error.kind}: ${error.detail}`);
      return;
    }
    const { notifications } = this;
    const options = notifications === undefined ? asked : notifications.limited(asked);
    if (options === undefined) return;
    const highestKnown = mailbox.highestUid;
    // A change wakes all who look at the mailbox at once, and each may have much to tell.
    const { isUpToDate, keptSearches } = mailbox;
    if (!isUpToDate) await this.#takeTurn();
    let telling = keptSearches?.beforeChanges(options);
    for (; telling !== undefined; telling = keptSearches?.beforeChanges(options)) await telling;
    for (const update of mailbox.changes(options)) await this.respond(update);
    // A command may have told changes of its own accord, so this asks for itself whether there were any.
    if (keptSearches !== undefined) await keptSearches.afterChanges();
    if (notifications !== undefined) await notifications.tellArrived(highestKnown);
  }

  /** Whether nextCommand() has something to begin with; if not, the client may think for as long as it is allowed to. */
  hasInput(): boolean {
    if (this.commands.hasUnread) return true;
    this.#betweenCommands = true;
    return this.input.look();
  }

  /** The next command. */
  async nextCommand(): Promise<ReceivedCommand | BadLine | undefined> {
    for (;;) {
      this.#betweenCommands = true;
      const received = await this.commands.next();
      if (!this.#doneMayFollow || received?.kind !== 'bad' || received.tag.toUpperCase() !== 'DONE') return received;
      this.#doneMayFollow = false;
    }
  }

  /** Says whether a DONE that belongs to an IDLE which is over may still come, and is to be passed over. */
  expectLateDone(expected: boolean): void {
    this.#doneMayFollow = expected;
  }

  /** RFC 2180 section 3.3: the client cannot go on with numbers of a mailbox that is not there. */
  #leaveMailbox(text: string): void {
    this.select(undefined);
    this.write(Buffer.from(`* BYE ${text}\r\n`));
    this.end();
  }

  async #takeTurn(): Promise<void> {
    await nextTurn(this.account.maildir);
    this.beginSlice();
  }

  /** Whoever has waited for his client has kept nobody waiting meanwhile. */
  beginSlice(): void {
    this.#sliceStartedAt = this.clock.ticks();
  }
}
