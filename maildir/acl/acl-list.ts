/**
 * AclList: who may do what with one folder, as a file of Courier's says it.
 *
 *     owner aceilrstwx
 *     administrators aceilrstwx
 *     user=bob lr
 *     -user=cat r                negative: taken away again, whoever gave it
 *
 * An identifier ends at the first space, so none holds one. Letters that are no rights of ours are kept. Of two lines for
 * one identifier the last counts, in the place of the first. A line that Courier would pass over is passed over, and leaves
 * somebody who was named before without rights; but one that was to take rights away makes the whole list one that is not to
 * be believed, lest somebody gets more than was meant.
 */
import { ALL_LETTERS, hasRight, NO_RIGHTS, type Rights, rightsFromLetters } from './rights.js';

/** One line of a list. The letters are in the order of the alphabet, each once. */
export interface AclEntry {
  readonly identifier: string;
  readonly letters: string;
}

/**
 * Who somebody is to a folder: the identifiers that stand for him besides anyone, such as `user=bob`, `group=staff` and,
 * if it is his own, `owner`.
 */
export type Identities = readonly string[];

const ADMINISTRATORS = 'administrators';
const ADMINISTRATORS_GROUP = 'group=administrators';
const EVERYBODY: Identities = ['anyone', 'anonymous'];

/** Whose rights a change may not cut. */
export type Protected = 'owner' | 'administrators' | { readonly identifier: string };

/** A list that does not change. */
export class AclList {
  readonly #letters: ReadonlyMap<string, string>;
  /** What was found out already: a session asks with each command, and always with the same identities. */
  readonly #rights = new WeakMap<Identities, Rights>();

  private constructor(letters: ReadonlyMap<string, string>) {
    this.#letters = letters;
  }

  /** What a folder has that nobody ever gave a list. */
  static readonly unchanged = new AclList(
    new Map([
      ['owner', ALL_LETTERS],
      [ADMINISTRATORS, ALL_LETTERS],
    ]),
  );

  /** Reads a file; undefined for one that is not to be believed. */
  static parse(text: string): AclList | undefined {
    const letters = new Map<string, string>();
    for (const line of text.split('\n')) {
      const space = line.indexOf(' ');
      const identifier = space < 0 ? line : line.slice(0, space);
      const rights = space < 0 ? '' : line.slice(space).replace(/^ +/, '').replace(/\0.*$/s, '');
      const isSomebody = identifier !== '' && isPlain(identifier);
      if (isSomebody && isPlain(rights)) letters.set(identifier, sorted(rights));
      else if (line.startsWith('-')) return undefined;
      else if (isSomebody && letters.has(identifier)) letters.set(identifier, '');
    }
    return new AclList(withAdministrators(letters));
  }

  /** As it stands in a file. */
  format(): string {
    return Array.from(this.#letters, ([identifier, letters]) => `${identifier} ${letters}\n`).join('');
  }

  /** In the order of the file. */
  entries(): AclEntry[] {
    return Array.from(this.#letters, ([identifier, letters]) => ({ identifier, letters }));
  }

  /**
   * The list with one entry changed: `lr` replaces its rights, `+s` adds and `-s` takes away. An entry without rights
   * stays, as in Courier. Undefined if there can be no such identifier or letter.
   */
  with(identifier: string, change: string): AclList | undefined {
    const [sign, given] = /^[+-]/.test(change) ? [change[0], change.slice(1)] : ['', change];
    if (!isIdentifier(identifier) || !isPlain(given)) return undefined;
    const before = sign === '' ? '' : (this.#letters.get(identifier) ?? '');
    const after = sign === '-' ? [...before].filter((letter) => !given.includes(letter)).join('') : before + given;
    return new AclList(new Map(this.#letters).set(identifier, sorted(after)));
  }

  /** The same, but an entry without rights goes, as when Courier's clients change a list. */
  given(identifier: string, change: string): AclList | undefined {
    const changed = this.with(identifier, change);
    return changed !== undefined && changed.#letters.get(identifier) === '' ? changed.without(identifier) : changed;
  }

  /** The list without the entry of an identifier. */
  without(identifier: string): AclList {
    const letters = new Map(this.#letters);
    letters.delete(identifier);
    return new AclList(letters);
  }

  /** The letters that somebody has by this list alone, in the order of the alphabet. */
  lettersOf(identities: Identities): string {
    const everything = new Set<string>();
    const all = this.#applying(identities);
    for (const identifier of all) for (const letter of this.#letters.get(identifier) ?? '') everything.add(letter);
    for (const identifier of all) {
      for (const letter of this.#letters.get(`-${identifier}`) ?? '') everything.delete(letter);
    }
    return [...everything].sort().join('');
  }

  /**
   * What somebody may do. The owner always has `a`, as with Courier; and `l`, without which he could not find what he may
   * administer. An owner whom the list itself leaves neither, which no tool writes, keeps all that is his.
   */
  rightsOf(identities: Identities): Rights {
    let rights = this.#rights.get(identities);
    if (rights !== undefined) return rights;
    rights = rightsFromLetters(this.lettersOf(identities));
    if (identities.includes('owner')) rights |= rightsFromLetters(this.#allows('owner') ? 'al' : ALL_LETTERS);
    this.#rights.set(identities, rights);
    return rights;
  }

  /** Whose rights this list would cut so far that nobody may store it; undefined if it may be stored. */
  tooLittleFor(owner?: string): Protected | undefined {
    if (!this.#allows('owner')) return 'owner';
    if (owner !== undefined && !isManaged(rightsFromLetters(this.lettersOf(['owner', owner]))))
      return { identifier: owner };
    const administrators = this.lettersOf([ADMINISTRATORS]);
    return [...ALL_LETTERS].every((letter) => administrators.includes(letter)) ? undefined : 'administrators';
  }

  #allows(identity: 'owner'): boolean {
    return isManaged(rightsFromLetters(this.lettersOf([identity])));
  }

  #applying(identities: Identities): string[] {
    const all = [...EVERYBODY, ...identities];
    if (identities.includes(ADMINISTRATORS)) all.push(ADMINISTRATORS_GROUP);
    if (identities.includes(ADMINISTRATORS_GROUP)) all.push(ADMINISTRATORS);
    return all;
  }
}

/** Whether an ACL file may hold this identifier. A minus in front makes it a negative one. */
export function isIdentifier(identifier: string): boolean {
  return identifier !== '' && identifier !== '-' && isPlain(identifier);
}

/** No spaces and no controls. Surrogates stand for octets that are no UTF-8, and go back to the file as those. */
function isPlain(text: string): boolean {
  return !/[\u0000- ]/.test(text);
}

function isManaged(rights: Rights): boolean {
  return rights !== NO_RIGHTS && hasRight(rights, 'a') && hasRight(rights, 'l');
}

function sorted(letters: string): string {
  return [...new Set(letters)].sort().join('');
}

/** Administrators have everything everywhere, and nothing of it can be taken from them. */
function withAdministrators(letters: Map<string, string>): Map<string, string> {
  letters.delete(`-${ADMINISTRATORS}`);
  letters.delete(`-${ADMINISTRATORS_GROUP}`);
  const identifier = letters.has(ADMINISTRATORS_GROUP) ? ADMINISTRATORS_GROUP : ADMINISTRATORS;
  return letters.set(identifier, sorted((letters.get(identifier) ?? '') + ALL_LETTERS));
}
