/**
 * The house rules as a test: who may import whom, lengths, heads, words that do not belong, files nobody uses.
 *
 * It reads the sources as text and names the offending line. What the compiler and the linter already check is not
 * checked again here.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = normalize(join(dirname(fileURLToPath(import.meta.url)), '..', '..'));
const rooms = ['imapd', 'pop3d', 'authdaemon', 'maildir', 'init', 'test'] as const;

/** A file longer than this is two things; 300 is the aim. */
const MAX_FILE_LINES = 450;
/** A function longer than this cannot be read on one screen; 50 is the aim. */
const MAX_FUNCTION_LINES = 70;

interface Source {
  /** Path from the root of the repository: `imapd/wire/cursor.ts`. */
  readonly path: string;
  readonly lines: readonly string[];
}

function sourcesIn(folder: string): Source[] {
  const absolute = join(root, folder);
  if (!existsSync(absolute)) return [];
  return readdirSync(absolute, { withFileTypes: true }).flatMap((entry): Source[] => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sourcesIn(path);
    if (!entry.name.endsWith('.ts')) return [];
    return [{ path, lines: readFileSync(join(root, path), 'utf8').split('\n') }];
  });
}

const self = 'test/tidy.test.ts';
const sources = rooms.flatMap((room) => sourcesIn(room));
const others = sources.filter((source) => source.path !== self);
const product = sources.filter((source) => !source.path.startsWith('test/'));

/** Collects `path:line: what` for each line that `wrong` names a fault of. */
function faults(of: readonly Source[], wrong: (line: string, source: Source) => string | undefined): string[] {
  return of.flatMap((source) =>
    source.lines.flatMap((line, index) => {
      const fault = wrong(line, source);
      return fault === undefined ? [] : [`${source.path}:${index + 1}: ${fault}`];
    }),
  );
}

function assertNone(found: readonly string[]): void {
  assert.equal(found.length, 0, `\n${found.join('\n')}`);
}

/** The specifiers of a source's static and dynamic imports. */
function importsOf(source: Source): string[] {
  const text = source.lines.join('\n');
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\s(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => match[1] ?? match[2] ?? '');
}

/** Path of the source that a relative specifier means, or undefined for a package. */
function imported(source: Source, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  return join(dirname(source.path), specifier).replace(/\.js$/, '.ts');
}

interface ImportRule {
  /** Sources that the rule is about. */
  readonly of: RegExp;
  /** The only sources of ours they may import. */
  readonly may: RegExp;
  readonly why: string;
}

