/** Annotations of ingress-nginx that Sluice does not do, each with what it costs and what to use in its place. */
import { defineFeature, noValue } from './feature.ts';
import type { Parse } from './value.ts';
import { boolean, invalid, matching, valid } from './value.ts';

const text = matching(/[^]*/, 'text');
const flag = '`true` or `false`';
const firewall =
  'Envoys have no ModSecurity. By itself it only logs, so nothing is lost but the log; with `SecRuleEngine On` in `modsecurity-snippet` the paths answer 503. Use a firewall in front, or in the Pods of the backend';
const tracing = 'No effect: Sluice sets up no tracing. Trace headers of clients are passed on';
const fastCgi = 'Reported, and left out: Envoy speaks no FastCGI. Put a web server in front of it, in its Pod';

/** Any value is refused. */
function refused(why: string, fix: string): Parse<string> {
  return (written) => (written === '' ? valid('') : invalid(why, fix));
}

const fastCgiValue = refused(
  'is for FastCGI, which Envoy does not speak',
  'put a web server in front of the FastCGI server, in its Pod',
);

export const refusedSettings = defineFeature({
  name: 'refused',
  settings: {
    modSecurity: {
      annotation: 'enable-modsecurity',
      parse: boolean,
      default: false,
      documentation: { value: flag, nginx: 'A web application firewall', differsFor: noValue, difference: firewall },
    },
    coreRules: {
      annotation: 'enable-owasp-core-rules',
      parse: boolean,
      default: false,
      documentation: { value: flag, nginx: 'Rules of the firewall', differsFor: noValue, difference: firewall },
    },
    rules: {
      annotation: 'modsecurity-snippet',
      parse: text,
      default: '',
      hasLines: true,
      documentation: {
        value: 'rules of ModSecurity',
        default: 'unset',
        nginx: 'Rules of the firewall',
        difference: firewall,
      },
    },
    transaction: {
      annotation: 'modsecurity-transaction-id',
      parse: text,
      default: '',
      documentation: {
        value: 'variables',
        default: 'unset',
        nginx: 'Names requests in the log of the firewall',
        differsFor: noValue,
        difference: 'No effect',
      },
    },
    stream: {
      annotation: 'stream-snippet',
      parse: refused('is configuration of nginx for TCP and UDP', 'use a Service of type LoadBalancer or NodePort'),
      default: '',
      hasLines: true,
      documentation: {
        value: 'configuration of nginx',
        default: 'unset',
        nginx: 'Lines for TCP and UDP, if the ConfigMap allows snippets',
        difference: 'Reported, and left out. Use a Service of type LoadBalancer or NodePort for TCP and UDP',
      },
    },
    tracing: {
      annotation: 'enable-opentelemetry',
      parse: boolean,
      default: false,
      documentation: { value: flag, nginx: 'Traces requests', differsFor: noValue, difference: tracing },
    },
    trust: {
      annotation: 'opentelemetry-trust-incoming-span',
      parse: boolean,
      default: true,
      documentation: {
        value: flag,
        nginx: 'Continues the trace of the client',
        differsFor: noValue,
        difference: tracing,
      },
    },
    operation: {
      annotation: 'opentelemetry-operation-name',
      parse: text,
      default: '',
      documentation: {
        value: 'text',
        default: 'unset',
        nginx: 'Names the span',
        differsFor: noValue,
        difference: tracing,
      },
    },
    fastCgiIndex: {
      annotation: 'fastcgi-index',
      parse: fastCgiValue,
      default: '',
      documentation: {
        value: 'text',
        default: 'unset',
        nginx: 'File for paths that end in a slash',
        difference: fastCgi,
      },
    },
    fastCgiParameters: {
      annotation: 'fastcgi-params-configmap',
      parse: fastCgiValue,
      default: '',
      documentation: { value: 'ConfigMap', default: 'unset', nginx: 'Parameters of FastCGI', difference: fastCgi },
    },
  },

  policy({ modSecurity, coreRules, rules, tracing: isTraced }, report) {
    if (modSecurity || coreRules) {
      const blocks = /^\s*SecRuleEngine\s+On\b/im.test(rules);
      const message = 'Envoys have no ModSecurity, so no rules are looked at';
      const fix = 'use a firewall in front, or in the Pods of the backend, and take the annotation away';
      report(modSecurity ? 'modSecurity' : 'coreRules', message, fix, blocks ? 'closed' : 'default');
    }
    if (isTraced) report('tracing', 'Sluice sets up no tracing', 'trace in the backends');
    return undefined;
  },
});
