/**
 * Rows of the database as accounts, columns by their position, as Courier has them:
 *
 *     login, crypted password, clear password, uid, gid, home, maildir, quota, full name, options     one account
 *     login, uid, gid, home, maildir, options                                                          in the list
 *
 * NULL and '' mean "not set"; columns from the seventh (the fifth of the list) on may be missing. Pure.
 */
import { Secret } from '../../init/runtime/secret.js';
import type { EnumeratedAccount } from '../account.js';
import { parseOptions } from '../account.js';
import { hasControls } from '../octet-text.js';
import { unixId } from '../protocol.js';
import { type AppPassword, parseServices } from '../secrets/app-passwords.js';
import type { StoredAccount } from '../stores/account-store.js';
import type { SqlCharset } from './charset.js';
import type { SqlRow } from './sql-database.js';

/** Columns one account must have. */
const NEEDED_COLUMNS = 6;
/** Columns of the list that must be there. */
const NEEDED_LIST_COLUMNS = 4;

/** Makes the account of a row, or tells what is wrong with the row. Without a name in the row, it has the `login`'s. */
export function accountFromRow(row: SqlRow, login: string, charset: SqlCharset): StoredAccount | string {
  if (row.length < NEEDED_COLUMNS) return `the row has ${row.length} columns, and needs at least ${NEEDED_COLUMNS}`;
  const [address = login, encrypted, clear, uidText, gidText, home, maildir, quota, name, optionsText] = cells(
    row,
    charset,
  );
  const owner = ownerOf(uidText, gidText, home);
  if (typeof owner === 'string') return owner;
  // What Courier takes of a full name: what stands before the first comma.
  const fullName = name?.split(',')[0] ?? '';
  const fields = { address, encrypted, maildir, quota, 'full name': fullName, options: optionsText };
  const damaged = Object.entries(fields).find(([, text]) => text !== undefined && hasControls(text));
  if (damaged !== undefined) return `column '${damaged[0]}' holds control characters`;
  const clearPassword = clear === undefined ? undefined : new Secret(clear);
  return {
    account: {
      address,
      ...owner,
      options: parseOptions(optionsText ?? ''),
      ...(fullName === '' ? {} : { fullName }),
      ...(maildir === undefined ? {} : { maildir }),
      ...(quota === undefined ? {} : { quota }),
      ...(encrypted === undefined ? {} : { encryptedPassword: encrypted }),
      ...(clearPassword === undefined ? {} : { clearPassword }),
    },
    secrets: {
      ...(encrypted === undefined ? {} : { encrypted }),
      ...(clearPassword === undefined ? {} : { clear: clearPassword }),
    },
  };
}

/** Makes an entry of the list, or tells what is wrong with the row. */
export function enumeratedFromRow(row: SqlRow, charset: SqlCharset): EnumeratedAccount | string {
  if (row.length < NEEDED_LIST_COLUMNS) {
    return `the row has ${row.length} columns, and needs at least ${NEEDED_LIST_COLUMNS}`;
  }
  const [name, uidText, gidText, home, maildir = '', optionsText = ''] = cells(row, charset);
  if (name === undefined) return "column 'login' is empty";
  const owner = ownerOf(uidText, gidText, home);
  if (typeof owner === 'string') return `${name}: ${owner}`;
  const damaged = [name, maildir, optionsText].find(hasControls);
  if (damaged !== undefined) return `${name}: a column holds control characters`;
  return { name, ...owner, maildir, options: parseOptions(optionsText) };
}

/** Makes an app password of a row: label, hash, services. Undefined where a cell is missing or holds controls. */
export function appPasswordFromRow(row: SqlRow, charset: SqlCharset): AppPassword | undefined {
  const [label, hash, services = ''] = cells(row, charset);
  if (label === undefined || hash === undefined || hasControls(label)) return undefined;
  return { label, hash, services: parseServices(services) };
}

function cells(row: SqlRow, charset: SqlCharset): (string | undefined)[] {
  return row.map((cell) => (cell === undefined || cell === '' ? undefined : charset.fromDatabase(cell)));
}

/** Whose the mail is and where: numbers that are nobody's by mistake, and a place that depends on nobody's directory. */
function ownerOf(
  uidText: string | undefined,
  gidText: string | undefined,
  home: string | undefined,
): { uid: number; gid: number; home: string } | string {
  const uid = unixId(uidText);
  const gid = unixId(gidText);
  if (uid === undefined || uid === 0) return idProblem('uid', uidText);
  if (gid === undefined || gid === 0) return idProblem('gid', gidText);
  if (home === undefined) return "column 'home' is empty";
  if (!home.startsWith('/')) return "column 'home' is no absolute path";
  if (hasControls(home)) return "column 'home' holds control characters";
  return { uid, gid, home };
}

function idProblem(column: string, text: string | undefined): string {
  if (text === undefined) return `column '${column}' is empty`;
  return /^0+$/.test(text) ? `column '${column}' is 0, which nobody's mail may be` : `column '${column}' is no number`;
}
