/** Compresses answers with gzip for clients that understand it. */
import { any } from '../proto/message.ts';
import type { MessageTypes } from '../proto/message.ts';
import { compressedTypes, compressor, contentTypes, typesDocumentation } from './compression.ts';
import type { CompressionPolicy } from './compression.ts';
import { defineFeature } from './feature.ts';
import { boolean, integer } from './value.ts';

const most = 9_999_999;

export const gzip = defineFeature({
  name: 'gzip',
  isHarmless: true,
  settings: {
    isOn: {
      configMap: 'use-gzip',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: 'Compresses answers with gzip' },
    },
    level: {
      configMap: 'gzip-level',
      parse: integer(1, 9),
      default: 1,
      documentation: { value: '1 to 9', nginx: 'How much work is put into it' },
    },
    least: {
      configMap: 'gzip-min-length',
      parse: integer(0, most),
      default: 256,
      documentation: { value: 'bytes', nginx: 'Answers whose Content-Length is less are left alone' },
    },
    types: {
      configMap: 'gzip-types',
      parse: contentTypes,
      default: compressedTypes,
      documentation: typesDocumentation,
    },
  },

  policy({ isOn, level, least, types }): CompressionPolicy | undefined {
    return isOn ? { level, least, types } : undefined;
  },

  /** In the listener, for all hosts: it is there only while the ConfigMap asks for it. */
  filter(policy) {
    if (policy === undefined) return undefined;
    return compressor(
      'gzip',
      any('envoy.extensions.compression.gzip.compressor.v3.Gzip', {
        compression_level: levels[policy.level] ?? 'COMPRESSION_LEVEL_1',
      }),
      policy,
    );
  },
});

type Level = MessageTypes['envoy.extensions.compression.gzip.compressor.v3.Gzip']['compression_level'];

const levels: Readonly<Record<number, Level>> = {
  1: 'COMPRESSION_LEVEL_1',
  2: 'COMPRESSION_LEVEL_2',
  3: 'COMPRESSION_LEVEL_3',
  4: 'COMPRESSION_LEVEL_4',
  5: 'COMPRESSION_LEVEL_5',
  6: 'COMPRESSION_LEVEL_6',
  7: 'COMPRESSION_LEVEL_7',
  8: 'COMPRESSION_LEVEL_8',
  9: 'COMPRESSION_LEVEL_9',
};