const importRules: readonly ImportRule[] = [
  { of: /^maildir\/(?!bin\/)/, may: /^maildir\//, why: 'the mail store knows files and nothing else of ours' },
  {
    of: /^maildir\/bin\//,
    may: /^(maildir|init\/runtime)\/|^imapd\/wire\/modified-utf7\.ts$/,
    why: 'tools of the store use the store',
  },
  { of: /^init\/runtime\//, may: /^init\/runtime\//, why: 'what every daemon shares knows no daemon' },
  { of: /^authdaemon\//, may: /^(authdaemon|init\/runtime)\//, why: 'authdaemon knows no mail' },
  { of: /^imapd\/wire\//, may: /^imapd\/wire\//, why: 'the grammar is pure' },
  { of: /^imapd\/message\//, may: /^(imapd\/message|maildir\/octets)\//, why: 'message parsing is pure' },
  { of: /^maildir\/octets\//, may: /^maildir\/octets\//, why: 'loops over octets are pure' },
  {
    of: /^(imapd|pop3d)\//,
    may: /^((imapd|pop3d|maildir|init\/runtime)\/|authdaemon\/((client|account|login-name|login-check|oauth\/oauth-settings)\.ts$|sasl\/))/,
    why: 'servers use the client side of authdaemon only',
  },
  { of: /^imapd\//, may: /^(?!pop3d\/)/, why: 'imapd and pop3d never import each other' },
  { of: /^pop3d\//, may: /^(?!imapd\/)/, why: 'imapd and pop3d never import each other' },
  {
    of: /^imapd\/commands\/(?!login-commands|mail-commands)/,
    may: /^(?!imapd\/commands\/)/,
    why: 'a command never imports another; what two share moves to wire or to selected-mailbox',
  },
];

test('rooms import only what the house plan allows', () => {
  const found: string[] = [];
  for (const source of product) {
    for (const specifier of importsOf(source)) {
      const target = imported(source, specifier);
      if (target === undefined) continue;
      for (const rule of importRules) {
        if (rule.of.test(source.path) && !rule.may.test(target))
          found.push(`${source.path} imports ${target}: ${rule.why}`);
      }
    }
  }
  assertNone(found);
});

interface PlatformRule {
  readonly what: RegExp;
  readonly only: RegExp;
}

const entry = '(main|worker|login)\\.ts$|/bin/';
const platformRules: readonly PlatformRule[] = [
  {
    what: /['"]node:(net|tls|child_process|dgram|http|https)['"]/,
    only: /^init\/|^authdaemon\/((main|client|(ldap\/(socket|connection|tls)|learn\/imap-login))\.ts$|helpers\/)|\/bin\//,
  },
  {
    what: /['"]node:fs(\/promises)?['"]/,
    only: /^maildir\/(file-system|sync-calls|watch)\.ts$|^init\/|^authdaemon\/(accounts\/|modules\/|main|ldap\/tls|oauth\/|scram\/seed|outlook|userdb\/|settings|rc-file|helpers\/forked|system\/pam-services|pipe\/|custom\/|vpopmail\/|sql\/tls-files|secrets\/last-uses|learn\/settings)|\/bin\//,
  },
  { what: /\bprocess\.(env|exit)\b/, only: new RegExp(`^init/|${entry}`) },
  {
    what: /\bDate\.now\(|\bsetTimeout\(|\bsetInterval\(/,
    only: new RegExp(`^init/|^maildir/watch\\.ts$|^authdaemon/(client\\.ts$|helpers/)|${entry}`),
  },
  { what: /\bconsole\./, only: /^init\/|\/bin\// },
];

test('the platform is reached only where the house plan allows it', () => {
  assertNone(
    faults(product, (line, source) => {
      const code = line.replace(/\/\/.*|^\s*\*.*/, '');
      const rule = platformRules.find((each) => each.what.test(code) && !each.only.test(source.path));
      return rule === undefined ? undefined : `${rule.what.source} is not for this room`;
    }),
  );
});

test('relative imports climb at most two folders and name a file that exists', () => {
  const found: string[] = [];
  for (const source of sources) {
    for (const specifier of importsOf(source)) {
      const target = imported(source, specifier);
      if (target === undefined) continue;
      if (!source.path.startsWith('test/') && specifier.startsWith('../../../'))
        found.push(`${source.path}: ${specifier}`);
      if (!existsSync(join(root, target))) found.push(`${source.path}: ${specifier} is not there`);
    }
  }
  assertNone(found);
});

test('no file and no function is longer than one thing', () => {
  const found = sources
    .filter((source) => source.lines.length > MAX_FILE_LINES)
    .map((source) => `${source.path}: ${source.lines.length} lines`);
  for (const source of product) found.push(...longFunctions(source));
  assertNone(found);
});

/** Functions and methods of more than MAX_FUNCTION_LINES, by the indentation that the formatter guarantees. */
function longFunctions(source: Source): string[] {
  return source.lines.flatMap((line, start) => {
    const head =
      /^(\s*)(?:export )?(?:(?:async )?function\*? \w+|(?:private |static |override |async |\*|get |set )*#?\w+\(.*\).*\{$)/.exec(
        line,
      );
    if (head === null || !line.endsWith('{') || /^\s*(if|for|while|switch|catch|return)\b/.test(line)) return [];
    const end = source.lines.indexOf(`${head[1]}}`, start);
    const length = end - start + 1;
    return end > start && length > MAX_FUNCTION_LINES
      ? [`${source.path}:${start + 1}: a function of ${length} lines`]
      : [];
  });
}

test('every file says in its head what it is', () => {
  assertNone(
    sources.filter((source) => !/^(#!.*\n)?\/\*\*/.test(source.lines.join('\n'))).map((source) => source.path),
  );
});

test('every exported function and class has a comment', () => {
  const found: string[] = [];
  for (const source of product) {
    source.lines.forEach((line, index) => {
      if (!/^export (async )?(function|class|abstract class)/.test(line)) return;
      const above = source.lines[index - 1] ?? '';
      const overload = /^export (async )?function/.test(above);
      if (!overload && !above.endsWith('*/')) found.push(`${source.path}:${index + 1}: ${line.trim()}`);
    });
  }
  assertNone(found);
});

test('references to RFCs are spelled so that a search finds them', () => {
  assertNone(
    faults(others, (line) => {
      if (/§/.test(line)) return 'write "section", not a section sign';
      if (/\bRFC(-|\d| {2})/.test(line.replace(/RFC822|RFC2047|MIME-RFC/g, ''))) return 'write "RFC 9051"';
      if (/\bRFC \d+,? (sec\.|sect\.|Section|chapter)/.test(line)) return 'write "RFC 9051 section 6.4.6"';
      return undefined;
    }),
  );
});

test('no unfinished or forbidden words stand in the sources', () => {
  const unfinished = new RegExp(`\\b(${['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X', 'HA' + 'CK'].join('|')})\\b`);
  assertNone(
    faults(others, (line) => {
      if (unfinished.test(line)) return 'unfinished';
      if (/@ts-(ignore|nocheck|expect-error)|biome-ignore-all/.test(line)) return 'a rule is switched off';
      if (/\b(test|it|describe)\.(skip|only|todo)\(/.test(line)) return 'a test is switched off';
      return undefined;
    }),
  );
});

test('every file is used', () => {
  const used = new Set(sources.flatMap((source) => importsOf(source).map((specifier) => imported(source, specifier))));
  const scripts = ['package.json', 'init/build.sh', 'test/all.sh', 'test/check.sh'].filter((path) =>
    existsSync(join(root, path)),
  );
  const text = [
    ...others.map((source) => source.lines.join('\n')),
    ...scripts.map((path) => readFileSync(join(root, path), 'utf8')),
  ].join('\n');
  const unused = sources.filter(({ path }) => {
    if (path.endsWith('.test.ts') || used.has(path)) return false;
    const module = path.replace(/\.ts$/, '');
    const named = module.split('/').slice(-1)[0] ?? module;
    return !text.includes(`${module}.js`) && !text.includes(`'${module}'`) && !text.includes(`${named}.js`);
  });
  assertNone(unused.map((source) => source.path));
});

test('the top level has no folder that the house plan does not have', () => {
  const allowed = new Set([...rooms, 'etc', 'node_modules', 'var', '.git', '.ci']);
  const found = readdirSync(root).filter(
    (name) => statSync(join(root, name)).isDirectory() && !allowed.has(name) && !name.startsWith('dist'),
  );
  assertNone(found.map((name) => relative(root, join(root, name))));
});
