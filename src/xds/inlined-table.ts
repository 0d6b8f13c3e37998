/** A RouteConfiguration with its virtual hosts in it, for clients that can't fetch them one by one. */
import protobuf from 'protobufjs/minimal.js';
import { typeUrl } from '../proto/type-url.ts';
import { bodyOf, createResource } from './resource.ts';
import type { Resource } from './resource.ts';

/** @param source the table as delta clients get it */
export function inlineTable(source: Resource, hosts: readonly Resource[]): Resource {
  const writer = protobuf.Writer.create();
  // Field 2 of RouteConfiguration: virtual_hosts.
  for (const host of hosts) writer.uint32((2 << 3) | 2).bytes(bodyOf(host));
  const body = Buffer.concat([source.inlineBody ?? bodyOf(source), writer.finish()]);
  return { ...createResource(typeUrl.routeConfiguration, source.name, body), parts: [source, ...hosts] };
}

/** The table out of some of its parts, or out of what some of them were before. */
export function tableOfParts(parts: readonly Resource[], whole: Resource): Resource {
  if (parts === whole.parts) return whole;
  const source = parts.find(isSource) ?? whole.parts?.find(isSource);
  return source === undefined
    ? whole
    : inlineTable(
        source,
        parts.filter((part) => !isSource(part)),
      );
}

function isSource(part: Resource): boolean {
  return part.typeUrl === typeUrl.routeConfiguration;
}
