/**
 * What holds for every call of every service: opening one costs a part of what the connection may take, and the first request must come
 * soon. Who may connect at all is decided before, in `mutual-tls.ts`.
 */
import { ServerInterceptingCall, status } from '@grpc/grpc-js';
import type { ServerInterceptor } from '@grpc/grpc-js';
import type { Allowance } from './allowance.ts';

export interface CallGuardOptions {
  readonly firstRequestMs: number;
  readonly allowanceOf: (peer: string) => Allowance;
  /** Paths of methods that look after their first request themselves. */
  readonly isPatient: (path: string) => boolean;
}

/** What a call costs before anything is asked in it: a few objects, and the lines in the log. */
const openingMs = 2;

export function callGuard({ firstRequestMs, allowanceOf, isPatient }: CallGuardOptions): ServerInterceptor {
  return ({ path }, call) => {
    const allowance = allowanceOf(call.getPeer());
    const now = performance.now();
    const isTooMany = allowance.waitMs(now) > 0;
    allowance.spend(openingMs, now);
    if (isTooMany) {
      return new ServerInterceptingCall(call, {
        start: () => call.sendStatus({ code: status.RESOURCE_EXHAUSTED, details: 'too many calls on this connection' }),
      });
    }
    if (isPatient(path)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start: (next) => {
        const deadline = setTimeout(() => {
          call.sendStatus({ code: status.DEADLINE_EXCEEDED, details: firstRequestMissing(firstRequestMs) });
        }, firstRequestMs);
        deadline.unref();
        next({
          onReceiveMessage: (message, pass) => {
            clearTimeout(deadline);
            pass(message);
          },
          onCancel: () => clearTimeout(deadline),
        });
      },
    });
  };
}

export function firstRequestMissing(ms: number): string {
  return `there was no request within ${ms / 1_000} s`;
}

const detailsLength = 500;

/** Text for a gRPC status: what a client has sent may stand in it, so it is cut, and made such that it can be encoded. */
export function statusDetails(text: string): string {
  // Half of a surrogate pair cannot be encoded; this puts U+FFFD in its place.
  return Buffer.from(text.slice(0, detailsLength)).toString();
}
