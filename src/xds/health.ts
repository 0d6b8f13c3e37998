/** gRPC health checking (`grpc.health.v1`): SERVING once a snapshot stands. */
import { status } from '@grpc/grpc-js';
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { MessageTypes } from '../proto/message.ts';
import { statusDetails } from './call-guard.ts';

type HealthRequest = MessageTypes['grpc.health.v1.HealthCheckRequest'];
type HealthResponse = MessageTypes['grpc.health.v1.HealthCheckResponse'];
type WatchCall = ServerWritableStream<HealthRequest, HealthResponse>;

export class Health {
  readonly #services: readonly string[];
  readonly #watchers = new Map<WatchCall, string>();
  #isServing = false;

  /** @param services those that may be asked for by name; the empty name stands for the whole server. */
  constructor(services: readonly string[]) {
    this.#services = ['', ...services];
  }

  serve(): void {
    if (this.#isServing) return;
    this.#isServing = true;
    for (const [call, service] of this.#watchers) call.write(this.#stateOf(service));
  }

  check(call: ServerUnaryCall<HealthRequest, HealthResponse>, reply: sendUnaryData<HealthResponse>): void {
    const service = call.request.service ?? '';
    if (this.#services.includes(service)) reply(null, this.#stateOf(service));
    else reply({ code: status.NOT_FOUND, details: statusDetails(`there is no service "${service}" here`) });
  }

  watch(call: WatchCall): void {
    const service = call.request.service ?? '';
    this.#watchers.set(call, service);
    call.on('cancelled', () => this.#watchers.delete(call));
    call.on('error', () => this.#watchers.delete(call));
    call.write(this.#stateOf(service));
  }

  /** Ends all watches, so that the server can stop. */
  close(): void {
    for (const call of this.#watchers.keys()) call.end();
    this.#watchers.clear();
  }

  #stateOf(service: string): HealthResponse {
    if (!this.#services.includes(service)) return { status: 'SERVICE_UNKNOWN' };
    return { status: this.#isServing ? 'SERVING' : 'NOT_SERVING' };
  }
}
