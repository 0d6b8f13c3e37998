/** Reads and changes single Secrets by name. Writes are optimistic: who has not seen the newest version writes nothing. */
import { isRecord } from '../cluster/projection/field-reader.ts';
import type { NamespacedName } from '../setting.ts';
import { ApiFailure, type ApiRequest } from '../source/api-client.ts';

/** A Secret's data, decoded, with the version that a write has to name. */
export interface StoredSecret {
  readonly data: Readonly<Record<string, string>>;
  readonly version: string;
}

/** Rejects with an ApiFailure for what the API server refuses or the network breaks. */
export interface SecretStore {
  /** Undefined when there is no such Secret. */
  readonly read: (name: NamespacedName) => Promise<StoredSecret | undefined>;
  /** Sets keys; null deletes one. False when somebody else has written since `version`, or has deleted the Secret. */
  readonly write: (
    name: NamespacedName,
    version: string,
    data: Readonly<Record<string, string | null>>,
  ) => Promise<boolean>;
}

/** The part of an ApiClient that is used. */
interface ApiCaller {
  readonly call: (request: ApiRequest, signal: AbortSignal) => Promise<unknown>;
}

const silenceMs = 10_000;

export function kubernetesSecretStore(api: ApiCaller, signal: AbortSignal): SecretStore {
  return {
    read: async (name) => {
      try {
        return storedSecret(await api.call({ path: pathOf(name), silenceMs }, signal));
      } catch (error) {
        if (error instanceof ApiFailure && error.status === 404) return undefined;
        throw error;
      }
    },
    write: async (name, resourceVersion, data) => {
      // A merge patch that names a version is refused when there is a newer one; labels and the like stay as they are.
      const encoded = Object.entries(data).map(([key, text]) => [key, text === null ? null : toBase64(text)]);
      const patch = { metadata: { resourceVersion }, data: Object.fromEntries(encoded) };
      const body = { type: 'application/merge-patch+json', text: JSON.stringify(patch) };
      try {
        await api.call({ method: 'PATCH', path: pathOf(name), body, silenceMs }, signal);
        return true;
      } catch (error) {
        if (error instanceof ApiFailure && (error.status === 409 || error.status === 404)) return false;
        throw error;
      }
    },
  };
}

function pathOf({ namespace, name }: NamespacedName): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/secrets/${encodeURIComponent(name)}`;
}

function toBase64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function storedSecret(secret: unknown): StoredSecret {
  const metadata = isRecord(secret) ? secret['metadata'] : undefined;
  const version = isRecord(metadata) ? metadata['resourceVersion'] : undefined;
  if (!isRecord(secret) || typeof version !== 'string') throw new ApiFailure('the answer is no Secret');
  const data = isRecord(secret['data']) ? secret['data'] : {};
  const entries = Object.entries(data).map(([key, value]) => [key, Buffer.from(String(value), 'base64').toString()]);
  return { version, data: Object.fromEntries(entries) };
}
