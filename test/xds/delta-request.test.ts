/** A delta request is read as it was written, and what a client holds is compared without a text for each name. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encode } from '../../src/proto/message.ts';
import { readDeltaRequest } from '../../src/xds/delta-request.ts';
import { ResourceTable } from '../../src/xds/resource-table.ts';
import { cluster } from '../support/resources.ts';

const messageName = 'envoy.service.discovery.v3.DeltaDiscoveryRequest';

/** What is said of each name: `same`, or the version that differs. */
function compare(table: ResourceTable, request: Buffer): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  readDeltaRequest(request).versions.compare(
    table,
    (id) => (found[table.nameOf(id)] = 'same'),
    (name, version) => (found[name] = version),
  );
  return found;
}

const name = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'default/app-1/http', 'ünï', 'n'.repeat(127), 'n'.repeat(128), 'n'.repeat(300)),
  fc.string({ maxLength: 5 }).filter((each) => each !== '__proto__'),
);

describe('a delta request', () => {
  it('says which names are as they are served, and the versions of the others', () => {
    const held = fc.array(
      fc.record({ name, version: fc.oneof(fc.constant(undefined), fc.constantFrom('', 'x', '0123456789abcdef')) }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(fc.array(name, { maxLength: 8 }), fc.array(name, { maxLength: 3 }), held, (served, gone, entries) => {
        const table = new ResourceTable('type');
        // The index exists before the last changes, and follows them.
        for (const each of served) table.replace(each, cluster(each, 1), 1, new Set());
        table.versionIndex();
        for (const each of [...gone, ...served.slice(0, 2)]) table.replace(each, undefined, 2, new Set());
        for (const each of served.slice(0, 4)) table.replace(each, cluster(each, 2), 3, new Set());
        const versions = Object.fromEntries(
          entries.map((each) => [each.name, each.version ?? cluster(each.name, 2).version]),
        );
        const request = Buffer.from(
          encode(messageName, { type_url: 'type', initial_resource_versions: versions, response_nonce: 'n' }),
        );
        const expected = Object.fromEntries(
          Object.entries(versions).map(([each, version]) => [
            each,
            table.get(each)?.version === version ? 'same' : version,
          ]),
        );
        expect(compare(table, request)).toEqual(expected);
        const { message, versions: read } = readDeltaRequest(request);
        expect(message).toEqual({ type_url: 'type', response_nonce: 'n' });
        expect(read.size).toBe(Object.keys(versions).length);
      }),
      { numRuns: 300 },
    );
  });

  it('is read whatever the order and number of the fields in an entry', () => {
    const table = new ResourceTable('type');
    table.replace('a', cluster('a'), 1, new Set());
    const key = [0x0a, 1, 0x61];
    const value = [0x12, 16, ...Buffer.from(cluster('a').version)];
    const unknown = [0x1d, 1, 2, 3, 4, 0x20, 0x80, 1];
    for (const entry of [
      [...value, ...key],
      [...unknown, ...key, ...value],
      [0x0a, 1, 0x62, ...key, ...value],
    ]) {
      expect(compare(table, Buffer.from([0x2a, entry.length, ...entry]))).toEqual({ a: 'same' });
    }
    expect(compare(table, Buffer.from([0x2a, 0]))).toEqual({ '': '' });
  });

  it.each([
    ['an entry that ends beyond the message', [0x2a, 9, 0x0a, 1, 0x61], 'a field is longer than its message'],
    ['a key that ends beyond its entry', [0x2a, 3, 0x0a, 9, 0x61, 0x1a, 0], 'a field is longer than its message'],
    ['a number without an end', [0x2a, 0xff], 'a number has no end'],
    ['a group, which proto3 does not have', [0x2b], 'wire type 3 is not used here'],
  ])('is refused when it has %s', (_title, bytes, message) => {
    expect(() => readDeltaRequest(Buffer.from(bytes))).toThrow(message);
  });
});
