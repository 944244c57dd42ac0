/**
 * What ldapts 8.2.0 leaves out: it takes `derefAliases` and never sends it, and its passwords are text only.
 *
 * Both are mended where a request is written; LDAP has a place for both (RFC 4511 sections 4.5.1.3 and 4.2).
 */
import { Ber, type BerReader, type BerWriter, BindRequest, Filter, SearchRequest } from 'ldapts';
import { octetsFromText } from '../octet-text.js';

/** When a server follows alias entries. */
export type Aliases = 'never' | 'search' | 'find' | 'always';

/** A filter that also says what the search does about aliases. */
export class AliasFilter extends Filter {
  readonly type;
  readonly aliases: Aliases;
  readonly #filter: Filter;

  constructor(filter: Filter, aliases: Aliases) {
    super();
    this.type = filter.type;
    this.aliases = aliases;
    this.#filter = filter;
  }

  override write(writer: BerWriter): void {
    this.#filter.write(writer);
  }

  override parse(reader: BerReader): void {
    this.#filter.parse(reader);
  }

  override toString(): string {
    return this.#filter.toString();
  }
}

let closed = false;

/** Mends the library, once per process. */
export function closeLdaptsGaps(): void {
  if (closed) return;
  closed = true;
  const writeSearch = SearchRequest.prototype.writeMessage;
  SearchRequest.prototype.writeMessage = function (this: SearchRequest, writer: BerWriter): void {
    if (this.filter instanceof AliasFilter) this.derefAliases = this.filter.aliases;
    writeSearch.call(this, writer);
  };
  const writeBind = BindRequest.prototype.writeMessage;
  BindRequest.prototype.writeMessage = function (this: BindRequest, writer: BerWriter): void {
    if (this.mechanism !== undefined) {
      writeBind.call(this, writer);
      return;
    }
    writer.writeInt(this.version);
    writer.writeString(this.dn);
    writer.writeBuffer(octetsFromText(this.password), Ber.Context);
  };
}
