/**
 * ClientGone: what ends a conversation whose other side is not there any more.
 */

/** Thrown by whatever reads from or writes to a client that is no longer there. Nothing can be answered. */
export class ClientGone extends Error {
  constructor(text = 'The client is gone.') {
    super(text);
    this.name = 'ClientGone';
  }
}
