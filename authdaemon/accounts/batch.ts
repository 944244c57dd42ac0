/**
 * A file of changes, carried out: some lines at a time, in their order.
 *
 * For each such step: what will be moved is written into the journal; homes are moved; the book is changed; mail of deleted
 * accounts is moved aside or removed. At the end the new names are written where others' mail names the accounts. Whatever
 * is interrupted, the next run goes on from the journal: a home that was moved gets its record, a deleted account's mail is
 * gone, and no name is forgotten.
 */
import { type AccountBook, type AccountChange, BookFailure, type KeptAccount, maildirPath } from './account-book.js';
import type { AccountLine, Request } from './account-lines.js';
import { asOwner } from './as-owner.js';
import type { Journal, PendingName, Unfinished } from './journal.js';
import { KnownAccounts } from './known-accounts.js';
import { makeMove, removeMail, undoMove, whereIs } from './mail-places.js';
import { type NewNames, renameInMaildir } from './names-in-mail.js';
import { type MailChoices, type Plan, Planner } from './plan.js';
import type { SharedIndex } from './shared-index.js';

/** Lines of one step: the book is written and synced once for all of them. */
const LINES_AT_ONCE = 100;

/** What a line came to, for whoever started the batch. */
export interface LineResult {
  readonly line: number;
  readonly name: string;
  readonly said: string;
  readonly outcome: 'done' | 'was so' | 'wrong';
}

/** How a batch is made. */
export interface BatchOptions {
  readonly book: AccountBook;
  readonly journal: Journal;
  readonly index: SharedIndex;
  readonly usualMaildir: string;
  readonly choices: MailChoices;
  readonly dryRun: boolean;
  readonly stamp: string;
  readonly tell: (result: LineResult) => void;
  /** Something that concerns no single line went wrong. */
  readonly warn: (text: string) => void;
}

type Change = Extract<Plan, { kind: 'change' }>;

interface Planned {
  readonly line: number;
  readonly name: string;
  readonly plan: Plan;
}

/** One run of authaccounts on one book. */
export class Batch {
  readonly #options: BatchOptions;
  #names: PendingName[] = [];
  #known: KnownAccounts;

  constructor(options: BatchOptions) {
    this.#options = options;
    this.#known = new KnownAccounts([], options.usualMaildir);
  }

  /** Carries all lines out. @throws {BookFailure} Nothing more can be done; lines that were told are done. */
  async run(lines: readonly AccountLine[]): Promise<void> {
    const { book, usualMaildir, choices, stamp, dryRun } = this.#options;
    if (!dryRun) await this.#recover();
    this.#known = new KnownAccounts((await book.records()).values(), usualMaildir);
    const planner = new Planner({ book, known: this.#known, usualMaildir, choices, stamp });
    let step: Planned[] = [];
    let touched = new Set<string>();
    for (const { number, request, becomes } of lines) {
      if (typeof request !== 'string' && request.kind === 'default') {
        planner.setDefaults(request.fields);
        continue;
      }
      const names = namesOf(request);
      if (step.length >= LINES_AT_ONCE || names.some((name) => touched.has(name))) {
        await this.#carryOut(step);
        [step, touched] = [[], new Set()];
      }
      const plan: Plan =
        typeof request === 'string' ? { kind: 'problem', said: request } : planner.plan(request, becomes);
      step.push({ line: number, name: names[0] ?? '', plan });
      for (const name of names) touched.add(name);
      if (plan.kind === 'change') this.#note(plan);
    }
    await this.#carryOut(step);
    if (!dryRun) await this.#renameEverywhere();
  }

  /** The accounts as they will be, for the lines that follow. */
  #note({ change, after }: Change): void {
    if (change.kind !== 'create') this.#known.remove(change.name);
    if (after !== undefined) this.#known.add(after);
  }

  async #carryOut(step: readonly Planned[]): Promise<void> {
    const changes = step.flatMap(({ plan }) => (plan.kind === 'change' ? [plan] : []));
    const problems = this.#options.dryRun ? new Map<string, string>() : await this.#change(changes);
    for (const { line, name, plan } of step) {
      const problem = plan.kind === 'problem' ? plan.said : plan.kind === 'change' ? problems.get(name) : undefined;
      const would = this.#options.dryRun && plan.kind === 'change' ? 'would be ' : '';
      const said = problem ?? `${would}${plan.said}`;
      const good = plan.kind === 'nothing' ? 'was so' : 'done';
      this.#options.tell({ line, name, said, outcome: problem === undefined ? good : 'wrong' });
    }
  }

  /** Makes the changes of one step; gives the problems by name. */
  async #change(changes: readonly Change[]): Promise<ReadonlyMap<string, string>> {
    if (changes.length === 0) return new Map();
    const problems = new Map<string, string>();
    const unfinished = changes.flatMap((each) => this.#unfinished(each));
    this.#journal(unfinished);
    for (const { kind, name, move, owner } of unfinished) {
      if (kind === 'rename' && move !== undefined) attempt(problems, name, () => asOwner(owner, () => makeMove(move)));
    }
    const possible = changes.filter(({ change }) => !problems.has(change.name));
    const refused = await this.#options.book.change(possible.map(({ change }) => change));
    for (const { change, move, owner } of possible) {
      const why = refused.get(change.name);
      if (why === undefined) continue;
      problems.set(change.name, why);
      if (change.kind === 'rename' && move !== undefined && owner !== undefined) {
        attempt(problems, change.name, () => asOwner(owner, () => undoMove(move)));
      }
    }
    for (const each of unfinished) {
      if (each.kind === 'delete' && !problems.has(each.name)) this.#takeMailAway(problems, each);
    }
    this.#keepNames(changes.filter(({ change }) => !problems.has(change.name)));
    this.#journal([]);
    return problems;
  }

