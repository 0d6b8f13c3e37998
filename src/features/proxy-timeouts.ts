/** How long to wait for a backend. */
import { defineFeature, noValue } from './feature.ts';
import { integer } from './value.ts';

interface Policy {
  /** In seconds. */
  readonly connect: number;
  readonly read: number;
  readonly send: number;
}

/** What every listener and cluster has, so that a route needs to say nothing. */
export const defaultTimeouts: Policy = { connect: 5, read: 60, send: 60 };

const seconds = integer(1, 31_536_000);

export const proxyTimeouts = defineFeature({
  name: 'proxy-timeouts',
  isHarmless: true,
  settings: {
    connect: {
      annotation: 'proxy-connect-timeout',
      configMap: 'proxy-connect-timeout',
      parse: seconds,
      default: defaultTimeouts.connect,
      documentation: { value: 'whole seconds', nginx: 'How long connecting to an endpoint may take' },
    },
    read: {
      annotation: 'proxy-read-timeout',
      configMap: 'proxy-read-timeout',
      parse: seconds,
      default: defaultTimeouts.read,
      documentation: {
        value: 'whole seconds',
        nginx:
          'How long a backend may send nothing, before and in its answer: not how long the answer may take. 504 before its begin',
        differsFor: noValue,
        difference: 'Frames of a WebSocket count in either direction',
      },
    },
    send: {
      annotation: 'proxy-send-timeout',
      configMap: 'proxy-send-timeout',
      parse: seconds,
      default: defaultTimeouts.send,
      documentation: {
        value: 'whole seconds',
        nginx: 'How long a backend may take nothing of the request',
        differsFor: /^(?!60$)/,
        difference:
          'Envoy has one timer for the silence of both sides, the longer of this and `proxy-read-timeout`; it also ends requests whose client is silent',
      },
    },
  },

  policy({ connect, read, send }): Policy | undefined {
    const isDefault =
      connect === defaultTimeouts.connect && read === defaultTimeouts.read && send === defaultTimeouts.send;
    return isDefault ? undefined : { connect, read, send };
  },

  route({ read, send }, plan) {
    const silence = Math.max(read, send);
    if (silence !== defaultTimeouts.read) plan.action({ idle_timeout: `${silence}s` });
    // It begins when the request has been sent.
    if (read < silence) plan.retry({ per_try_idle_timeout: `${read}s` });
  },

  backend({ connect }) {
    return connect === defaultTimeouts.connect ? undefined : { connect };
  },

  cluster({ connect }, plan) {
    plan.connectTimeoutSeconds = connect;
  },
});
