/**
 * The administrator's own statements (SELECT_CLAUSE and its like) with macros in them: `'$(local_part)'`.
 *
 * A value is escaped for the quotes its macro stands in, by the rules of the session that will read it, so that nothing
 * a client sends can end them. That needs the clause to be read as the server will read it: strings, names, comments.
 * What cannot be made safe (a macro outside quotes, in a comment, after a backslash) is a problem of the clause. Values
 * hold no control characters, and sessions speak UTF-8, in which no character hides a quote. Pure.
 */

/** Values by the names of their macros. */
export type Macros = Readonly<Record<string, string>>;

/** How a session reads quotes. */
export interface SqlQuoting {
  /** Which comments and quotes there are. */
  readonly language: 'mysql' | 'pgsql';
  /** A backslash in a string escapes: not with MySQL's NO_BACKSLASH_ESCAPES or PostgreSQL's standard_conforming_strings. */
  readonly backslashEscapes: boolean;
  /** "…" is a string and no name: MySQL without ANSI_QUOTES. */
  readonly doubleQuotedStrings: boolean;
}

/** How the servers read quotes unless they are told otherwise; for checks before there is a session. */
export const USUAL_QUOTING: Readonly<Record<SqlQuoting['language'], SqlQuoting>> = {
  mysql: { language: 'mysql', backslashEscapes: true, doubleQuotedStrings: true },
  pgsql: { language: 'pgsql', backslashEscapes: false, doubleQuotedStrings: false },
};

/** A piece of a clause: text as it is, or a macro and the quotes around it (none: only a plain word is safe there). */
type Piece =
  | { readonly text: string }
  | { readonly macro: string; readonly quote: '' | "'" | '"' | '`'; readonly backslashEscapes: boolean };

/** The only macro that may stand outside quotes, as part of a name: `allow_$(service)`. Our own servers say its value. */
const WORD_MACRO = 'service';
const MACRO = /\$\(([^)]*)\)/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;

/** Tells what is wrong with a clause, in words that follow its name. */
export function clauseProblems(clause: string, quoting: SqlQuoting): readonly string[] {
  return new ClauseReader(clause, quoting).read().problems;
}

/**
 * Writes the values into a clause; a macro that has none becomes empty.
 *
 *     fillClause("… WHERE id='$(local_part)'", { local_part: "o'neil" }, quoting)     // … WHERE id='o''neil'
 *
 * Undefined when the clause cannot take these values: it has problems, or the service is not a plain word.
 */
export function fillClause(clause: string, macros: Macros, quoting: SqlQuoting): string | undefined {
  const { pieces, problems } = new ClauseReader(clause, quoting).read();
  if (problems.length > 0) return undefined;
  let text = '';
  for (const piece of pieces) {
    if ('text' in piece) {
      text += piece.text;
      continue;
    }
    const value = Object.hasOwn(macros, piece.macro) ? (macros[piece.macro] ?? '') : '';
    if (piece.quote === '' && !/^\w*$/.test(value)) return undefined;
    text += escapeInside(value, piece.quote, piece.backslashEscapes);
  }
  return text;
}

function escapeInside(value: string, quote: string, backslashEscapes: boolean): string {
  // Doubling is right for quotes in every mode of both servers; a backslash before them would not be.
  const quoted = quote === '' ? value : value.replaceAll(quote, quote + quote);
  return backslashEscapes ? quoted.replaceAll('\\', '\\\\') : quoted;
}

class ClauseReader {
  readonly #clause: string;
  readonly #quoting: SqlQuoting;
  readonly #pieces: Piece[] = [];
  readonly #problems = new Set<string>();
  #position = 0;
  #copied = 0;

  constructor(clause: string, quoting: SqlQuoting) {
    this.#clause = clause;
    this.#quoting = quoting;
  }

