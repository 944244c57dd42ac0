/**
 * The command table after login: which commands there are, in which states, and their two halves.
 *
 * A command exists if and only if it has a row. Rows of the message commands are added beside those of mailboxes.
 */
import { type Command, type CommandRules, command, parseNothing } from '../command.js';
import { limited, limitedExpunge, limitedSearch, refused, refusedSearch } from '../mailbox/message-limit.js';
import type { Session } from '../session/session.js';
import { parseCancelUpdate } from '../wire/context-updates.js';
import { parseList, parsePlainList } from '../wire/list-arguments.js';
import { parseNotify } from '../wire/notify-arguments.js';
import { parseTransfer } from '../wire/transfer-arguments.js';
import { parseGenUrlAuth, parseResetKey, parseUrlFetch } from '../wire/url-arguments.js';
import { acl, parseAcl } from './acl.js';
import { append, parseAppend } from './append.js';
import { cancelUpdate } from './cancelupdate.js';
import { capability } from './capability.js';
import { check } from './check.js';
import { close } from './close.js';
import { comparator, parseComparator } from './comparator.js';
import { compress, parseCompress } from './compress.js';
import { copy } from './copy.js';
import { create, parseCreate } from './create.js';
import { deleteMailbox, parseDelete } from './delete.js';
import { deleteAcl, parseMailboxAndIdentifier } from './deleteacl.js';
import { enable, parseEnable } from './enable.js';
import { multiSearch, parseMultiSearchCommand } from './esearch.js';
import { expunge, parseExpunge, parseUidExpunge } from './expunge.js';
import { fetch, parseFetch } from './fetch.js';
import { genUrlAuth } from './genurlauth.js';
import { getAcl, parseGetAcl } from './getacl.js';
import { getJmapAccess } from './getjmapaccess.js';
import { getMetadata, parseGetMetadata } from './getmetadata.js';
import { getQuota, parseGetQuota } from './getquota.js';
import { getQuotaRoot, parseGetQuotaRoot } from './getquotaroot.js';
import { id, parseId } from './id.js';
import { idle } from './idle.js';
import { language, parseLanguage } from './language.js';
import { list } from './list.js';
import { listRights } from './listrights.js';
import { logout } from './logout.js';
import { lsub } from './lsub.js';
import { move } from './move.js';
import { myRights } from './myrights.js';
import { namespace } from './namespace.js';
import { noop } from './noop.js';
import { notify } from './notify.js';
import { parseRename, rename } from './rename.js';
import { parseReplace, replace } from './replace.js';
import { resetKey } from './resetkey.js';
import { parseSearchCommand, search } from './search.js';
import { parseSelect, select } from './select.js';
import { parseSetAcl, setAcl } from './setacl.js';
import { parseSetMetadata, setMetadata } from './setmetadata.js';
import { parseSetQuota, setQuota } from './setquota.js';
import { parseSortCommand, sort } from './sort.js';
import { parseStatus, status } from './status.js';
import { parseStore, store } from './store.js';
import { parseSubscribe, subscribe } from './subscribe.js';
import { parseThreadCommand, thread } from './thread.js';
import { parseUidBatches, uidBatches } from './uidbatches.js';
import { unauthenticate } from './unauthenticate.js';
import { unselect } from './unselect.js';
import { parseUnsubscribe, unsubscribe } from './unsubscribe.js';
import { urlFetch } from './urlfetch.js';
import { xlist } from './xlist.js';

/** Once logged in. */
export const always: CommandRules = { states: ['authenticated', 'selected'] };
/** The same without a word of mailboxes. */
const plain: CommandRules = { ...always, namesNothing: true };
/** Changes what is the account's own. */
const ofAccount: CommandRules = { ...always, changesAccount: true };
/** Needs a mailbox; EXPUNGE may be told. */
export const onMailbox: CommandRules = { states: ['selected'] };
/** Opens a mailbox. */
const opening: CommandRules = { ...always, looksAtMailbox: true };
/** Removes messages from the mailbox, or adds some. */
const changing: CommandRules = { ...onMailbox, changesMessages: true };
/** Tells nothing of the mailbox, so that it may be left without the right to read it. */
export const leavingMailbox: CommandRules = { states: ['selected'], leavesMailbox: true };
/** Counts messages by sequence number, so EXPUNGE waits. */
export const onSequenceNumbers: CommandRules = { states: ['selected'], usesSequenceNumbers: true, namesNumbers: true };

