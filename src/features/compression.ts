/** What gzip and brotli have in common: which answers are worth compressing. */
import { any } from '../proto/message.ts';
import type { AnyMessage, MessageTypes } from '../proto/message.ts';
import type { HttpFilter } from './feature.ts';
import { invalid, valid } from './value.ts';
import type { Parse } from './value.ts';

type Library = NonNullable<
  MessageTypes['envoy.extensions.filters.http.compressor.v3.Compressor']['compressor_library']
>;

export interface CompressionPolicy {
  readonly level: number;
  readonly least: number;
  readonly types: readonly string[];
}

/** Those of ingress-nginx; HTML is always compressed. */
export const compressedTypes: readonly string[] = [
  ...['atom+xml', 'javascript', 'json', 'rss+xml', 'vnd.ms-fontobject', 'x-font-ttf', 'x-javascript'].map(
    (type) => `application/${type}`,
  ),
  ...['x-web-app-manifest+json', 'xhtml+xml', 'xml'].map((type) => `application/${type}`),
  'font/opentype',
  'image/svg+xml',
  'image/x-icon',
  ...['css', 'javascript', 'plain', 'x-component'].map((type) => `text/${type}`),
];

/** With spaces between. */
export const contentTypes: Parse<readonly string[]> = (text) => {
  const types = text.split(/\s+/);
  const bad = types.find((type) => !/^[a-z0-9][a-z0-9.+_-]*\/[a-z0-9][a-z0-9.+_-]*$/i.test(type));
  if (bad === undefined && types.length <= 100) return valid(types);
  return invalid('is no list of content types', 'write types with spaces between, such as "text/css text/plain"');
};

export const typesDocumentation = {
  value: 'content types with spaces between',
  default: 'those of ingress-nginx: text, JSON, XML, JavaScript, fonts, SVG',
  nginx: 'Which answers are compressed, besides HTML',
  difference: '`*` for all is reported and left out',
} as const;

export function compressor(library: string, config: AnyMessage, { least, types }: CompressionPolicy): HttpFilter {
  const compressor_library: Library = { name: library, typed_config: config };
  return {
    isOn: true,
    config: any('envoy.extensions.filters.http.compressor.v3.Compressor', {
      compressor_library,
      response_direction_config: {
        common_config: {
          // Envoy takes 0 for its own default.
          min_content_length: Math.max(1, least),
          content_type: ['text/html', ...types.filter((type) => type !== 'text/html')],
        },
      },
    }),
  };
}
