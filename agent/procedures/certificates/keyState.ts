import type { KeyObject } from 'node:crypto';

/** What is known of the private key of a certificate. */
export type KeyState =
  | { readonly kind: 'none' }
  /** Found, but it cannot be opened without the right password. */
  | { readonly kind: 'encrypted'; readonly file: string }
  | {
      readonly kind: 'plain';
      readonly key: KeyObject;
      readonly file: string;
      /** Unencrypted in a file that every user of the machine may read. */
      readonly worldReadable: boolean;
      /** False when it merely lies in the same folder: then it is this certificate's key only if it matches. */
      readonly belongs: boolean;
    };
