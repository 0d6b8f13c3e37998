/** Secrets in memory, with the optimistic writes of an API server. */
import type { SecretStore, StoredSecret } from '../../src/certificates/secret-store.ts';

export interface MemorySecretStore extends SecretStore {
  readonly secrets: Map<string, StoredSecret>;
  /** Every write that was taken. */
  readonly writes: string[];
}

/** With empty Secrets of these names, as the manifests bring them. */
export function memorySecretStore(...names: readonly string[]): MemorySecretStore {
  const secrets = new Map<string, StoredSecret>(names.map((name) => [name, { data: {}, version: '1' }]));
  const writes: string[] = [];
  return {
    secrets,
    writes,
    read: ({ name }) => Promise.resolve(secrets.get(name)),
    write: ({ name }, version, data) => {
      const stored = secrets.get(name);
      if (stored?.version !== version) return Promise.resolve(false);
      const merged = Object.entries({ ...stored.data, ...data }).flatMap(([key, value]) =>
        value === null ? [] : [[key, value] as const],
      );
      secrets.set(name, { data: Object.fromEntries(merged), version: String(Number(version) + 1) });
      writes.push(name);
      return Promise.resolve(true);
    },
  };
}
