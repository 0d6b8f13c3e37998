/** Headers that users write: their names and values, as they can be sent. */
import type { ConfigMap } from '../cluster/kubernetes-object.ts';

export type NamedHeaders = readonly (readonly [name: string, value: string])[];

/** They tell where a message ends or who is meant by it, so that another value would break it. */
const framing: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Why a header cannot be set; undefined when it can. */
export function headerFault(name: string, value: string): string | undefined {
  if (!/^[a-zA-Z\d_-]{1,256}$/.test(name)) return `"${name}" is no name of a header`;
  if (framing.has(name.toLowerCase())) return `${name} is a header that Envoy itself sets`;
  return /^[ -~]{0,8192}$/.test(value) ? undefined : `the value of ${name} holds characters that no header can have`;
}

/** Sorted by name, so that equal data give equal messages. */
export function headersIn({ data }: ConfigMap): NamedHeaders {
  return Object.entries(data).toSorted(([a], [b]) => (a < b ? -1 : 1));
}
