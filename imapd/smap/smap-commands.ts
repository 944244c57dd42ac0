/**
 * The command table of SMAP (courier.md section 5.3). A command exists if and only if it has a row; IDLE is a state of the
 * dialogue.
 */
import { deleteAcl, getAcl, ownRights, setAcl } from './acl-commands.js';
import { add, reset } from './add-commands.js';
import { copy, move } from './copy-commands.js';
import { fetch } from './fetch-command.js';
import { create, deleteFolder, list, makeDirectory, removeDirectory, rename, status } from './folder-commands.js';
import { logout } from './logout-command.js';
import { close, expunge, noop, open, openSince } from './open-commands.js';
import { search } from './search-command.js';
import type { SmapCommand } from './smap-command.js';
import { store } from './store-command.js';

/** Name in capitals to row. */
export const smapCommands: ReadonlyMap<string, SmapCommand> = new Map<string, SmapCommand>([
  ['LIST', { whatFails: 'Cannot read folder list', run: list }],
  ['STATUS', { whatFails: 'Cannot read folder status', run: status }],
  ['CREATE', { whatFails: 'Cannot create folder', run: create }],
  ['MKDIR', { whatFails: 'Cannot create folder', run: makeDirectory }],
  ['RMDIR', { whatFails: 'Cannot delete folder', run: removeDirectory }],
  ['DELETE', { whatFails: 'Cannot delete folder', run: deleteFolder }],
  ['RENAME', { whatFails: 'Cannot rename folder', run: rename }],
  ['OPEN', { whatFails: 'Cannot open the folder', run: open }],
  ['SOPEN', { whatFails: 'Cannot open the folder', run: openSince }],
  ['CLOSE', { whatFails: 'Cannot close the folder', run: close }],
  ['NOOP', { whatFails: 'Cannot update folder', run: noop }],
  ['EXPUNGE', { needsFolder: true, whatFails: 'Cannot expunge folder', run: expunge }],
  ['STORE', { needsFolder: true, whatFails: 'Cannot update folder status', run: store }],
  ['FETCH', { needsFolder: true, whatFails: 'Cannot retrieve message', run: fetch }],
  ['COPY', { needsFolder: true, whatFails: 'Cannot copy messages', run: copy }],
  ['MOVE', { needsFolder: true, whatFails: 'Cannot copy messages', run: move }],
  ['SEARCH', { needsFolder: true, whatFails: 'SEARCH failed', run: search }],
  ['ADD', { keepsAddition: true, whatFails: 'Cannot add message', run: add }],
  ['RSET', { whatFails: 'Cannot reset', run: reset }],
  ['ACL', { whatFails: 'Unable to read ACLs', run: ownRights }],
  ['GETACL', { whatFails: 'Unable to read ACLs', run: getAcl }],
  ['SETACL', { whatFails: 'Unable to update ACLs', run: setAcl }],
  ['DELETEACL', { whatFails: 'Unable to update ACLs', run: deleteAcl }],
  ['LOGOUT', { whatFails: 'Cannot log out', run: logout }],
]);
