/**
 * The process that runs the site's own module: it is loaded here, and here its functions are called. Whatever it does to
 * its process, authdaemond lives on.
 */
import { pathToFileURL } from 'node:url';
import type { CustomAnswer, CustomQuestion } from './questions.js';

/** A list of more accounts than this is not one to hold in memory. */
const MAX_ENUMERATED = 200_000;

type Functions = Readonly<Record<string, unknown>>;

const path = process.argv[2] ?? '';
let functions: Functions | undefined;
/** Of loading: what failed once must be read anew. */
let attempt = 0;

process.title = 'authdaemond: authcustom';
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the daemon decides what it means.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('message', (message) => {
  void respond(message as CustomQuestion);
});

async function respond(question: CustomQuestion): Promise<void> {
  // Whatever the module throws, or returns that cannot be copied, is an answer.
  try {
    process.send?.(await answerTo(question));
  } catch (error) {
    process.send?.({ kind: 'failed', reason: messageOf(error) } satisfies CustomAnswer);
  }
}

async function answerTo({ call, words }: CustomQuestion): Promise<CustomAnswer> {
  functions ??= await load();
  if (call === 'load') return { kind: 'returned', value: undefined };
  const called = functions[call];
  if (typeof called !== 'function') return { kind: 'not offered' };
  const value: unknown = await called.apply(functions, words);
  return { kind: 'returned', value: call === 'enumerate' ? await listOf(value) : value };
}

/** The exports of the module; those of a default export that is an object, too. A default function is `authenticate`. */
async function load(): Promise<Functions> {
  const url = pathToFileURL(path);
  if (attempt > 0) url.search = String(attempt);
  attempt += 1;
  const exported = (await import(url.href)) as Record<string, unknown>;
  const whole = exported['default'];
  const loaded: Functions =
    typeof whole === 'function'
      ? { authenticate: whole, ...exported }
      : typeof whole === 'object' && whole !== null
        ? Object.assign(Object.create(whole) as Record<string, unknown>, exported)
        : exported;
  if (typeof loaded['find'] !== 'function' && typeof loaded['authenticate'] !== 'function') {
    throw new Error('the module exports neither a function find nor a function authenticate');
  }
  return loaded;
}

async function listOf(value: unknown): Promise<unknown[]> {
  const list: unknown[] = [];
  for await (const item of value as AsyncIterable<unknown> | Iterable<unknown>) {
    if (list.length >= MAX_ENUMERATED) throw new Error(`enumerate gave more than ${MAX_ENUMERATED} accounts`);
    list.push(item);
  }
  return list;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
