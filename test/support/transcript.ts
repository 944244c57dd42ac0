/**
 * Transcripts: conversations as plain files, in the notation of the RFCs. This file reads them; it plays nothing.
 *
 *     About:    UID STORE adds \Seen.                a head of `Name: text` lines; a line that begins with a
 *     Maildir:  one-unread                           space continues the one above
 *
 *     C1: a1 SELECT INBOX                            the client of connection 1 sends (C: is connection 1); lines that
 *                                                    follow each other go out together
 *     S1: ...                                        any number of lines
 *     S1: * OK [UIDVALIDITY $validity] ...           $name: remembered at first sight; ...: the rest
 *     S1! * 1 EXPUNGE                                must not appear in this answer
 *     S1: a1 OK ...
 *
 *     $ ls cur                                       a command, run in the maildir, and all that it prints
 *     1700000001.M1.mx:2,S
 *     exit 1                                         its exit code, when that is not 0
 *
 * Two lines are actions: `S: (connection closed)` waits for the end, `C: (starts TLS)` begins the handshake; in memory
 * there is none, and what STARTTLS means for the protocol is played all the same.
 * `Accounts: ann=three-messages` gives other accounts maildirs, at ../ann/Maildir, and names them in the shared index;
 * `Users: 2=ann` logs connection 2 in as one of them.
 * `Protocol: SMAP1` in the head: the clients speak SMAP, whose lines end in LF alone.
 *
 * An answer ends before the next line of another kind or connection; its last line cannot be `...`.
 */

/** Where a line of a transcript stands, 1 and up. */
export type LineNumber = number;

/** The client sends one line. */
export interface SendStep {
  readonly kind: 'send';
  readonly connection: number;
  readonly text: string;
  readonly line: LineNumber;
}

/** One line that the server must send, or must not. */
export interface ExpectedLine {
  readonly text: string;
  readonly line: LineNumber;
}

/** All of one answer, as far as the file demands it without a break. */
export interface AnswerStep {
  readonly kind: 'answer';
  readonly connection: number;
  readonly lines: ExpectedLine[];
  readonly forbidden: ExpectedLine[];
}

/** A command of the shell and what it must print. */
export interface CommandStep {
  readonly kind: 'command';
  readonly command: string;
  readonly output: ExpectedLine[];
  exitCode: number;
  readonly line: LineNumber;
}

export type Step = SendStep | AnswerStep | CommandStep;

/** What may stand in a head. Repeated lines are kept one by one. */
const headNames = [
  'About',
  'RFC',
  'Maildir',
  'Login',
  'Connection',
  'Protocol',
  'Order',
  'Settings',
  'Options',
  'Accounts',
  'Users',
  'Courier',
  'Dovecot',
  'Peers',
] as const;
export type HeadName = (typeof headNames)[number];

export interface Transcript {
  readonly name: string;
  readonly head: ReadonlyMap<HeadName, readonly string[]>;
  readonly steps: readonly Step[];
}

/** A transcript that does not keep its own rules. The text names file and line. */
export class TranscriptMistake extends Error {}

/** The first head line of that name, or undefined. */
export function headLine(transcript: Transcript, name: HeadName): string | undefined {
  return transcript.head.get(name)?.[0];
}

/**
 * `NAME=value` head lines as an object.
 *
 *     Settings: IMAP_KEYWORDS=2      one setting per line; the value is the rest of the line
 */
export function headAssignments(
  transcript: Transcript,
  name: 'Settings' | 'Options' | 'Accounts' | 'Users',
): Record<string, string> {
  const assignments: Record<string, string> = {};
  for (const text of transcript.head.get(name) ?? []) {
    const equals = text.indexOf('=');
    if (equals < 1) throw new TranscriptMistake(`${transcript.name}: ${name}: ${text}: not NAME=value`);
    assignments[text.slice(0, equals).trim()] = text.slice(equals + 1).trim();
  }
  return assignments;
}

