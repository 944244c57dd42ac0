/**
 * SmapCommand: one row of the command table of SMAP, and how it is run to its reply.
 *
 * It knows no command by name. The table is smap-commands.ts.
 */
import { ClientGone } from '../../init/runtime/worker/client-gone.js';
import { logTextForError } from '../completion.js';
import { failed, reasonOf, requireRight, SmapFailure, type SmapReply } from './replies.js';
import type { SmapSession } from './smap-session.js';

/** A row: what a command does with the words behind its name. */
export interface SmapCommand {
  /** Without an open folder it is a syntax error, as in Courier. */
  readonly needsFolder?: boolean;
  /** What stands before the reason when it fails: `Cannot create folder`. */
  readonly whatFails: string;
  /** What was gathered by ADD stays for the next command. */
  readonly keepsAddition?: boolean;
  run(smap: SmapSession, words: readonly string[]): Promise<SmapReply>;
}

/** What Courier answers to whatever it does not understand. */
export const SYNTAX_ERROR = failed('Syntax error.');

/**
 * Runs a command, whatever happens.
 *
 * @throws {ClientGone} when there is nobody left to answer
 */
export async function runSmapCommand(
  smap: SmapSession,
  row: SmapCommand | undefined,
  words: readonly string[],
): Promise<SmapReply> {
  if (row === undefined || (row.needsFolder === true && !smap.isOpen)) return SYNTAX_ERROR;
  try {
    // It may have been taken away since the folder was opened.
    if (row.needsFolder === true) requireRight(smap.selected.place, 'r');
    return await row.run(smap, words);
  } catch (error) {
    if (error instanceof SmapFailure) return failed(error.message);
    const text = logTextForError(error);
    if (text !== undefined) smap.session.log.write('error', `SMAP: ${text}`);
    const reason = reasonOf(error);
    if (reason !== undefined) return failed(`${row.whatFails}: ${reason}`);
    if (error instanceof ClientGone) throw error;
    smap.session.log.bug(error, 'SMAP');
    return failed('Something is wrong with this server. The log has more.');
  }
}
