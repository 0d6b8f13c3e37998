/** Statuses with which a limit can refuse requests: those of errors that Envoy has a name for, since others it takes for a fault. */
import { oneOf } from './value.ts';

export const refusalStatuses = {
  '400': 'BadRequest',
  '401': 'Unauthorized',
  '402': 'PaymentRequired',
  '403': 'Forbidden',
  '404': 'NotFound',
  '405': 'MethodNotAllowed',
  '406': 'NotAcceptable',
  '408': 'RequestTimeout',
  '409': 'Conflict',
  '410': 'Gone',
  '413': 'PayloadTooLarge',
  '422': 'UnprocessableEntity',
  '423': 'Locked',
  '424': 'FailedDependency',
  '428': 'PreconditionRequired',
  '429': 'TooManyRequests',
  '431': 'RequestHeaderFieldsTooLarge',
  '500': 'InternalServerError',
  '501': 'NotImplemented',
  '502': 'BadGateway',
  '503': 'ServiceUnavailable',
  '504': 'GatewayTimeout',
  '507': 'InsufficientStorage',
  '508': 'LoopDetected',
  '511': 'NetworkAuthenticationRequired',
} as const;

export type RefusalStatus = keyof typeof refusalStatuses;

export const statusOfRefusal = oneOf(refusalStatusList());

function refusalStatusList(): readonly RefusalStatus[] {
  // oxlint-disable-next-line no-unsafe-type-assertion -- the keys of a constant are of its type
  return Object.keys(refusalStatuses) as RefusalStatus[];
}
