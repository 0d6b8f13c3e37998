/** A certificate chain with its private key, checked: the key fits, and Envoy accepts both. PEM text. */
export interface Certificate {
  readonly chain: string;
  readonly privateKey: string;
}
