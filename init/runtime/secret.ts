/**
 * Secret: a password that cannot be printed by accident, neither by a log line nor by JSON or an inspected object.
 */
import { inspect } from 'node:util';

/** A password on its way from the client to authdaemon. Printing it prints nothing. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Gives the text itself; called only where it is compared, hashed or sent to authdaemon. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '(secret)';
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** Hides the password inside a Redis' address, from whoever looks over the shoulder. */
export function withoutPassword(address: string): string {
  return address.replace(/^(rediss?:\/\/[^/@]*:)[^/@]*@/, '$1***@');
}
