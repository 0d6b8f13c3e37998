/** Discovery responses as a simulated Envoy reads them: names, versions, and where each resource lies. */
import type { Protocol } from './fleet-protocol.ts';
import { FieldReader } from './wire-message.ts';

const typeUrlPrefix = 'type.googleapis.com/envoy.';

export const types = {
  cluster: `${typeUrlPrefix}config.cluster.v3.Cluster`,
  assignment: `${typeUrlPrefix}config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${typeUrlPrefix}config.listener.v3.Listener`,
  routes: `${typeUrlPrefix}config.route.v3.RouteConfiguration`,
  virtualHost: `${typeUrlPrefix}config.route.v3.VirtualHost`,
} as const;

export interface Received {
  readonly typeUrl: string;
  /** Of the whole response; in delta it is for people only. */
  readonly version: string;
  readonly nonce: string;
  readonly message: Buffer;
  readonly resources: readonly ReceivedResource[];
  /** Always empty in SotW. */
  readonly removed: readonly string[];
}

/** Its own message is at [from, to) of the response. */
export interface ReceivedResource {
  readonly name: string;
  readonly version: string;
  readonly from: number;
  readonly to: number;
}

export function readResponse(protocol: Protocol, message: Buffer): Received {
  return protocol === 'delta' ? readDelta(message) : readSotw(message);
}

/** Whether the resource holds the text. */
export function holds({ message }: Received, { from, to }: ReceivedResource, text: Buffer): boolean {
  return message.subarray(from, to).includes(text);
}

function readDelta(message: Buffer): Received {
  const resources: ReceivedResource[] = [];
  const removed: string[] = [];
  const header = { typeUrl: '', version: '', nonce: '' };
  for (const fields = new FieldReader(message); fields.next();) {
    if (fields.number === 1) header.version = fields.text();
    else if (fields.number === 2) resources.push(readResource(message, fields.from, fields.to));
    else if (fields.number === 4) header.typeUrl = fields.text();
    else if (fields.number === 5) header.nonce = fields.text();
    else if (fields.number === 6) removed.push(fields.text());
  }
  return { ...header, message, resources, removed };
}

/** `envoy.service.discovery.v3.Resource`. */
function readResource(message: Buffer, start: number, end: number): ReceivedResource {
  let name = '';
  let version = '';
  let body = { from: end, to: end };
  for (const fields = new FieldReader(message, start, end); fields.next();) {
    if (fields.number === 1) version = fields.text();
    else if (fields.number === 2) body = readAny(message, fields.from, fields.to);
    else if (fields.number === 3) name = fields.text();
  }
  return { name, version, ...body };
}

function readSotw(message: Buffer): Received {
  const bodies: { readonly from: number; readonly to: number }[] = [];
  const header = { typeUrl: '', version: '', nonce: '' };
  for (const fields = new FieldReader(message); fields.next();) {
    if (fields.number === 1) header.version = fields.text();
    else if (fields.number === 2) bodies.push(readAny(message, fields.from, fields.to));
    else if (fields.number === 4) header.typeUrl = fields.text();
    else if (fields.number === 5) header.nonce = fields.text();
  }
  // All types have their name in their first field.
  const resources = bodies.map(({ from, to }) => {
    const fields = new FieldReader(message, from, to);
    return { name: fields.next() && fields.number === 1 ? fields.text() : '', version: header.version, from, to };
  });
  return { ...header, message, resources, removed: [] };
}

function readAny(message: Buffer, start: number, end: number): { readonly from: number; readonly to: number } {
  for (const fields = new FieldReader(message, start, end); fields.next();) {
    if (fields.number === 2) return { from: fields.from, to: fields.to };
  }
  return { from: end, to: end };
}
