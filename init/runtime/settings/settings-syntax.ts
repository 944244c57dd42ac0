/**
 * The part of shell syntax that settings files use: `NAME=value` with quotes, `$NAME`, `${NAME}` and comments.
 *
 *     TLS_CERTFILE=/etc/courier/imapd.pem        # comment
 *     IMAP_CAPABILITY_TLS="$IMAP_CAPABILITY AUTH=PLAIN"
 *
 * Nothing is run: what a shell would execute is a problem with its line. It does not know which settings exist.
 */

/** One assignment, with its value after quotes and variables are gone. */
export interface Assignment {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** Something in a file that cannot be understood, and what to do about it. */
export interface SyntaxProblem {
  readonly line: number;
  readonly what: string;
  readonly remedy: string;
}

/** What a file says, as far as it could be understood. */
export interface ParsedSettings {
  readonly assignments: readonly Assignment[];
  readonly problems: readonly SyntaxProblem[];
}

const NAME_START = /[A-Za-z_]/;
const NAME_REST = /[A-Za-z0-9_]/;

/** Characters that make a shell do something when they stand outside quotes. */
const OPERATORS = '|&<>()';

/** Raised inside the parser only: the rest of the line is skipped, and parsing goes on at the next one. */
class Unreadable extends Error {
  readonly line: number;
  readonly remedy: string;

  constructor(line: number, what: string, remedy: string) {
    super(what);
    this.line = line;
    this.remedy = remedy;
  }
}

/**
 * Reads a whole file and collects everything that is wrong with it.
 *
 * `variables` holds what earlier files assigned; it is updated, so that `$NAME` means what it means to a shell that
 * reads the files one after the other. A name that nobody assigned is empty.
 */
export function parseSettings(text: string, variables: Map<string, string>): ParsedSettings {
  const assignments: Assignment[] = [];
  const problems: SyntaxProblem[] = [];
  const reader = new SettingsReader(text, variables);
  while (!reader.atEnd) {
    try {
      assignments.push(...reader.line());
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      problems.push({ line: error.line, what: error.message, remedy: error.remedy });
      reader.skipLine();
    }
  }
  return { assignments, problems };
}

class SettingsReader {
  readonly #text: string;
  readonly #variables: Map<string, string>;
  #position = 0;
  #line = 1;

  constructor(text: string, variables: Map<string, string>) {
    this.#text = text;
    this.#variables = variables;
  }

  get atEnd(): boolean {
    return this.#position >= this.#text.length;
  }

  /** Reads the assignments of one line, to behind its end. */
  line(): Assignment[] {
    const assignments: Assignment[] = [];
    for (;;) {
      this.#skipBlanks();
      const character = this.#peek();
      if (character === '#') {
        this.#skipComment();
        return assignments;
      }
      if (character === '' || character === '\n') {
        this.#take();
        return assignments;
      }
      if (character === ';') this.#take();
      else this.#assignment(assignments);
    }
  }

  /** Goes behind the end of the line, after something that could not be read. */
  skipLine(): void {
    while (this.#peek() !== '\n' && !this.atEnd) this.#take();
    this.#take();
  }

  #assignment(assignments: Assignment[]): void {
    const line = this.#line;
    const name = this.#name();
    if (name === 'export' && this.#peek() === ' ') return;
    if (name === '' || this.#peek() !== '=') {
      // `export NAME` without a value says nothing that matters to us.
      if (name !== '' && this.#text.slice(0, this.#position).endsWith(`export ${name}`)) return;
      throw new Unreadable(line, 'this is not NAME=value', 'write NAME=value, or put a # before it');
    }
    this.#take();
    const value = this.#value();
    this.#variables.set(name, value);
    assignments.push({ name, value, line });
  }

  #name(): string {
    const start = this.#position;
    if (NAME_START.test(this.#peek())) {
      while (NAME_REST.test(this.#peek())) this.#take();
    }
    return this.#text.slice(start, this.#position);
  }

  #value(): string {
    let value = '';
    for (;;) {
      const character = this.#peek();
      if (character === '' || ' \t\r\n;'.includes(character)) return value;
      if (OPERATORS.includes(character)) {
        throw new Unreadable(this.#line, `"${character}" outside quotes`, 'put the value in double quotes');
      }
      value += this.#piece(character);
    }
  }

  #piece(character: string): string {
    if (character === "'") return this.#singleQuoted();
    if (character === '"') return this.#doubleQuoted();
    if (character === '$') return this.#variable();
    if (character === '`') throw this.#command();
    this.#take();
    if (character !== '\\') return character;
    const escaped = this.#take();
    return escaped === '\n' ? '' : escaped;
  }

  #singleQuoted(): string {
    const line = this.#line;
    this.#take();
    const end = this.#text.indexOf("'", this.#position);
    if (end === -1) throw this.#unclosed(line, "'");
    let value = '';
    while (this.#position < end) value += this.#take();
    this.#take();
    return value;
  }

  #doubleQuoted(): string {
    const line = this.#line;
    const start = this.#position;
    this.#take();
    let value = '';
    for (;;) {
      const character = this.#peek();
      if (character === '') {
        this.#position = start;
        this.#line = line;
        throw this.#unclosed(line, '"');
      }
      if (character === '$') value += this.#variable();
      else if (character === '`') throw this.#command();
      else if (character === '\\') value += this.#escapeInQuotes();
      else if (this.#take() === '"') return value;
      else value += character;
    }
  }

  #escapeInQuotes(): string {
    this.#take();
    const escaped = this.#take();
    if (escaped === '\n') return '';
    return '"\\$`'.includes(escaped) ? escaped : `\\${escaped}`;
  }

  #variable(): string {
    this.#take();
    const braced = this.#peek() === '{';
    if (this.#peek() === '(') throw this.#command();
    if (braced) this.#take();
    const name = this.#name();
    if (braced && this.#peek() !== '}') {
      throw new Unreadable(this.#line, 'only $NAME and ${NAME} are understood after a $', 'write the value itself');
    }
    if (braced) this.#take();
    if (name === '' && braced) throw new Unreadable(this.#line, '${} names nothing', 'write the value itself');
    return name === '' ? '$' : (this.#variables.get(name) ?? '');
  }

  #command(): Unreadable {
    return new Unreadable(
      this.#line,
      'a command to run stands in the value; nothing is run here',
      'write the value that the command gives',
    );
  }

  #unclosed(line: number, quote: string): Unreadable {
    return new Unreadable(line, `the value has no closing ${quote}`, `end the value with ${quote}`);
  }

  #skipBlanks(): void {
    for (;;) {
      if (' \t\r'.includes(this.#peek()) && !this.atEnd) this.#take();
      else if (this.#text.startsWith('\\\n', this.#position)) {
        this.#take();
        this.#take();
      } else return;
    }
  }

  #skipComment(): void {
    while (this.#peek() !== '\n' && !this.atEnd) this.#take();
    this.#take();
  }

  #peek(): string {
    return this.#text[this.#position] ?? '';
  }

  #take(): string {
    const character = this.#peek();
    if (character === '\n') this.#line += 1;
    this.#position += 1;
    return character;
  }
}
