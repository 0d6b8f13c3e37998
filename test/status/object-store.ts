/** Stands in for an API server where a test needs a clock of its own: objects by path, with versions that must match. */
import { isRecord } from '../../src/cluster/projection/field-reader.ts';
import { ApiFailure, type ApiRequest } from '../../src/source/api-client.ts';

export class ObjectStore {
  readonly objects = new Map<string, Readonly<Record<string, unknown>>>();
  #version = 0;

  /** Answers as a server does that has the object to itself at this moment. */
  serve({ method = 'GET', path, body }: ApiRequest): unknown {
    const sent: unknown = body === undefined ? undefined : JSON.parse(body.text);
    if (method === 'POST') {
      const key = `${path}/${String(metadataOf(sent)['name'])}`;
      if (this.objects.has(key)) throw new ApiFailure('it exists already', { status: 409 });
      return this.#store(key, sent);
    }
    const stored = this.objects.get(path);
    if (stored === undefined) throw new ApiFailure('there is none', { status: 404 });
    if (method === 'GET') return stored;
    if (method === 'PATCH') return this.#store(path, { ...stored, ...(isRecord(sent) ? sent : {}) });
    const isCurrent = metadataOf(sent)['resourceVersion'] === metadataOf(stored)['resourceVersion'];
    if (!isCurrent) throw new ApiFailure('it has been modified', { status: 409 });
    return this.#store(path, sent);
  }

  #store(key: string, sent: unknown): unknown {
    this.#version += 1;
    const metadata = { ...metadataOf(sent), resourceVersion: String(this.#version) };
    const stored = { ...(isRecord(sent) ? sent : {}), metadata };
    this.objects.set(key, stored);
    return stored;
  }
}

function metadataOf(object: unknown): Readonly<Record<string, unknown>> {
  return isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
}
