/**
 * Command: one row of a command table, and how a row is run to its completion.
 *
 * It knows no command by name. The tables stand in commands/login-commands.ts and commands/mail-commands.ts.
 */

import type { Log } from '../init/runtime/log/log.js';
import { count } from '../init/runtime/metrics/counts.js';
import { ClientGone } from '../init/runtime/worker/client-gone.js';
import { MaildirError } from '../maildir/errors.js';
import { bad, type Completion, completionForError, logTextForError, no } from './completion.js';
import type { Manner } from './mailbox/manner.js';
import type { ReceivedCommand } from './wire/command-reader.js';
import { Cursor } from './wire/cursor.js';

/** RFC 9051 section 3. Logout is not one of them: it is the end. */
export type State = 'not authenticated' | 'authenticated' | 'selected';

/** What a command's row says beside how it is parsed and run. */
export interface CommandRules {
  readonly states: readonly State[];
  /** Holds back EXPUNGE until another command (RFC 9051 section 7.5.1). */
  readonly usesSequenceNumbers?: boolean;
  /** Names messages by numbers, which a client of UIDONLY must not (RFC 9586). */
  readonly namesNumbers?: boolean;
  /** Starts before its last literal arrives: the command reads `session.commands.literal()` itself. */
  readonly streamsLiteral?: boolean;
  /** Neither says nor shows anything of mailboxes: allowed also to who must enable UTF8=ACCEPT first. */
  readonly namesNothing?: boolean;
  /** Changes what is the account's own beside its mailboxes: not for an account that everybody uses. */
  readonly changesAccount?: boolean;
  /** Of the selected state, but nothing is read from the mailbox: allowed also when the right to read it is gone. */
  readonly leavesMailbox?: boolean;
  /** Changes which messages there are: the client hears of that, whatever else it wants to hear of (RFC 5465). */
  readonly changesMessages?: boolean;
  /** With its OK the mailbox has just been looked at: nobody looks once more for what to tell. */
  readonly looksAtMailbox?: boolean;
  /** Its OK waits for DONE; until then the client is told what happens, as it happens. */
  readonly untilDone?: boolean;
}

/** One row of a command table: where a command is allowed and how it runs. */
export interface Command<S> extends CommandRules {
  /** Parses the rest of the command and returns what remains to be done. */
  prepare(cursor: Cursor, received: ReceivedCommand): (session: S) => Promise<Completion>;
}

/** What running a command needs of a session, before and after login. */
export interface Conversation {
  readonly state: State;
  readonly log: Log;
  /** `user=bob, ip=[::1], port=[143]`, for log lines. */
  readonly whoForLog: string;
  /** What the client has enabled of how it writes. */
  readonly manner?: Pick<Manner, 'utf8Names'>;
  /** Whether a right that a whole kind of commands needs is missing. @throws {CommandFailure} */
  checkAllowed?(rules: CommandRules, name: string): void;
}

/** Makes a row from its rules, its syntax half and its doing half. */
export function command<S, Arguments>(
  rules: CommandRules,
  parse: (cursor: Cursor, received: ReceivedCommand) => Arguments,
  run: (session: S, args: Arguments) => Promise<Completion>,
): Command<S> {
  return {
    ...rules,
    prepare(cursor, received) {
      const args = parse(cursor, received);
      return (session) => run(session, args);
    },
  };
}

/** Syntax half of a command without arguments. */
export function parseNothing(cursor: Cursor): void {
  cursor.end();
}

/**
 * Runs one command to its completion, whatever happens.
 *
 * @throws {ClientGone} when there is nobody left to answer.
 */
export async function runCommand<S extends Conversation>(
  session: S,
  row: Command<S> | undefined,
  received: ReceivedCommand,
): Promise<Completion> {
  if (row === undefined) return bad('Unknown command.');
  if (!row.states.includes(session.state)) return bad(`${received.name} is not allowed now.`);

  try {
    const run = row.prepare(new Cursor(received.rest, 0, session.manner?.utf8Names), received);
    session.checkAllowed?.(row, received.name);
    return await run(session);
  } catch (error) {
    if (error instanceof ClientGone) throw error;
    const text = logTextForError(error);
    if (text !== undefined) {
      session.log.write('error', `${received.name}: ${text} (${session.whoForLog})`);
      if (error instanceof MaildirError) count('disk_errors_total', { kind: error.kind }).value += 1;
    }
    const completion = completionForError(error);
    if (completion !== undefined) return completion;
    session.log.bug(error, received.name);
    return no('Something is wrong with this server. The log has more.', 'SERVERBUG');
  }
}
