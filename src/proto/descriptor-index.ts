/**
 * The file descriptors that gRPC reflection serves, found by file name or by the full name of anything declared in them.
 * Files stay encoded; only names are read.
 */
import { readFileSync } from 'node:fs';
import { Reader } from './reader.ts';

interface DescriptorFile {
  readonly name: string;
  readonly dependencies: readonly string[];
  /** A google.protobuf.FileDescriptorProto. */
  readonly bytes: Uint8Array;
}

export interface DescriptorIndex {
  readonly byName: ReadonlyMap<string, DescriptorFile>;
  /** By full name of every message, enum, service and method. */
  readonly bySymbol: ReadonlyMap<string, DescriptorFile>;
}

/** Field numbers of google/protobuf/descriptor.proto. */
const fileFields = { name: 1, package: 2, dependency: 3, message: 4, enum: 5, service: 6 } as const;
const messageFields = { name: 1, message: 3, enum: 4 } as const;
const serviceFields = { name: 1, method: 2 } as const;

let loaded: DescriptorIndex | undefined;

/** Built on first use. */
export function descriptorIndex(): DescriptorIndex {
  loaded ??= build(readFileSync(new URL('generated/descriptors.binpb', import.meta.url)));
  return loaded;
}

/** The file and everything it needs, each once, the file itself first. */
export function withDependencies(index: DescriptorIndex, file: DescriptorFile): readonly DescriptorFile[] {
  const found = new Set([file]);
  // A set visits what is added during the loop.
  for (const { dependencies } of found) {
    for (const name of dependencies) {
      const dependency = index.byName.get(name);
      if (dependency !== undefined) found.add(dependency);
    }
  }
  return [...found];
}

function build(fileDescriptorSet: Uint8Array): DescriptorIndex {
  const byName = new Map<string, DescriptorFile>();
  const bySymbol = new Map<string, DescriptorFile>();
  for (const bytes of new Fields(fileDescriptorSet).contents(1)) {
    const fields = new Fields(bytes);
    const file = { name: fields.text(fileFields.name), dependencies: fields.texts(fileFields.dependency), bytes };
    byName.set(file.name, file);
    for (const symbol of symbolsOf(fields)) bySymbol.set(symbol, file);
  }
  return { byName, bySymbol };
}

function symbolsOf(file: Fields): readonly string[] {
  const scope = file.text(fileFields.package);
  return [
    ...file.contents(fileFields.message).flatMap((bytes) => messageSymbols(scope, bytes)),
    ...namesIn(scope, file.contents(fileFields.enum)),
    ...file.contents(fileFields.service).flatMap((bytes) => serviceSymbols(scope, bytes)),
  ];
}

function serviceSymbols(scope: string, bytes: Uint8Array): readonly string[] {
  const service = new Fields(bytes);
  const name = `${scope}.${service.text(serviceFields.name)}`;
  return [name, ...namesIn(name, service.contents(serviceFields.method))];
}

function messageSymbols(scope: string, bytes: Uint8Array): readonly string[] {
  const message = new Fields(bytes);
  const name = `${scope}.${message.text(messageFields.name)}`;
  const nested = message.contents(messageFields.message).flatMap((inner) => messageSymbols(name, inner));
  return [name, ...nested, ...namesIn(name, message.contents(messageFields.enum))];
}

/** Full names of enums or methods: like everything in descriptor.proto they have their name in field 1. */
function namesIn(scope: string, declarations: readonly Uint8Array[]): readonly string[] {
  return declarations.map((bytes) => `${scope}.${new Fields(bytes).text(1)}`);
}

/** The length-delimited fields of a message, undecoded. */
class Fields {
  readonly #contents = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (!reader.isAtEnd) {
      const tag = reader.varint32();
      if ((tag & 7) === 2) this.#add(tag >>> 3, reader.bytes());
      else reader.skip(tag & 7);
    }
  }

  contents(id: number): readonly Uint8Array[] {
    return this.#contents.get(id) ?? [];
  }

  texts(id: number): readonly string[] {
    return this.contents(id).map((bytes) => Buffer.from(bytes).toString('utf8'));
  }

  text(id: number): string {
    return this.texts(id)[0] ?? '';
  }

  #add(id: number, content: Uint8Array): void {
    const known = this.#contents.get(id);
    if (known === undefined) this.#contents.set(id, [content]);
    else known.push(content);
  }
}
