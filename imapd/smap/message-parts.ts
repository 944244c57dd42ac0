/**
 * The parts of a message as SMAP counts them (courier.md section 5.4): the message is `''`, its parts `1.1`, `1.2`, theirs
 * `1.2.1`; the message inside part p is `p.0`.
 */
import type { Part } from '../message/mime.js';

/** A part with its name and that of the one around it; the message itself is in none. */
export interface NamedPart {
  readonly part: Part;
  readonly id: string;
  readonly parent: string | undefined;
}

/** The name that the message itself has in front of its parts. */
const ROOT = '1';

/** All parts, each before those inside it. The index bounds their number and depth. */
export function* partsOf(root: Part): Generator<NamedPart, void, void> {
  yield* below({ part: root, id: '', parent: undefined });
}

function* below(named: NamedPart): Generator<NamedPart, void, void> {
  yield named;
  const { part, id } = named;
  const prefix = id === '' ? ROOT : id;
  for (const [index, child] of part.children.entries()) {
    yield* below({ part: child, id: `${prefix}.${index + 1}`, parent: id });
  }
  if (part.message !== undefined) yield* below({ part: part.message, id: `${prefix}.0`, parent: id });
}

/** The part of a name; undefined when the message has none. */
export function partNamed(root: Part, id: string): Part | undefined {
  for (const named of partsOf(root)) if (named.id === id) return named.part;
  return undefined;
}
