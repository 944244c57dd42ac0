/**
 * Plays a transcript against a target, and says what came instead where it goes wrong.
 *
 * It knows lines and commands. It knows no IMAP beyond CRLF: a literal is just the lines that follow.
 */
import { spawn } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { searchPath } from './paths.js';
import type { AnswerStep, CommandStep, ExpectedLine, SendStep, Step, Transcript } from './transcript.js';
import { headLine } from './transcript.js';
import type { Remembered } from './transcript-line.js';
import { asOctets, fillIn, freeMatcher, matchAll, orderedMatcher, readable, sameForAll } from './transcript-line.js';
import type { Target, TargetConnection } from './transcript-target.js';

/** Longest wait for one answer. Ours come in milliseconds; a loaded machine and a peer's start take longer. */
const ANSWER_SECONDS = 60;
/** `$ ls` and `$ cat` are tried again for so long, because a file may appear a moment after an answer. */
const LOOK_SECONDS = 15;
/** Where a departure is what the transcript says of a peer, nobody waits longer for what may never come. */
const DEPARTURE_SECONDS = 15;
const LOOK_AGAIN_MILLISECONDS = 20;
/** Lines of dialogue shown above the wrong one. */
const SHOWN_LINES = 40;

export const CONNECTION_CLOSED = '(connection closed)';
const STARTS_TLS = '(starts TLS)';

/** Where commands of a transcript run. */
export interface PlayPlace {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** It is said to go another way here. */
  readonly departs?: boolean;
}

/** A transcript that went another way. The text is the dialogue with the first wrong line marked. */
export class TranscriptDeparture extends Error {}

/** @throws {TranscriptDeparture} at the first line that is not as written. */
export async function playTranscript(transcript: Transcript, target: Target, place: PlayPlace): Promise<void> {
  const play = new Play(transcript, target, place);
  try {
    for (const step of turns(transcript.steps)) {
      if (step.kind === 'sends') await play.send(step);
      else if (step.kind === 'answer') await play.answer(step);
      else await play.command(step);
    }
    play.nothingLeft();
  } finally {
    play.closeAll();
  }
}

/** What one client says before anything else happens. */
interface Sends {
  readonly kind: 'sends';
  readonly connection: number;
  readonly steps: SendStep[];
}

/** Lines that follow each other go out in one write, as clients send them: no cut between them is left to luck. */
function turns(steps: readonly Step[]): (Sends | AnswerStep | CommandStep)[] {
  const result: (Sends | AnswerStep | CommandStep)[] = [];
  for (const step of steps) {
    const last = result.at(-1);
    if (step.kind !== 'send') result.push(step);
    else if (last?.kind === 'sends' && last.connection === step.connection) last.steps.push(step);
    else result.push({ kind: 'sends', connection: step.connection, steps: [step] });
  }
  return result;
}

/** One connection, its octets cut into lines. */
interface Speaker {
  readonly connection: TargetConnection;
  lines: string[];
  rest: string;
  closed: boolean;
  pending: Promise<Buffer | undefined> | undefined;
}

class Play {
  readonly #transcript: Transcript;
  readonly #target: Target;
  readonly #place: PlayPlace;
  readonly #speakers = new Map<number, Speaker>();
  readonly #dialogue: string[] = [];
  #remembered: Remembered = new Map();

  constructor(transcript: Transcript, target: Target, place: PlayPlace) {
    this.#transcript = transcript;
    this.#target = target;
    this.#place = place;
  }

