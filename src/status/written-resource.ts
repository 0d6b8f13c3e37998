// What Sluice writes in a cluster, and the rights that it takes.

interface Written {
  readonly what: string;
  /** Goes on after "grant". */
  readonly grant: string;
}

export const writtenResources = {
  'ingresses/status': {
    what: 'the status of Ingresses',
    grant: 'the verb patch on ingresses/status of the API group "networking.k8s.io"',
  },
  events: { what: 'Events', grant: 'the verbs create and patch on events of the API group "events.k8s.io"' },
  leases: {
    what: 'the Lease of the leader',
    grant: 'the verbs get, create and update on leases of the API group "coordination.k8s.io" in our namespace',
  },
} as const satisfies Readonly<Record<string, Written>>;

export type WrittenResource = keyof typeof writtenResources;