/** @throws {TranscriptMistake} with file and line, when the text is no transcript. */
export function parseTranscript(name: string, text: string): Transcript {
  const lines = text.split('\n');
  const mistake = (line: LineNumber, what: string): never => {
    throw new TranscriptMistake(`${name}:${line}: ${what}`);
  };
  const bodyStart = lines.findIndex((line) => line.trim() === '');
  const head = parseHead(bodyStart < 0 ? lines : lines.slice(0, bodyStart), mistake);
  const steps = parseBody(lines, bodyStart < 0 ? lines.length : bodyStart, mistake);
  for (const step of steps) {
    const last = step.kind === 'answer' ? step.lines.at(-1) : undefined;
    if (last?.text === '...') mistake(last.line, 'an answer cannot end in `...`: nobody knows when it is over');
    if (step.kind === 'answer' && last === undefined) {
      mistake(step.forbidden[0]?.line ?? 0, 'an answer needs at least one line that must come');
    }
  }
  return { name, head, steps };
}

type Mistake = (line: LineNumber, what: string) => never;

function parseHead(lines: readonly string[], mistake: Mistake): Map<HeadName, string[]> {
  const head = new Map<HeadName, string[]>();
  let current: string[] | undefined;
  for (const [index, line] of lines.entries()) {
    if (/^\s/.test(line) && current !== undefined) {
      current.push(`${current.pop() ?? ''} ${line.trim()}`);
      continue;
    }
    const [, word, value] = /^([A-Za-z]+):\s*(.*)$/.exec(line) ?? mistake(index + 1, 'not a head line');
    const headName = headNames.find((known) => known === word) ?? mistake(index + 1, `unknown head line ${word}`);
    current = head.get(headName) ?? [];
    current.push((value ?? '').trim());
    head.set(headName, current);
  }
  return head;
}

function parseBody(lines: readonly string[], start: number, mistake: Mistake): Step[] {
  const steps: Step[] = [];
  for (let index = start; index < lines.length; index += 1) {
    const text = lines[index] ?? '';
    const line = index + 1;
    const last = steps.at(-1);
    const command = /^\$ (.*)$/.exec(text);
    const spoken = /^([CS])(\d*)([:!])(?: (.*))?$/.exec(text);
    if (command !== null) {
      steps.push({ kind: 'command', command: command[1] ?? '', output: [], exitCode: 0, line });
    } else if (last?.kind === 'command' && text !== '' && spoken === null) {
      addOutput(last, { text, line });
    } else if (spoken !== null) {
      addSpoken(steps, spoken, line, lines[index - 1]?.trim() === '');
    } else if (text.trim() !== '') {
      mistake(line, 'neither C:, S:, S! nor $');
    }
  }
  return steps;
}

/** A blank line ends what a command prints, unless more of it follows: then it is `(blank)` in the file. */
function addOutput(step: CommandStep, printed: ExpectedLine): void {
  const code = /^exit (\d+)$/.exec(printed.text);
  if (code === null) step.output.push({ ...printed, text: printed.text === '(blank)' ? '' : printed.text });
  else step.exitCode = Number(code[1]);
}

function addSpoken(steps: Step[], spoken: RegExpExecArray, line: LineNumber, afterBlank: boolean): void {
  const [, side, number, mark, words] = spoken;
  const connection = number === '' ? 1 : Number(number);
  const text = words ?? '';
  if (side === 'C') {
    steps.push({ kind: 'send', connection, text, line });
    return;
  }
  let answer = steps.at(-1);
  const goesOn = answer?.kind === 'answer' && answer.connection === connection && !afterBlank;
  if (!goesOn || answer?.kind !== 'answer') {
    answer = { kind: 'answer', connection, lines: [], forbidden: [] };
    steps.push(answer);
  }
  (mark === '!' ? answer.forbidden : answer.lines).push({ text, line });
}
