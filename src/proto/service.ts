/** Method definitions of gRPC services in the form grpc-js takes, over this layer's encoder instead of generated code. */
import { decodeMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { findService, type MethodDeclaration } from './registry.ts';

interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (value: unknown) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => unknown;
  readonly responseSerialize: (value: unknown) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => unknown;
}

/**
 * All methods of a service by name. A Uint8Array in place of a message is taken as encoded already, so that shared bytes
 * are not encoded again.
 *
 * @param requests `raw` leaves requests as bytes, to be decoded when the service has time for it
 * @throws Error if the bundle has no such service
 */
export function serviceDefinition(
  name: string,
  requests: 'decoded' | 'raw' = 'decoded',
): Readonly<Record<string, MethodDefinition>> {
  const service = findService(name);
  if (service === undefined) throw new Error(`the proto bundle has no service ${name}`);
  const methods = Object.entries(service.methods);
  return Object.fromEntries(
    methods.map(([method, declaration]) => [method, definition(`/${name}/${method}`, declaration, requests)]),
  );
}

function definition(path: string, method: MethodDeclaration, requests: 'decoded' | 'raw'): MethodDefinition {
  const request = method.requestType.slice(1);
  const response = method.responseType.slice(1);
  return {
    path,
    requestStream: method.requestStream ?? false,
    responseStream: method.responseStream ?? false,
    requestSerialize: (value) => serialize(request, value),
    requestDeserialize: (bytes) => (requests === 'raw' ? bytes : decodeMessage(request, bytes, 'object')),
    responseSerialize: (value) => serialize(response, value),
    responseDeserialize: (bytes) => decodeMessage(response, bytes, 'object'),
  };
}

function serialize(name: string, value: unknown): Buffer {
  const bytes = value instanceof Uint8Array ? value : encodeMessage(name, value);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
