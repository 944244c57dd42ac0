/**
 * What a line of the file means for the accounts as they are: done already, impossible, or a change of the book and a move
 * of mail. It looks at the disk, and changes nothing.
 */
import { isAbsolute, normalize } from 'node:path';
import { findSystemGroup, findSystemUser } from '../../init/runtime/system/system-users.js';
import { unixId } from '../protocol.js';
import { type AccountBook, type AccountChange, type FieldName, type KeptAccount, maildirPath } from './account-book.js';
import { fillPattern, type Request, type WrittenFields } from './account-lines.js';
import { asOwner, type Owner } from './as-owner.js';
import type { KnownAccounts } from './known-accounts.js';
import { isTaken, type Move, PlaceFailure, planMove } from './mail-places.js';

/** What is to be done with the mail of accounts. */
export interface MailChoices {
  /** A new account gets the mail that is there already. */
  readonly adoptMail: boolean;
  /** The mail of a deleted account: left where it is, moved aside, or removed. */
  readonly deleted: 'stays' | 'aside' | 'removed';
}

/** What a line comes to. */
export type Plan =
  | { readonly kind: 'nothing'; readonly said: string }
  | { readonly kind: 'problem'; readonly said: string }
  | {
      readonly kind: 'change';
      readonly said: string;
      readonly change: AccountChange;
      /** The account afterwards; undefined: there is none. */
      readonly after?: KeptAccount;
      readonly move?: Move;
      readonly owner?: Owner;
    };

/** What planning goes by. */
export interface Planning {
  readonly book: AccountBook;
  readonly known: KnownAccounts;
  readonly usualMaildir: string;
  readonly choices: MailChoices;
  /** For names of mail moved aside: `20261121T140500Z`. */
  readonly stamp: string;
}

/** Fields of `default` lines, and the planning of the lines behind them. */
export class Planner {
  readonly #planning: Planning;
  readonly #defaults = new Map<FieldName, string>();
  readonly #ids = new Map<string, number | undefined>();

  constructor(planning: Planning) {
    this.#planning = planning;
  }

  /** Takes a line of defaults. */
  setDefaults(fields: WrittenFields): void {
    for (const [name, value] of fields) this.#defaults.set(name, value);
  }

  /** @param becomes the name that lines below give the account */
  plan(request: Exclude<Request, { kind: 'default' }>, becomes?: string): Plan {
    // Names that make no path, and places that cannot be had, are problems of this one line.
    try {
      if (request.kind === 'delete') return this.#delete(request.name);
      const name = request.kind === 'rename' ? request.to : request.name;
      const { known } = this.#planning;
      const isOver = becomes !== undefined && known.get(becomes) !== undefined && known.get(request.name) === undefined;
      if (isOver && known.get(name) === undefined) return { kind: 'nothing', said: `is ${becomes} already` };
      return request.kind === 'create' ? this.#create(request.name, request.fields) : this.#rename(request);
    } catch (error) {
      if (error instanceof PlaceFailure || error instanceof RangeError) return problem(error.message);
      throw error;
    }
  }

