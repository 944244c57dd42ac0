/** The client's half of SCRAM (RFC 5802), written for tests from the RFC and sharing nothing with the server's. */
import { createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto';

/** What a client knows. */
export interface ScramClientOptions {
  readonly hash: 'sha1' | 'sha256';
  readonly user: string;
  readonly password: string;
  readonly nonce?: string;
  /** gs2-header; `n,,` without it. */
  readonly gs2Header?: string;
  readonly channelBinding?: Buffer;
}

/** One exchange from the client's side. */
export class ScramClient {
  readonly #options: ScramClientOptions;
  readonly #bare: string;
  #serverSignature: Buffer = Buffer.alloc(0);

  constructor(options: ScramClientOptions) {
    this.#options = options;
    this.#bare = `n=${options.user},r=${options.nonce ?? 'rOprNGfwEbeRWgbNEkqO'}`;
  }

  get first(): Buffer {
    return Buffer.from((this.#options.gs2Header ?? 'n,,') + this.#bare);
  }

  /** The answer to the server's first message. */
  final(serverFirst: Buffer): Buffer {
    const { hash, password, gs2Header = 'n,,', channelBinding = Buffer.alloc(0) } = this.#options;
    const text = serverFirst.toString();
    const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text) ?? [];
    const octets = hash === 'sha1' ? 20 : 32;
    const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), octets, hash);
    const sign = (key: Buffer, what: string): Buffer => createHmac(hash, key).update(what).digest();
    const clientKey = sign(salted, 'Client Key');
    const binding = Buffer.concat([Buffer.from(gs2Header), channelBinding]).toString('base64');
    const withoutProof = `c=${binding},r=${nonce}`;
    const message = `${this.#bare},${text},${withoutProof}`;
    const signature = sign(createHash(hash).update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((octet, at) => octet ^ (signature[at] ?? 0)));
    this.#serverSignature = sign(sign(salted, 'Server Key'), message);
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`);
  }

  /** Whether the server knows the password, too. */
  trusts(serverFinal: Buffer): boolean {
    const signature = Buffer.from(serverFinal.toString().replace(/^v=/, ''), 'base64');
    return signature.length === this.#serverSignature.length && timingSafeEqual(signature, this.#serverSignature);
  }
}
