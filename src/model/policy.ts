/** What applies to the requests of an Ingress beyond where they go; src/features knows what is in it. */
export interface Policies {
  /** By the name of the feature, in the order of the features; only those that do something. */
  readonly byFeature: Readonly<Record<string, unknown>>;
}

export const noPolicies: Policies = Object.freeze({ byFeature: Object.freeze({}) });
