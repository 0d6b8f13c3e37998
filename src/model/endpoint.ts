/** One backend process that requests can be sent to. */
export interface Endpoint {
  /** An IPv4 or IPv6 address. */
  readonly address: string;
  readonly port: number;
  /** The address of the same process in the other IP family, for when the first can't be reached. */
  readonly alternative?: string;
  /** By which a request can ask for it: the same on every replica, and nothing from which the address could be found out. */
  readonly name?: string;
  /** Whose clients it is meant for, where that matters to the Service. */
  readonly zone?: string;
}
