/**
 * What Envoy answers by itself: the status codes that nginx has for a backend that cannot be reached or breaks off, and a page for each
 * error and redirect, so that nobody reads of the filters that made it.
 */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';

type LocalReplyConfig = MessageTypes['envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig'];
type AccessLogFilter = MessageTypes['envoy.config.accesslog.v3.AccessLogFilter'];
type Comparison = NonNullable<NonNullable<AccessLogFilter['status_code_filter']>['comparison']>;

/** Envoy says 503 to all of these; nginx to none, so that 503 is left for what has no endpoints or is refused. */
const unreachable: readonly AccessLogFilter[] = [
  status('EQ', 503),
  // Connection failures, ends of connections, resets by either side, and answers that are no HTTP.
  { response_flag_filter: { flags: ['UF', 'UC', 'UR', 'LR', 'UPE'] } },
];

/** Response flags do not tell a connection that took too long from one that was refused. */
const tookTooLong = expression("response.code_details.contains('connection_timeout')");

/** The text of a snippet. */
const hasOwnPage = expression("'content-type' in response.headers");

/** gRPC clients are told in a header of theirs, which is no place for a page. */
const isGrpc: AccessLogFilter = {
  header_filter: { header: { name: 'content-type', string_match: { prefix: 'application/grpc' } } },
};

/** Of RFC 9110, and of RFC 6585 and others where that has none. */
const phrases: Readonly<Record<number, string>> = {
  300: 'Multiple Choices',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  305: 'Use Proxy',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  402: 'Payment Required',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  418: 'Unused',
  421: 'Misdirected Request',
  422: 'Unprocessable Content',
  423: 'Locked',
  426: 'Upgrade Required',
  428: 'Precondition Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  451: 'Unavailable For Legal Reasons',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
  507: 'Insufficient Storage',
  511: 'Network Authentication Required',
};

const phrase = `%CEL({${Object.entries(phrases)
  .map(([code, text]) => `${code}:'${text}'`)
  .join(',')}}[response.code])%`;

const page = `<!doctype html>\n<title>%RESPONSE_CODE% ${phrase}</title>\n<h1>%RESPONSE_CODE%</h1>\n`;

const asItIs = { text_format_source: { inline_string: '%LOCAL_REPLY_BODY%' } } as const;

/** 504 for connections that take too long, 502 for those that fail; and a page for each error and redirect. */
export const localReplies: LocalReplyConfig = {
  mappers: [
    { filter: all(isGrpc, ...unreachable, tookTooLong), status_code: 504, body_format_override: asItIs },
    { filter: all(isGrpc, ...unreachable), status_code: 502, body_format_override: asItIs },
    { filter: all(...unreachable, tookTooLong), status_code: 504 },
    { filter: all(...unreachable), status_code: 502 },
    { filter: { or_filter: { filters: [status('LE', 299), isGrpc, hasOwnPage] } }, body_format_override: asItIs },
  ],
  body_format: { content_type: 'text/html', text_format_source: { inline_string: page } },
};

function all(...filters: readonly AccessLogFilter[]): AccessLogFilter {
  return { and_filter: { filters } };
}

function expression(text: string): AccessLogFilter {
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: any('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', { expression: text }),
    },
  };
}

function status(op: NonNullable<Comparison['op']>, code: number): AccessLogFilter {
  return { status_code_filter: { comparison: { op, value: { default_value: code, runtime_key: 'sluice.unused' } } } };
}
