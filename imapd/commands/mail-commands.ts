/**
 * The command table after login: which commands there are, in which states, and their two halves.
 *
 * A command exists if and only if it has a row. Rows of the message commands are added beside those of mailboxes.
 */
import type { Command, CommandRules } from '../command.js';
import type { Session } from '../session.js';

/** Once logged in. */
export const always: CommandRules = { states: ['authenticated', 'selected'] };
/** Needs a mailbox; EXPUNGE may be told. */
export const onMailbox: CommandRules = { states: ['selected'] };
/** Counts messages by sequence number, so EXPUNGE waits. */
export const onSequenceNumbers: CommandRules = { states: ['selected'], usesSequenceNumbers: true };

/** Name in capitals to row; the UID commands have names of two words. */
export const mailCommands: ReadonlyMap<string, Command<Session>> = new Map<string, Command<Session>>([]);
