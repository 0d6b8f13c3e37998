/** Names one object that a user wrote: a Kubernetes object, or a file that objects come from. */
export interface ObjectRef {
  /** A Kubernetes kind (`Ingress`), or `File` for a manifest file. */
  readonly kind: string;
  /** Empty for cluster-scoped kinds and files. */
  readonly namespace: string;
  readonly name: string;
}

/** `namespace/name`, or `name` for what has no namespace: unique within a kind. */
export function objectKey(ref: { readonly namespace: string; readonly name: string }): string {
  return ref.namespace === '' ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** `Ingress default/web`: how an object is named in messages. */
export function describeObject(ref: ObjectRef): string {
  return `${ref.kind} ${objectKey(ref)}`;
}
