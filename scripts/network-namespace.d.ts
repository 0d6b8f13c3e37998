/** The words to put before a command so that it runs in a new namespace; or why this machine has none. */
export function networkNamespace(): { readonly prefix: readonly string[] } | { readonly problem: string };