  #create(name: string, written: WrittenFields): Plan {
    const fields = this.#resolved(name, new Map([...this.#defaults, ...written]));
    const account = this.#accountOf(name, fields);
    if (typeof account === 'string') return problem(account);
    const known = this.#planning.known.get(name);
    if (known !== undefined) return existing(known, account);
    const change = { kind: 'create', name, fields } as const;
    const refusal = this.#planning.book.refusal(change);
    if (refusal !== undefined) return problem(refusal);
    const maildir = this.#maildirOf(account);
    if (!this.#planning.choices.adoptMail && asOwner(account, () => isTaken(maildir))) {
      return problem(`there is mail at ${maildir} already; with --adopt-mail it becomes that of ${name}`);
    }
    return { kind: 'change', said: 'created', change, after: account };
  }

  #delete(name: string): Plan {
    const { book, known, choices, stamp } = this.#planning;
    const record = known.get(name);
    if (record === undefined) return { kind: 'nothing', said: 'gone already' };
    const change = { kind: 'delete', name } as const;
    const refusal = book.refusal(change);
    if (refusal !== undefined) return problem(refusal);
    if (choices.deleted === 'stays') return { kind: 'change', said: 'deleted; its mail stays', change };
    if ('broken' in record)
      return problem(`its record is broken (${record.broken}), so nobody knows where its mail is`);
    const maildir = this.#maildirOf(record);
    if (known.isSharedPlace(maildir, record)) return problem(`${maildir} is another account’s, too`);
    const aside = `${maildir}.deleted-${stamp}`;
    const move = asOwner(record, () => planMove(maildir, aside));
    const what = choices.deleted === 'aside' ? `its mail is ${aside} now` : 'its mail was removed';
    if (move === undefined) return { kind: 'change', said: 'deleted; it had no mail', change };
    return { kind: 'change', said: `deleted; ${what}`, change, move, owner: record };
  }

  #rename(request: { readonly name: string; readonly to: string; readonly fields: WrittenFields }): Plan {
    const { name, to } = request;
    const { book, known, choices } = this.#planning;
    const record = known.get(name);
    if (record === undefined) {
      const isDone = known.get(to) !== undefined;
      return isDone ? { kind: 'nothing', said: `is ${to} already` } : problem('there is no such account');
    }
    if (known.get(to) !== undefined) return problem(`there is an account ${to} already`);
    if ('broken' in record) return problem(`its record is broken: ${record.broken}`);
    const fields = this.#renamedFields(record, to, request.fields);
    const home = fields.get('home') ?? record.home;
    const after = { ...record, name: to, home, maildir: fields.get('maildir') ?? record.maildir };
    const wrong = placeProblem(after);
    if (wrong !== undefined) return problem(wrong);
    const change = { kind: 'rename', name, to, fields } as const;
    const refusal = book.refusal(change);
    if (refusal !== undefined) return problem(refusal);
    const paths = this.#pathsToMove(record, after);
    if (typeof paths === 'string') return problem(paths);
    const [from, place] = paths;
    if (from === place) return { kind: 'change', said: `renamed to ${to}; its mail stays where it is`, change, after };
    if (known.isSharedPlace(from, record)) return problem(`${from} is another account’s, too, and is not moved`);
    if (known.isSharedPlace(place, after)) return problem(`${place} is another account’s`);
    const move = asOwner(record, () => planMove(from, place));
    if (move !== undefined)
      return { kind: 'change', said: `renamed to ${to}; moved to ${place}`, change, after, move, owner: record };
    if (!choices.adoptMail && asOwner(record, () => isTaken(place))) return problem(`${place} exists already`);
    return { kind: 'change', said: `renamed to ${to}; there was nothing to move`, change, after };
  }

  /** What changes with the name: what the line says, and what follows the name by the pattern of a default. */
  #renamedFields(record: KeptAccount, to: string, written: WrittenFields): Map<FieldName, string> {
    const fields = new Map(this.#resolved(to, written));
    for (const field of ['home', 'maildir'] as const) {
      const pattern = this.#defaults.get(field);
      if (fields.has(field) || pattern?.includes('%') !== true) continue;
      if (isFilled(pattern, record.name, record[field])) fields.set(field, fillPattern(pattern, to));
    }
    const home = fields.get('home');
    // An absolute maildir inside the home moves with it.
    if (home !== undefined && !fields.has('maildir') && record.maildir.startsWith(`${record.home}/`)) {
      fields.set('maildir', `${home}${record.maildir.slice(record.home.length)}`);
    }
    return fields;
  }

  /** From where to where one rename moves everything; both the same: nothing moves. */
  #pathsToMove(before: KeptAccount, after: KeptAccount): readonly [string, string] | string {
    const [from, to] = [this.#maildirOf(before), this.#maildirOf(after)];
    if (before.home === after.home) return [from, to];
    const isInside = from.startsWith(`${before.home}/`);
    const moved = isInside ? `${after.home}${from.slice(before.home.length)}` : from;
    return moved === to
      ? [before.home, after.home]
      : 'home and maildir cannot be moved apart in one step; use two lines';
  }

  /** Patterns filled in, and users' and groups' names as numbers where they are known. */
  #resolved(name: string, fields: WrittenFields): Map<FieldName, string> {
    const resolved = new Map<FieldName, string>();
    for (const [field, value] of fields) {
      const isPattern = (field === 'home' || field === 'maildir') && value.includes('%');
      if (isPattern) resolved.set(field, fillPattern(value, name));
      else if (field === 'uid' || field === 'gid') resolved.set(field, String(this.#idOf(field, value) ?? value));
      else resolved.set(field, value);
    }
    return resolved;
  }

  #idOf(field: 'uid' | 'gid', value: string): number | undefined {
    const key = `${field}=${value}`;
    if (!this.#ids.has(key)) {
      const named = (): number | undefined => (field === 'uid' ? findSystemUser(value)?.uid : findSystemGroup(value));
      this.#ids.set(key, unixId(value) ?? named());
    }
    return this.#ids.get(key);
  }

  #accountOf(name: string, fields: ReadonlyMap<FieldName, string>): KeptAccount | string {
    const missing = (['uid', 'gid', 'home'] as const).find((field) => (fields.get(field) ?? '') === '');
    if (missing !== undefined) return `${missing} is missing`;
    const [uid, gid] = [unixId(fields.get('uid')), unixId(fields.get('gid'))];
    if (uid === undefined) return `there is no user ${fields.get('uid')}`;
    if (gid === undefined) return `there is no group ${fields.get('gid')}`;
    if (uid === 0 || gid === 0) return 'uid and gid 0 are nobody’s mail';
    const account = { name, uid, gid, home: fields.get('home') ?? '', maildir: fields.get('maildir') ?? '' };
    return placeProblem(account) ?? account;
  }

  #maildirOf(account: KeptAccount): string {
    return maildirPath(account, this.#planning.usualMaildir);
  }
}

/** Is this where an account of that name has its place by the pattern? */
function isFilled(pattern: string, name: string, place: string): boolean {
  try {
    return fillPattern(pattern, name) === place;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function placeProblem({ home, maildir }: KeptAccount): string | undefined {
  if (!isAbsolute(home) || normalize(home) !== home || home === '/') return `home=${home} is no plain absolute path`;
  return maildir.split('/').includes('..') ? `maildir=${maildir} leads out of its place` : undefined;
}

/** Run twice, a file finds its accounts; an account of that name with another place is somebody else's. */
function existing(known: ReturnType<KnownAccounts['get']>, asked: KeptAccount): Plan {
  if (known === undefined || 'broken' in known) return problem(`exists, and its record is broken: ${known?.broken}`);
  const differing = (['uid', 'gid', 'home', 'maildir'] as const).filter((field) => known[field] !== asked[field]);
  return differing.length === 0
    ? { kind: 'nothing', said: 'exists' }
    : problem(`exists, with another ${differing.join(', ')}`);
}

function problem(said: string): Plan {
  return { kind: 'problem', said };
}
