/** gRPC server reflection, so that grpcurl can call the discovery services and print every resource without .proto files. */
import {
  status,
  type ServerDuplexStream,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { descriptorIndex, withDependencies } from '../proto/descriptor-index.ts';
import type { MessageTypes } from '../proto/message.ts';
import { serviceDefinition } from '../proto/service.ts';

/** Both versions have the same messages under another package. */
const versions = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;

type Request = MessageTypes['grpc.reflection.v1.ServerReflectionRequest'];
type Response = MessageTypes['grpc.reflection.v1.ServerReflectionResponse'];

export interface ReflectionService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** Versions v1 and v1alpha, to be added to a server that serves the named services. Only those are listed. */
export function reflectionServices(serviceNames: readonly string[]): readonly ReflectionService[] {
  return versions.map((version) => ({
    definition: serviceDefinition(version),
    implementation: {
      ServerReflectionInfo: (call: ServerDuplexStream<Request, Response>): void => serve(call, serviceNames),
    },
  }));
}

function serve(call: ServerDuplexStream<Request, Response>, serviceNames: readonly string[]): void {
  call.on('data', (request: Request) => {
    const isRoomLeft = call.write({
      valid_host: request.host ?? '',
      original_request: request,
      ...answer(request, serviceNames),
    });
    // One descriptor answer is up to 200 kB: a client that does not read must not pile them up.
    if (!isRoomLeft) call.pause();
  });
  call.on('drain', () => call.resume());
  call.on('end', () => call.end());
  // Reported to the client already; without a listener it would end the process.
  call.on('error', () => undefined);
}

function answer(request: Request, serviceNames: readonly string[]): Response {
  const index = descriptorIndex();
  if (request.list_services !== undefined) {
    return { list_services_response: { service: serviceNames.toSorted().map((name) => ({ name })) } };
  }
  if (request.file_by_filename !== undefined) {
    return files(index.byName.get(request.file_by_filename), request.file_by_filename);
  }
  if (request.file_containing_symbol !== undefined) {
    return files(index.bySymbol.get(request.file_containing_symbol), request.file_containing_symbol);
  }
  if (request.all_extension_numbers_of_type !== undefined)
    return extensionNumbers(request.all_extension_numbers_of_type);
  if (request.file_containing_extension !== undefined) {
    const { containing_type: type, extension_number: number } = request.file_containing_extension;
    return notFound(`extension ${number} of ${type}`);
  }
  return { error_response: { error_code: status.INVALID_ARGUMENT, error_message: 'the request asks for nothing' } };
}

function files(file: Parameters<typeof withDependencies>[1] | undefined, name: string): Response {
  if (file === undefined) return notFound(name);
  const bytes = withDependencies(descriptorIndex(), file).map((each) => each.bytes);
  return { file_descriptor_response: { file_descriptor_proto: bytes } };
}

/** proto3 messages have no extensions, so a known type has none and an unknown one is an error. */
function extensionNumbers(type: string): Response {
  if (!descriptorIndex().bySymbol.has(type)) return notFound(type);
  return { all_extension_numbers_response: { base_type_name: type } };
}

function notFound(what: string): Response {
  return { error_response: { error_code: status.NOT_FOUND, error_message: `not found: ${what}` } };
}
