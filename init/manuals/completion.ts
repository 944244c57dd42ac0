/**
 * Writes the completion of a shell: which words each program takes, as its `--help` has them.
 *
 * One file for all programs, for bash; zsh reads it after `autoload -U bashcompinit; bashcompinit`.
 */
import type { HelpText } from './plain-text.js';

/** `-s`, `--service`, `-hmac-md5`: not what stands inside a word, and not the minus signs of a sentence. */
const OPTION = /(?<![\w'"|-])--?[A-Za-z][\w-]*/g;

/** A word to be typed as it stands: `start`, or one of `imap|pop3|auth`. */
const FIXED_WORD = /^[a-z][a-z\d-]*(\|[a-z][a-z\d-]*)*$/;

/** The words that can stand behind a program's name, sorted. */
export function completions(name: string, help: HelpText): string[] {
  const terms = help.blocks.flatMap((block) => (block.kind === 'items' ? block.items.map((item) => item.term) : []));
  const found = new Set<string>(['--help', '--version']);
  for (const { words } of help.forms) {
    for (const [option] of words.matchAll(OPTION)) found.add(option);
    for (const word of fixedWords(name, words)) found.add(word);
  }
  for (const term of terms.filter((each) => each.startsWith('-') || each.startsWith(`${name} `)))
    for (const [option] of term.matchAll(OPTION)) found.add(option);
  return [...found].sort();
}

/** `list` of `authapppasswd list ACCOUNT`; each of `probe imap|pop3|auth`. */
function fixedWords(name: string, words: string): string[] {
  const [first, ...others] = words.split(' ');
  if (first !== name) return [];
  const end = others.findIndex((word) => !FIXED_WORD.test(word));
  const fixed = end === -1 ? others : others.slice(0, end);
  // A name in small letters, as Courier writes its arguments, is none to be typed.
  return others.some((word) => /^[A-Z]/.test(word)) || others.length > 1 || words.includes('|')
    ? fixed.flatMap((word) => word.split('|'))
    : [];
}

/** The file, from the words of each program. */
export function bashCompletion(words: ReadonlyMap<string, readonly string[]>): string {
  const cases = [...words].map(([name, each]) => `    ${name}) words='${each.join(' ')}' ;;`);
  return `# Completion for the programs of Angarium. Written by "npm run manuals" from what --help says.
_angarium() {
  local words
  case \${1##*/} in
${cases.join('\n')}
    *) return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$2"))
}
complete -o bashdefault -o default -F _angarium ${[...words.keys()].join(' ')}
`;
}
