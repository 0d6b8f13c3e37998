/** A real gRPC client of the xDS server's services: streams whose answers can be waited for, and single calls. */
import { Client, credentials } from '@grpc/grpc-js';
import type { ClientReadableStream, StatusObject } from '@grpc/grpc-js';
import { decode, encode } from '../../src/proto/message.ts';
import type { MessageName, MessageTypes } from '../../src/proto/message.ts';
import { eventuallyPresent } from './eventually.ts';

export type DeltaRequest = MessageTypes['envoy.service.discovery.v3.DeltaDiscoveryRequest'];
export type DeltaResponse = MessageTypes['envoy.service.discovery.v3.DeltaDiscoveryResponse'];
export type SotwRequest = MessageTypes['envoy.service.discovery.v3.DiscoveryRequest'];
export type SotwResponse = MessageTypes['envoy.service.discovery.v3.DiscoveryResponse'];

/** How a call ended. */
export type End = Pick<StatusObject, 'code' | 'details'>;

export interface AnswerStream<Response> {
  /** All answers so far. */
  readonly responses: readonly Response[];
  /** Fulfilled when the call is over, whether by the server's will or by an error. */
  readonly ended: Promise<End>;
  /** The answer after the one that was waited for last. Throws when there is none in time. */
  next(): Promise<Response>;
  cancel(): void;
}

export interface OpenStream<Request, Response> extends AnswerStream<Response> {
  send(request: Request): void;
  /** Says that nothing more will be sent. */
  finish(): void;
}

export const deltaTypes = [
  'envoy.service.discovery.v3.DeltaDiscoveryRequest',
  'envoy.service.discovery.v3.DeltaDiscoveryResponse',
] as const;
export const sotwTypes = [
  'envoy.service.discovery.v3.DiscoveryRequest',
  'envoy.service.discovery.v3.DiscoveryResponse',
] as const;

const ads = 'envoy.service.discovery.v3.AggregatedDiscoveryService';

/** Methods are named as gRPC names them, `<service>/<method>`, and given with the names of their messages. */
export class DiscoveryClient {
  readonly #client: Client;

  constructor(port: number) {
    this.#client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
    });
  }

  /** An aggregated delta stream. */
  delta(): OpenStream<DeltaRequest, DeltaResponse> {
    return this.stream(`${ads}/DeltaAggregatedResources`, ...deltaTypes);
  }

  /** An aggregated state-of-the-world stream. */
  sotw(): OpenStream<SotwRequest, SotwResponse> {
    return this.stream(`${ads}/StreamAggregatedResources`, ...sotwTypes);
  }

  /** A stream in both directions. */
  stream<Request extends MessageName, Response extends MessageName>(
    method: string,
    request: Request,
    response: Response,
  ): OpenStream<MessageTypes[Request], MessageTypes[Response]> {
    const call = this.#client.makeBidiStreamRequest(`/${method}`, encoder(request), decoder(response));
    return { ...watch(call), send: (message) => call.write(message), finish: () => call.end() };
  }

  /** Any method, with bytes for messages. */
  raw(path: string): OpenStream<Buffer, Buffer> {
    const same = (bytes: Buffer): Buffer => bytes;
    const call = this.#client.makeBidiStreamRequest(path, same, same);
    return { ...watch(call), send: (message) => call.write(message), finish: () => call.end() };
  }

  /** A call with one request and many answers. */
  watch<Request extends MessageName, Response extends MessageName>(
    method: string,
    request: Request,
    response: Response,
    message: MessageTypes[Request],
  ): AnswerStream<MessageTypes[Response]> {
    return watch(this.#client.makeServerStreamRequest(`/${method}`, encoder(request), decoder(response), message));
  }

  /** A call with one request and one answer; rejected with the status if it is not OK. */
  call<Request extends MessageName, Response extends MessageName>(
    method: string,
    request: Request,
    response: Response,
    message: MessageTypes[Request],
  ): Promise<MessageTypes[Response]> {
    return new Promise((fulfil, reject) => {
      this.#client.makeUnaryRequest(`/${method}`, encoder(request), decoder(response), message, (error, answer) => {
        if (answer === undefined) reject(error ?? new Error('there was no answer'));
        else fulfil(answer);
      });
    });
  }

  /** Closes the connection, and with it all calls. */
  close(): void {
    this.#client.close();
  }
}

function encoder<N extends MessageName>(name: N): (message: MessageTypes[N]) => Buffer {
  return (message) => Buffer.from(encode(name, message));
}

function decoder<N extends MessageName>(name: N): (bytes: Buffer) => MessageTypes[N] {
  return (bytes) => decode(name, bytes);
}

function watch<Response>(call: ClientReadableStream<Response>): AnswerStream<Response> {
  const responses: Response[] = [];
  let taken = 0;
  const ended = new Promise<End>((fulfil) => {
    call.on('status', ({ code, details }) => fulfil({ code, details }));
  });
  // What `ended` says, too; without a listener it would end the process.
  call.on('error', () => undefined);
  call.on('data', (response: Response) => responses.push(response));
  return {
    responses,
    ended,
    next: async () => {
      const response = await eventuallyPresent('response', () => responses[taken], { every: 2 });
      taken += 1;
      return response;
    },
    cancel: () => call.cancel(),
  };
}
