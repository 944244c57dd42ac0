/**
 * What authdaemond asks the process that runs the site's module, and what it answers. Travels as it is over the channel,
 * so passwords are plain text here.
 */

/** A question to worker.ts: a function of the module, and its arguments. */
export type CustomQuestion =
  | { readonly call: 'find'; readonly words: readonly [loginName: string, service: string] }
  | { readonly call: 'authenticate'; readonly words: readonly [CustomLogin] }
  | { readonly call: 'changePassword'; readonly words: readonly [CustomPasswordChange] }
  | { readonly call: 'enumerate'; readonly words: readonly [] }
  /** Can the module be loaded? */
  | { readonly call: 'load'; readonly words: readonly [] };

/** What the module's `authenticate` is given. */
export interface CustomLogin {
  readonly loginName: string;
  readonly password: string;
  readonly service: string;
  readonly remoteIp?: string;
}

/** What the module's `changePassword` is given; the old password has been checked. */
export interface CustomPasswordChange {
  readonly loginName: string;
  readonly oldPassword: string;
  readonly newPassword: string;
  readonly service: string;
}

/** An answer of worker.ts. `value` is whatever the module returned: nothing is known of it. */
export type CustomAnswer =
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'not offered' }
  | { readonly kind: 'failed'; readonly reason: string };