  #unfinished({ change, move, owner }: Change): Unfinished[] {
    if (change.kind === 'create') return [];
    const to = change.kind === 'rename' ? { to: change.to } : {};
    const fields = change.kind === 'rename' ? [...change.fields] : [];
    const remove = this.#options.choices.deleted === 'removed';
    const moving = move === undefined ? {} : { move };
    // A change without mail is known again by its names; whose it is does not matter then.
    const { uid, gid } = owner ?? { uid: -1, gid: -1 };
    return [{ kind: change.kind, name: change.name, ...to, fields, owner: { uid, gid }, ...moving, remove }];
  }

  #takeMailAway(problems: Map<string, string>, { name, move, owner, remove }: Unfinished): void {
    if (move === undefined) return;
    attempt(problems, name, () =>
      asOwner(owner, () => {
        if (whereIs(move) === 'from') makeMove(move);
        if (remove && whereIs(move) === 'to') removeMail(move.to);
      }),
    );
    const why = problems.get(name);
    if (why !== undefined) problems.set(name, `deleted, but its mail is where it was: ${why}`);
  }

  #keepNames(changes: readonly Change[]): void {
    for (const { change } of changes) {
      if (change.kind === 'rename') this.#names.push({ name: change.name, to: change.to });
      else if (change.kind === 'delete' && this.#options.choices.deleted !== 'stays') {
        this.#names.push({ name: change.name });
      }
    }
  }

  #journal(changes: readonly Unfinished[]): void {
    this.#options.journal.write({ book: this.#options.book.name, changes, names: this.#names });
  }

  /** Finishes what an earlier run began. */
  async #recover(): Promise<void> {
    const { book, journal, warn } = this.#options;
    const state = journal.read();
    await book.prepare?.();
    if (state === undefined) return;
    if (state.book !== book.name) {
      throw new BookFailure(`an earlier run with --module ${state.book} was interrupted; run that again first`);
    }
    this.#names = [...state.names];
    const records = await book.records();
    const problems = new Map<string, string>();
    for (const each of state.changes) {
      if (each.kind === 'delete' && records.get(each.name) === undefined) {
        this.#takeMailAway(problems, each);
        if (each.move !== undefined) this.#names.push({ name: each.name });
      }
      if (each.kind === 'rename') await this.#recoverRename(each, records, problems);
    }
    for (const [name, why] of problems) warn(`${name}, from an earlier run: ${why}`);
    this.#journal([]);
  }

  async #recoverRename(
    { name, to = '', fields, move, owner }: Unfinished,
    records: Awaited<ReturnType<AccountBook['records']>>,
    problems: Map<string, string>,
  ): Promise<void> {
    const isMoved = move !== undefined && asOwner(owner, () => whereIs(move)) === 'to';
    const [before, after] = [records.get(name), records.get(to)];
    const change: AccountChange = { kind: 'rename', name, to, fields: new Map(fields) };
    if (isMoved && before !== undefined && after === undefined) {
      const refused = (await this.#options.book.change([change])).get(name);
      if (refused !== undefined) {
        problems.set(name, refused);
        attempt(problems, name, () => asOwner(owner, () => undoMove(move)));
        return;
      }
    } else if (before !== undefined || after === undefined) {
      // It had not begun, or somebody else has changed the accounts since.
      return;
    }
    this.#names.push({ name, to });
  }

  /** Writes new names where others' mail names the accounts, and into the index of shared maildirs. */
  async #renameEverywhere(): Promise<void> {
    if (this.#names.length === 0) return;
    const { index, usualMaildir, warn } = this.#options;
    const names = finalNames(this.#names);
    const complain = (what: string, error: unknown): void => {
      warn(`${what}: the new names could not be written: ${error instanceof Error ? error.message : error}`);
    };
    // Each maildir and the index by itself: what is wrong with one is no reason to leave out the others.
    let prefixes = new Map<string, string>();
    let indexed: KeptAccount[] = [];
    try {
      indexed = index.accounts();
      prefixes = index.prefixes(names);
    } catch (error) {
      complain('the index of shared maildirs', error);
    }
    const done = new Set<string>();
    for (const account of [...this.#known.accounts(), ...indexed]) {
      const maildir = maildirPath(account, usualMaildir);
      if (done.has(maildir)) continue;
      done.add(maildir);
      try {
        asOwner(account, () => renameInMaildir(maildir, names, prefixes));
      } catch (error) {
        complain(maildir, error);
      }
    }
    try {
      index.rename(names, (name) => this.#known.get(name));
    } catch (error) {
      complain('the index of shared maildirs', error);
    }
    this.#names = [];
    this.#journal([]);
  }
}

/** Where a name ends that was changed more than once. */
function finalNames(pending: readonly PendingName[]): NewNames {
  const names = new Map<string, string | undefined>();
  for (const { name, to } of pending) {
    for (const [first, last] of names) if (last === name) names.set(first, to);
    names.set(name, to);
  }
  return names;
}

function namesOf(request: Request | string): string[] {
  if (typeof request === 'string' || request.kind === 'default') return [];
  return request.kind === 'rename' ? [request.name, request.to] : [request.name];
}

function attempt(problems: Map<string, string>, name: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const before = problems.get(name);
    problems.set(name, before === undefined ? error.message : `${before}; ${error.message}`);
  }
}