  async send({ connection, steps }: Sends): Promise<void> {
    const speaker = await this.#speaker(connection);
    const early = speaker.lines[0];
    if (early !== undefined)
      throw this.#departure(steps[0]?.line ?? 0, `S${connection}: ${readable(early)}`, 'nothing was due');
    let unsent = '';
    for (const { text } of steps) {
      const filled = fillIn(text, this.#remembered);
      this.#dialogue.push(`C${connection}: ${readable(filled)}`);
      if (text !== STARTS_TLS) {
        unsent += filled + this.#lineEnd;
        continue;
      }
      if (unsent !== '') throw new Error('(starts TLS) follows an answer');
      if (speaker.connection.startTls === undefined) throw new Error(`${this.#target.name} has no STARTTLS`);
      await speaker.connection.startTls();
    }
    if (unsent !== '') speaker.connection.send(Buffer.from(unsent, 'latin1'));
  }

  async answer({ connection, lines, forbidden }: AnswerStep): Promise<void> {
    const speaker = await this.#speaker(connection);
    const lenient = this.#target.lenient === true;
    const free = lenient || /^free/i.test(headLine(this.#transcript, 'Order') ?? '');
    const wanted = lenient ? lines.map((expected) => ({ ...expected, text: sameForAll(expected.text) })) : lines;
    const matcher = (free ? freeMatcher : orderedMatcher)(wanted, this.#remembered);
    const shown = (expected: readonly ExpectedLine[]): string =>
      expected.map(({ text }) => `S${connection}: ${text}`).join('\n           or ');
    for (;;) {
      const received = await this.#nextLine(speaker);
      const at = matcher.missing[0]?.line ?? lines[0]?.line ?? 0;
      if (received === undefined)
        throw this.#departure(at, `nothing, for ${this.#answerSeconds} s`, shown(matcher.missing));
      const said = `S${connection}: ${readable(received)}`;
      const never = forbidden.find(
        ({ text }) => matchAll([{ text, line: 0 }], [received], this.#remembered).remembered,
      );
      if (never !== undefined) throw this.#departure(never.line, said, `this must not appear: ${never.text}`);
      const verdict = matcher.take(lenient ? sameForAll(received) : received);
      if (verdict === 'wrong') throw this.#departure(matcher.missing[0]?.line ?? at, said, shown(matcher.missing));
      this.#dialogue.push(said);
      if (verdict === 'over') break;
    }
    this.#remembered = matcher.remembered;
  }

  async command(step: CommandStep): Promise<void> {
    const looksOnly = /^(ls|cat)\b/.test(step.command);
    const until = performance.now() + (looksOnly ? LOOK_SECONDS : 0) * 1000;
    const command = fillIn(step.command, this.#remembered);
    this.#dialogue.push(`$ ${readable(command)}`);
    for (;;) {
      const { lines, exitCode } = await runShell(Buffer.from(command, 'latin1').toString('utf8'), this.#place);
      const { wrongAt, remembered } = matchAll(step.output, lines, this.#remembered);
      if (remembered !== undefined && exitCode === step.exitCode) {
        this.#dialogue.push(...lines.map(readable));
        this.#remembered = remembered;
        return;
      }
      if (performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
        continue;
      }
      const wrong = wrongAt ?? lines.length;
      this.#dialogue.push(...lines.slice(0, wrong).map(readable));
      const came = [...lines.slice(wrong).map(readable), `exit ${exitCode}`].join('\n    ');
      const wanted = [...step.output.map(({ text }) => text), `exit ${step.exitCode}`].join('\n    ');
      throw this.#departure(step.output[wrong]?.line ?? step.line, came, `in all\n    ${wanted}`);
    }
  }

  /** No line may have come that nobody asked for. */
  nothingLeft(): void {
    for (const [number, { lines }] of this.#speakers) {
      const left = lines.find((line) => line !== CONNECTION_CLOSED);
      if (left !== undefined) throw this.#departure(0, `S${number}: ${readable(left)}`, 'the end of the transcript');
    }
  }

  closeAll(): void {
    for (const { connection } of this.#speakers.values()) connection.close();
  }

  get #answerSeconds(): number {
    return this.#place.departs === true ? DEPARTURE_SECONDS : ANSWER_SECONDS;
  }

  get #speaksSmap(): boolean {
    return headLine(this.#transcript, 'Protocol') === 'SMAP1';
  }

  get #lineEnd(): string {
    return this.#speaksSmap ? '\n' : '\r\n';
  }

  async #speaker(number: number): Promise<Speaker> {
    const known = this.#speakers.get(number);
    if (known !== undefined) return known;
    const connection = await this.#target.connect(number, {
      loggedIn: headLine(this.#transcript, 'Login') !== 'none',
      plain: headLine(this.#transcript, 'Connection') === 'plain',
      smap: this.#speaksSmap,
    });
    const speaker: Speaker = { connection, lines: [], rest: '', closed: false, pending: undefined };
    this.#speakers.set(number, speaker);
    return speaker;
  }

  /** @returns undefined when the time is up. */
  async #nextLine(speaker: Speaker): Promise<string | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#answerSeconds * 1000);
    });
    try {
      while (speaker.lines.length === 0) {
        speaker.pending ??= speaker.connection.receive();
        const octets = await Promise.race([speaker.pending, late]);
        if (octets === 'late') return undefined;
        speaker.pending = undefined;
        cutLines(speaker, octets, this.#lineEnd);
      }
    } finally {
      clearTimeout(timer);
    }
    return speaker.lines.shift();
  }

  #departure(line: number, came: string, expected: string): TranscriptDeparture {
    const above = this.#dialogue.slice(-SHOWN_LINES).map((said) => `    ${said}`);
    const place = line === 0 ? this.#transcript.name : `${this.#transcript.name}:${line}`;
    return new TranscriptDeparture(
      [`${place}, played against ${this.#target.name}`, ...above, ` -> ${came}`, `  expected ${expected}`].join('\n'),
    );
  }
}

function cutLines(speaker: Speaker, octets: Buffer | undefined, lineEnd: string): void {
  if (octets === undefined) {
    if (speaker.rest !== '') speaker.lines.push(speaker.rest);
    speaker.rest = '';
    speaker.lines.push(CONNECTION_CLOSED);
    return;
  }
  const pieces = (speaker.rest + octets.toString('latin1')).split(lineEnd);
  speaker.rest = pieces.pop() ?? '';
  // The greeting comes before the client says that it speaks SMAP.
  speaker.lines.push(...(lineEnd === '\n' ? pieces.map((line) => line.replace(/\r$/, '')) : pieces));
}

/** Runs one line of shell; what it prints on both outputs comes as lines. */
export async function runShell(
  command: string,
  { directory, environment }: PlayPlace,
): Promise<{ lines: string[]; exitCode: number }> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: directory,
    env: { PATH: searchPath, LC_ALL: 'C.UTF-8', TZ: 'UTC', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed: Buffer[] = [];
  child.stdout.on('data', (octets: Buffer) => printed.push(octets));
  child.stderr.on('data', (octets: Buffer) => printed.push(octets));
  const exitCode = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  const text = Buffer.concat(printed).toString('latin1');
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return { lines, exitCode };
}

/** A target for transcripts that only run commands. */
export const noServer: Target = {
  name: 'the command line',
  connect: () => Promise.reject(new Error('this transcript has no server')),
  close: () => Promise.resolve(),
};

/** For messages about transcripts: the octets of a text, readable. */
export function shownText(text: string): string {
  return readable(asOctets(text));
}