/** Name in capitals to row; the UID commands have names of two words. */
export const mailCommands: ReadonlyMap<string, Command<Session>> = new Map<string, Command<Session>>([
  ['CAPABILITY', command(plain, parseNothing, capability)],
  ['NOOP', command(plain, parseNothing, noop)],
  ['LOGOUT', command(plain, parseNothing, logout)],
  ['UNAUTHENTICATE', command(plain, parseNothing, unauthenticate)],
  ['ID', command(plain, parseId, id)],
  ['ENABLE', command(plain, parseEnable, enable)],
  ['COMPRESS', command(plain, parseCompress, compress)],
  ['COMPARATOR', command(plain, parseComparator, comparator)],
  ['LANGUAGE', command(plain, parseLanguage, language)],
  ['GETJMAPACCESS', command(plain, parseNothing, getJmapAccess)],
  ['NAMESPACE', command(always, parseNothing, namespace)],
  ['NOTIFY', command(always, parseNotify, notify)],
  ['IDLE', command({ ...plain, untilDone: true }, parseNothing, idle)],

  ['LIST', command(always, parseList, list)],
  ['LSUB', command(always, parsePlainList, lsub)],
  ['XLIST', command(always, parsePlainList, xlist)],
  ['STATUS', command(always, parseStatus, status)],
  ['CREATE', command(always, parseCreate, create)],
  ['DELETE', command(always, parseDelete, deleteMailbox)],
  ['RENAME', command(always, parseRename, rename)],
  ['GETMETADATA', command(always, parseGetMetadata, getMetadata)],
  ['SETMETADATA', command(ofAccount, parseSetMetadata, setMetadata)],
  ['GETQUOTA', command(always, parseGetQuota, getQuota)],
  ['GETQUOTAROOT', command(always, parseGetQuotaRoot, getQuotaRoot)],
  ['SETQUOTA', command(ofAccount, parseSetQuota, setQuota)],
  ['SUBSCRIBE', command(ofAccount, parseSubscribe, subscribe)],
  ['UNSUBSCRIBE', command(ofAccount, parseUnsubscribe, unsubscribe)],

  ['ACL', command(always, parseAcl, acl)],
  ['GETACL', command(always, parseGetAcl, getAcl)],
  ['SETACL', command(always, parseSetAcl, setAcl)],
  ['DELETEACL', command(always, parseMailboxAndIdentifier, deleteAcl)],
  ['LISTRIGHTS', command(always, parseMailboxAndIdentifier, listRights)],
  ['MYRIGHTS', command(always, parseGetAcl, myRights)],

  ['SELECT', command(opening, (cursor) => parseSelect(cursor, false), select)],
  ['EXAMINE', command(opening, (cursor) => parseSelect(cursor, true), select)],
  ['CHECK', command(onMailbox, parseNothing, check)],
  ['CLOSE', command(leavingMailbox, parseNothing, close)],
  ['UNSELECT', command(leavingMailbox, parseNothing, unselect)],

  ['APPEND', command({ ...always, streamsLiteral: true, changesMessages: true }, parseAppend, append)],
  [
    'REPLACE',
    command(
      { ...changing, namesNumbers: true, streamsLiteral: true },
      (cursor, received) => parseReplace(cursor, received, 'sequence number'),
      replace,
    ),
  ],
  [
    'UID REPLACE',
    command(
      { ...changing, streamsLiteral: true },
      (cursor, received) => parseReplace(cursor, received, 'uid'),
      replace,
    ),
  ],
  ['FETCH', command(onSequenceNumbers, (cursor) => parseFetch(cursor, 'sequence number'), limited(fetch))],
  ['UID FETCH', command(onMailbox, (cursor) => parseFetch(cursor, 'uid'), limited(fetch))],
  [
    'SEARCH',
    command(
      onSequenceNumbers,
      (cursor, received) => parseSearchCommand(cursor, received, 'sequence number'),
      limitedSearch(search),
    ),
  ],
  [
    'UID SEARCH',
    command(onMailbox, (cursor, received) => parseSearchCommand(cursor, received, 'uid'), limitedSearch(search)),
  ],
  [
    'SORT',
    command(
      onSequenceNumbers,
      (cursor, received) => parseSortCommand(cursor, received, 'sequence number'),
      refusedSearch(sort),
    ),
  ],
  [
    'UID SORT',
    command(onMailbox, (cursor, received) => parseSortCommand(cursor, received, 'uid'), refusedSearch(sort)),
  ],
  ['ESEARCH', command(always, parseMultiSearchCommand, multiSearch)],
  ['UID ESEARCH', command(always, parseMultiSearchCommand, multiSearch)],
  ['CANCELUPDATE', command(onMailbox, parseCancelUpdate, cancelUpdate)],
  ['GENURLAUTH', command(ofAccount, parseGenUrlAuth, genUrlAuth)],
  ['URLFETCH', command(always, parseUrlFetch, urlFetch)],
  ['RESETKEY', command(ofAccount, parseResetKey, resetKey)],
  [
    'THREAD',
    command(onSequenceNumbers, (cursor) => parseThreadCommand(cursor, 'sequence number'), refusedSearch(thread)),
  ],
  ['UID THREAD', command(onMailbox, (cursor) => parseThreadCommand(cursor, 'uid'), refusedSearch(thread))],
  ['STORE', command(onSequenceNumbers, (cursor) => parseStore(cursor, 'sequence number'), limited(store))],
  ['UID STORE', command(onMailbox, (cursor) => parseStore(cursor, 'uid'), limited(store))],
  [
    'COPY',
    command(
      { ...onSequenceNumbers, changesMessages: true },
      (cursor) => parseTransfer(cursor, 'sequence number'),
      refused(copy),
    ),
  ],
  ['UID COPY', command(changing, (cursor) => parseTransfer(cursor, 'uid'), refused(copy))],
  [
    'MOVE',
    command({ ...changing, namesNumbers: true }, (cursor) => parseTransfer(cursor, 'sequence number'), limited(move)),
  ],
  ['UID MOVE', command(changing, (cursor) => parseTransfer(cursor, 'uid'), limited(move))],
  ['UIDBATCHES', command(onMailbox, parseUidBatches, uidBatches)],
  ['EXPUNGE', command(changing, parseExpunge, expunge)],
  ['UID EXPUNGE', command(changing, parseUidExpunge, limitedExpunge(expunge))],
]);
