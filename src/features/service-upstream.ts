/** Sends requests to the address of the Service rather than to its endpoints, and so leaves the choice to kube-proxy. */
import { defineFeature } from './feature.ts';
import { boolean } from './value.ts';

export const serviceUpstream = defineFeature({
  name: 'service-upstream',
  isHarmless: true,
  isOfBackend: true,
  settings: {
    isOn: {
      annotation: 'service-upstream',
      configMap: 'service-upstream',
      parse: boolean,
      default: false,
      documentation: {
        value: '`true` or `false`',
        nginx:
          'Sends requests to the cluster IP of the Service, as its only endpoint. A Service without one is served by its endpoints',
        differsFor: /^(1|t|true)$/i,
        difference: 'It is for the Ingress that says it, and not for all that use its Services',
      },
    },
  },

  policy({ isOn }) {
    return isOn ? { isOn } : undefined;
  },

  backend({ isOn }) {
    return { isOn };
  },

  cluster(_data, plan) {
    plan.usesServiceAddress = true;
  },
});
