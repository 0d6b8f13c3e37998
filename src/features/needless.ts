/** Settings of ingress-nginx that have no meaning for Envoy, and nothing to be missed: they are read and do nothing. */
import { defineFeature } from './feature.ts';
import type { Setting } from './feature.ts';
import { boolean, byteSize, integer, oneOf } from './value.ts';
import type { Parse } from './value.ts';

const streamed = 'No effect: Envoy passes bodies on as they come, with little memory, and never writes them to disk';
const heads = 'No effect: Envoy takes heads of answers up to 60 KiB';
const size = 'bytes, or with `k` or `m`';

/** Those whose name is a key of the ConfigMap as well. */
const keys: ReadonlySet<string> = new Set([
  'client-body-buffer-size',
  'proxy-buffering',
  'proxy-buffer-size',
  'proxy-buffers-number',
  'proxy-busy-buffers-size',
  'proxy-max-temp-file-size',
]);

export const needless = defineFeature({
  name: 'needless',
  isHarmless: true,
  settings: {
    clientBodyBuffer: setting(
      'client-body-buffer-size',
      byteSize,
      size,
      'Memory for a body, before it is written to disk',
      streamed,
    ),
    buffering: setting(
      'proxy-buffering',
      oneOf(['on', 'off']),
      '`on` or `off`',
      'Reads answers faster than the client does',
      streamed,
    ),
    bufferSize: setting('proxy-buffer-size', byteSize, size, 'Memory for the head of an answer', heads),
    buffers: setting(
      'proxy-buffers-number',
      integer(1, 1_000_000),
      'whole number',
      'How many buffers an answer has',
      streamed,
    ),
    busyBuffers: setting(
      'proxy-busy-buffers-size',
      byteSize,
      size,
      'Memory for what is on its way to the client',
      streamed,
    ),
    temporaryFile: setting(
      'proxy-max-temp-file-size',
      byteSize,
      size,
      'Most of an answer that is written to disk',
      streamed,
    ),
    accessLog: setting(
      'enable-access-log',
      boolean,
      '`true` or `false`',
      'Writes a line for each request',
      'No effect: the flag `--access-log` says for all whether Envoys write a log of requests',
    ),
    rewriteLog: setting(
      'enable-rewrite-log',
      boolean,
      '`true` or `false`',
      'Logs each rewriting',
      'No effect: `/debug/routes` shows what a path becomes',
    ),
    push: setting(
      'http2-push-preload',
      boolean,
      '`true` or `false`',
      'Pushes what Link headers name',
      'No effect: browsers take no pushes any more',
    ),
  },

  policy() {
    return undefined;
  },
});

function setting(
  name: string,
  parse: Parse<unknown>,
  value: string,
  nginx: string,
  difference: string,
): Setting<unknown> {
  return {
    annotation: name,
    ...(keys.has(name) && { configMap: name }),
    parse,
    default: '',
    documentation: { value, default: 'unset', nginx, difference },
  };
}
