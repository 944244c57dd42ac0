/**
 * `CONTENTS[.PEEK]=WHAT[(field,…)][[part]]` of SMAP's FETCH (courier.md section 5.4), taken apart.
 */
import { envelopeFields } from '../message/envelope.js';

export type ContentsKind = 'HEADERS' | 'RAWHEADERS' | 'MIME' | 'BODY' | 'ALL' | 'BODY.DECODED';

const kinds: readonly ContentsKind[] = ['HEADERS', 'RAWHEADERS', 'MIME', 'BODY', 'ALL', 'BODY.DECODED'];

/** What is wanted of the contents of messages. */
export interface ContentsRequest {
  readonly kind: ContentsKind;
  /** The message stays unseen. */
  readonly peek: boolean;
  /** Whether a field of the header is wanted; the name in lower case. Absent: all are. */
  readonly wantsField: ((name: string) => boolean) | undefined;
  /** `''` is the whole message. */
  readonly part: string;
}

const SYNTAX = /^CONTENTS(\.PEEK)?=([A-Z.]+)(?:\(([^)]*)\))?(?:\[([0-9.]*)\])?$/i;

const ENVELOPE: readonly string[] = [...envelopeFields, 'references'];

/** Undefined when the word asks for no contents, or for none that there are. */
export function contentsRequest(word: string): ContentsRequest | undefined {
  const [, peek, what = '', fields, part = ''] = SYNTAX.exec(word) ?? [];
  const kind = kinds.find((known) => known === what.toUpperCase());
  if (kind === undefined) return undefined;
  const wantsField = fields === undefined ? undefined : fieldFilter(fields);
  // The body of a message that is no multipart is its part 1, which is the message itself.
  return { kind, peek: peek !== undefined, wantsField, part: part === '1' ? '' : part };
}

function fieldFilter(list: string): (name: string) => boolean {
  const names = list.toLowerCase().split(',');
  const mime = names.includes(':mime');
  const wanted = new Set([...names, ...(mime || names.includes(':envelope') ? ENVELOPE : [])]);
  return (name) => wanted.has(name) || (mime && (name === 'mime-version' || name.startsWith('content-')));
}
