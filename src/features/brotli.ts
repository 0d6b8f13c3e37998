/** Compresses answers with brotli for clients that understand it. */
import { any } from '../proto/message.ts';
import { compressedTypes, compressor, contentTypes, typesDocumentation } from './compression.ts';
import type { CompressionPolicy } from './compression.ts';
import { defineFeature } from './feature.ts';
import { boolean, integer } from './value.ts';

const most = 9_999_999;

export const brotli = defineFeature({
  name: 'brotli',
  isHarmless: true,
  settings: {
    isOn: {
      configMap: 'enable-brotli',
      parse: boolean,
      default: false,
      documentation: { value: '`true` or `false`', nginx: 'Compresses answers with brotli' },
    },
    level: {
      configMap: 'brotli-level',
      parse: integer(0, 11),
      default: 4,
      documentation: { value: '0 to 11', nginx: 'How much work is put into it' },
    },
    least: {
      configMap: 'brotli-min-length',
      parse: integer(0, most),
      default: 20,
      documentation: { value: 'bytes', nginx: 'Answers whose Content-Length is less are left alone' },
    },
    types: {
      configMap: 'brotli-types',
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
      'brotli',
      any('envoy.extensions.compression.brotli.compressor.v3.Brotli', { quality: policy.level }),
      policy,
    );
  },
});
