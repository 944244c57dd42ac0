/**
 * BODY and BODYSTRUCTURE: the tree of parts, formatted for the wire (RFC 9051 section 7.5.2).
 *
 * Types and encodings are in lower case, as Courier sends them.
 */
import { envelopeText } from './envelope.js';
import { MAX_HEADER_OCTETS } from './limits.js';
import type { MessageIndex, Part } from './mime.js';
import type { Parameter } from './parameters.js';
import type { MessageSource } from './source.js';
import { nstring, string } from './wire-text.js';

/** Formats a structure. `extensible` adds what BODYSTRUCTURE has and BODY has not. */
export function encodeBodyStructure(index: MessageIndex, source: MessageSource, extensible: boolean): Buffer {
  const written: string[] = [];
  writePart(index.root, { source, extensible, written });
  return Buffer.from(written.join(''), 'latin1');
}

interface Writing {
  readonly source: MessageSource;
  readonly extensible: boolean;
  readonly written: string[];
}

/** `body = "(" (body-type-1part / body-type-mpart) ")"`; the scanner bounds the depth. */
function writePart(part: Part, writing: Writing): void {
  writing.written.push('(');
  if (part.type === 'multipart') writeMultipart(part, writing);
  else writeSinglePart(part, writing);
  writing.written.push(')');
}

/** The grammar wants at least one part in a multipart, so an empty one gets an empty text, as from other servers. */
const emptyText = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0)';
const emptyTextExtended = '("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0 NIL NIL NIL NIL)';

/** `body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]` */
function writeMultipart(part: Part, writing: Writing): void {
  for (const child of part.children) writePart(child, writing);
  const { written, extensible } = writing;
  if (part.children.length === 0) written.push(extensible ? emptyTextExtended : emptyText);
  written.push(' ', string(part.subtype));
  if (extensible) written.push(' ', parameterList(part.parameters), trailer(part));
}

/** `body-type-1part = (body-type-basic / body-type-msg / body-type-text) [SP body-ext-1part]` */
function writeSinglePart(part: Part, writing: Writing): void {
  const { written, extensible } = writing;
  written.push(string(part.type), ' ', string(part.subtype), ' ', parameterList(part.parameters));
  written.push(' ', nstring(part.id), ' ', nstring(part.description), ' ', string(part.encoding));
  written.push(` ${part.bodyWireOctets}`);
  const { message } = part;
  if (message !== undefined) {
    const length = Math.min(message.bodyStart - message.headerStart, MAX_HEADER_OCTETS);
    written.push(' ', envelopeText(writing.source.read(message.headerStart, length).toString('latin1')), ' ');
    writePart(message, writing);
  }
  if (message !== undefined || part.type === 'text') written.push(` ${part.bodyLines}`);
  if (extensible) written.push(' ', nstring(part.md5), trailer(part));
}

/** `SP body-fld-dsp SP body-fld-lang SP body-fld-loc` */
function trailer({ disposition, languages, location }: Part): string {
  const shownDisposition =
    disposition === undefined ? 'NIL' : `(${string(disposition.type)} ${parameterList(disposition.parameters)})`;
  const shownLanguages =
    languages === undefined || languages.length === 0 ? 'NIL' : `(${languages.map(string).join(' ')})`;
  return ` ${shownDisposition} ${shownLanguages} ${nstring(location)}`;
}

/** `body-fld-param = "(" string SP string *(SP string SP string) ")" / nil` */
function parameterList(parameters: readonly Parameter[]): string {
  if (parameters.length === 0) return 'NIL';
  return `(${parameters.map(({ name, value }) => `${string(name)} ${string(value)}`).join(' ')})`;
}
