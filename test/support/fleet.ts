/**
 * A program that is many Envoys at once, for what they cost the server: each has a connection and a delta ADS stream of its
 * own, asks as an Envoy does and accepts all it gets, without looking into it.
 *
 * node fleet.ts PORT CLIENTS HOSTS CHANGED: prints `snapshot` when every client has HOSTS virtual hosts and the endpoints
 * of all its clusters, and `change` when every client has then been sent the virtual host CHANGED. Goes on until it is ended.
 */
import { Client, credentials } from '@grpc/grpc-js';
import protobuf from 'protobufjs/minimal.js';
import { encodeMessage } from '../../src/proto/encode.ts';
import { typeUrl } from '../../src/proto/type-url.ts';

const [port = '', clients = '', hosts = '', changed = ''] = process.argv.slice(2);
const started = Date.now();
const waiting = { snapshot: Number(clients), change: Number(clients) };

for (let index = 0; index < Number(clients); index++) join(`fleet-${index}`);

interface Answer {
  readonly type: string;
  readonly nonce: string;
  readonly names: readonly string[];
}

function join(id: string): void {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = client.makeBidiStreamRequest(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    (request: object) => Buffer.from(encodeMessage('envoy.service.discovery.v3.DeltaDiscoveryRequest', request)),
    readAnswer,
  );
  const clusters = new Set<string>();
  const endpoints = new Set<string>();
  const virtualHosts = new Set<string>();
  let hasAll = false;
  const ask = (type: string, names: readonly string[] = []): void => {
    call.write({ type_url: type, resource_names_subscribe: names });
  };
  call.on('error', (error: Error) => fail(`${id}: ${error.message}`));
  call.on('data', ({ type, nonce, names }: Answer) => {
    call.write({ type_url: type, response_nonce: nonce });
    if (type === typeUrl.cluster) {
      for (const name of names) clusters.add(name);
      ask(typeUrl.clusterLoadAssignment, names);
    } else if (type === typeUrl.clusterLoadAssignment) for (const name of names) endpoints.add(name);
    else if (type === typeUrl.listener) ask(typeUrl.routeConfiguration, ['http']);
    else if (type === typeUrl.routeConfiguration) ask(typeUrl.virtualHost);
    else if (type === typeUrl.virtualHost) {
      for (const name of names) virtualHosts.add(name);
      if (hasAll && names.includes(changed)) arrive('change');
    }
    if (hasAll || virtualHosts.size < Number(hosts) || endpoints.size < clusters.size) return;
    hasAll = true;
    arrive('snapshot');
  });
  call.write({ node: { id, cluster: 'default' }, type_url: typeUrl.cluster });
  ask(typeUrl.listener);
}

function arrive(what: keyof typeof waiting): void {
  waiting[what] -= 1;
  if (waiting[what] === 0) process.stdout.write(`${what} after ${Date.now() - started} ms\n`);
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

/** The fields of a DeltaDiscoveryResponse that a client needs to go on, by number. */
function readAnswer(bytes: Buffer): Answer {
  const reader = protobuf.Reader.create(bytes);
  const names: string[] = [];
  let type = '';
  let nonce = '';
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    if (tag >>> 3 === 2) names.push(readName(reader));
    else if (tag >>> 3 === 4) type = reader.string();
    else if (tag >>> 3 === 5) nonce = reader.string();
    else reader.skipType(tag & 7);
  }
  return { type, nonce, names };
}

/** Field 3 of a Resource. */
function readName(reader: protobuf.Reader): string {
  const end = reader.uint32() + reader.pos;
  let name = '';
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (tag >>> 3 === 3) name = reader.string();
    else reader.skipType(tag & 7);
  }
  return name;
}