  read(): { readonly pieces: readonly Piece[]; readonly problems: readonly string[] } {
    while (this.#position < this.#clause.length) this.#step();
    this.#copy(this.#clause.length);
    return { pieces: this.#pieces, problems: [...this.#problems] };
  }

  #step(): void {
    const character = this.#clause.charAt(this.#position);
    const isMysql = this.#quoting.language === 'mysql';
    if (character === "'" || character === '"' || (character === '`' && isMysql)) this.#quoted(character);
    else if (this.#startsLineComment()) this.#comment(this.#clause.length);
    else if (this.#startsWith('/*')) this.#comment(this.#endOfComment());
    else if (!isMysql && this.#dollarQuoted()) return;
    else if (!this.#macro('', false)) this.#position += 1;
  }

  #quoted(quote: "'" | '"' | '`'): void {
    const escapes = this.#backslashEscapesIn(quote);
    this.#position += 1;
    while (this.#position < this.#clause.length) {
      const character = this.#clause.charAt(this.#position);
      if (character === '\\' && escapes) {
        if (this.#clause.startsWith('$(', this.#position + 1)) this.#problems.add('has a backslash before a macro');
        this.#position += 2;
      } else if (character === quote) {
        this.#position += 1;
        // Twice is the quote itself.
        if (this.#clause.charAt(this.#position) !== quote) return;
        this.#position += 1;
      } else if (!this.#macro(quote, escapes)) this.#position += 1;
    }
    this.#problems.add(`has no closing ${quote}`);
  }

  #backslashEscapesIn(quote: string): boolean {
    const { language, backslashEscapes, doubleQuotedStrings } = this.#quoting;
    if (quote === '`') return false;
    if (language === 'mysql') return backslashEscapes && (quote === "'" || doubleQuotedStrings);
    const before = this.#clause.slice(0, this.#position);
    if (/(^|[^\w$\u0080-\uffff])u&$/i.test(before)) this.#problems.add("has a string of the form U&'…'");
    return quote === "'" && (backslashEscapes || /(^|[^\w$\u0080-\uffff])e$/i.test(before));
  }

  /** Takes a macro that begins here. */
  #macro(quote: '' | "'" | '"' | '`', backslashEscapes: boolean): boolean {
    MACRO.lastIndex = this.#position;
    const [whole, macro = ''] = MACRO.exec(this.#clause) ?? [];
    if (whole === undefined) return false;
    if (quote === '' && macro !== WORD_MACRO) {
      this.#problems.add(`has ${whole} outside quotes, where a login name would be read as SQL`);
    }
    this.#copy(this.#position);
    this.#pieces.push({ macro, quote, backslashEscapes });
    this.#position += whole.length;
    this.#copied = this.#position;
    return true;
  }

  #startsLineComment(): boolean {
    if (this.#quoting.language === 'pgsql') return this.#startsWith('--');
    return this.#startsWith('#') || /^--(\s|$)/.test(this.#clause.slice(this.#position, this.#position + 3));
  }

  /** Goes behind a comment. MySQL runs some of them (`/*!`), so they may say anything but macros. */
  #comment(end: number): void {
    if (this.#clause.slice(this.#position, end).includes('$(')) this.#problems.add('has a macro in a comment');
    this.#position = end;
  }

  #endOfComment(): number {
    let depth = 1;
    const marks = /\/\*|\*\//g;
    marks.lastIndex = this.#position + 2;
    for (let mark = marks.exec(this.#clause); mark !== null; mark = marks.exec(this.#clause)) {
      if (mark[0] === '*/') depth -= 1;
      else if (this.#quoting.language === 'pgsql') depth += 1;
      if (depth === 0) return marks.lastIndex;
    }
    this.#problems.add('has a comment without an end');
    return this.#clause.length;
  }

  /** Goes behind a string of the form $tag$…$tag$, in which nothing can be escaped. */
  #dollarQuoted(): boolean {
    if (/[\w\u0080-\uffff]/.test(this.#clause.charAt(this.#position - 1))) return false;
    DOLLAR_QUOTE.lastIndex = this.#position;
    const tag = DOLLAR_QUOTE.exec(this.#clause)?.[0];
    if (tag === undefined) return false;
    const close = this.#clause.indexOf(tag, this.#position + tag.length);
    const end = close < 0 ? this.#clause.length : close + tag.length;
    if (close < 0) this.#problems.add(`has no closing ${tag}`);
    if (this.#clause.slice(this.#position, end).includes('$(')) this.#problems.add(`has a macro between ${tag}`);
    this.#position = end;
    return true;
  }

  #startsWith(text: string): boolean {
    return this.#clause.startsWith(text, this.#position);
  }

  #copy(end: number): void {
    if (end > this.#copied) this.#pieces.push({ text: this.#clause.slice(this.#copied, end) });
    this.#copied = end;
  }
}
