/** The two methods of the client status service; what they answer is in `client-status.ts`. */
import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerDuplexStream, ServerUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { MessageTypes } from '../proto/message.ts';
import { clientStatus, countEntries } from './client-status.ts';
import type { StreamView } from './client-status.ts';

type StatusRequest = MessageTypes['envoy.service.status.v3.ClientStatusRequest'];
type StatusResponse = MessageTypes['envoy.service.status.v3.ClientStatusResponse'];

export class ClientStatusService {
  readonly #streams: () => readonly StreamView[];
  readonly #entryLimit: number;

  constructor(streams: () => readonly StreamView[], entryLimit: number) {
    this.#streams = streams;
    this.#entryLimit = entryLimit;
  }

  implementation(): UntypedServiceImplementation {
    return {
      FetchClientStatus: (
        call: ServerUnaryCall<StatusRequest, StatusResponse>,
        reply: sendUnaryData<StatusResponse>,
      ): void => {
        const fault = this.#fault(call.request);
        if (fault === undefined) reply(null, this.#answer(call.request));
        else reply(fault);
      },
      StreamClientStatus: (call: ServerDuplexStream<StatusRequest, StatusResponse>): void => this.#serve(call),
    };
  }

  #serve(call: ServerDuplexStream<StatusRequest, StatusResponse>): void {
    call.on('data', (request: StatusRequest) => {
      const fault = this.#fault(request);
      if (fault !== undefined) return void call.emit('error', fault);
      // An answer can be many megabytes: a client that does not read must not pile them up.
      if (!call.write(this.#answer(request))) call.pause();
    });
    call.on('drain', () => call.resume());
    call.on('end', () => call.end());
    // Reported to the client already; without a listener it would end the process.
    call.on('error', () => undefined);
  }

  #answer(request: StatusRequest): StatusResponse {
    return clientStatus(request, this.#streams());
  }

  /** It is made at one go, so it must not be so much that others would wait for it. */
  #fault(request: StatusRequest): { readonly code: status; readonly details: string } | undefined {
    const entries = countEntries(request, this.#streams());
    if (entries <= this.#entryLimit) return undefined;
    const details = `the answer would have ${entries} resources, at most ${this.#entryLimit} are given: choose clients with node_matchers`;
    return { code: status.RESOURCE_EXHAUSTED, details };
  }
}
