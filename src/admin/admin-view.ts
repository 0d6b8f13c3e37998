import type { Kind } from '../cluster/kubernetes-object.ts';
import type { Problem } from '../model/problem.ts';

/** What the admin server may ask of the control plane. Everything is read when asked for and printable as JSON. */
export interface AdminView {
  readonly readiness: () => Readiness;
  /** Sorted. */
  readonly problems: () => readonly Problem[];
  /** How many objects of each kind are known. */
  readonly objectCounts: () => Readonly<Record<Kind, number>>;
  /** The snapshot that is being served, sorted by type and name. */
  readonly resources: () => readonly ResourceSummary[];
  /** One resource as protobuf JSON, or undefined when there is none of that name. */
  readonly resource: (typeUrl: string, name: string) => unknown;
  /** How many connections Envoys have open. */
  readonly connections: () => number;
  /** The certificates of xDS; empty for plaintext. */
  readonly certificates: () => readonly CertificateSummary[];
  readonly sessions: () => readonly SessionSummary[];
  /** What Envoys refuse. */
  readonly quarantine: () => QuarantineSummary;
  /** Each kind and namespace that is read from Kubernetes; empty when objects come from files. */
  readonly sources: () => readonly SourceSummary[];
  /** Whether the API server is heard from; absent when objects come from files. */
  readonly contact?: () => ContactSummary;
  /** What is written into the cluster and by whom; absent when objects come from files. */
  readonly status?: () => StatusSummary;
}

export interface ContactSummary {
  /** True when nothing comes from it any more, although it is asked. */
  readonly isCutOff: boolean;
}

export interface QuarantineSummary {
  /** Objects of which an earlier form, or nothing, is served. */
  readonly objects: number;
  /** Resources of which an earlier state, or nothing, is served. */
  readonly resources: number;
  /** For how long the oldest of these objects has not been served as it is; 0 when there is none. */
  readonly oldestSeconds: number;
}

export interface StatusSummary {
  /** This replica. */
  readonly identity: string;
  readonly isLeading: boolean;
  /** Who holds the Lease; empty when nobody does or there is no election. */
  readonly leader: string;
  /** `namespace/name`; empty when there is no election. */
  readonly lease: string;
  /** What the status of Ingresses is to be; absent while it is not known. */
  readonly addresses?: readonly string[];
  /** What waits to be written now. */
  readonly pending: { readonly statuses: number; readonly events: number };
}

export interface SourceSummary {
  readonly kind: Kind;
  /** Empty for all namespaces. */
  readonly namespace: string;
  /** `starting` until it has been read once; `failing` when it cannot be read now, while what is known stays in use. */
  readonly state: 'starting' | 'watching' | 'failing';
  readonly objects: number;
  /** Milliseconds since 1970 of the last time that the server showed the state to be as known; 0 for never. */
  readonly lastContactMs: number;
  /** Why it fails; empty unless it does. */
  readonly failure: string;
}

export interface Readiness {
  readonly ready: boolean;
  /** What is still missing, one sentence each; empty when ready. */
  readonly waitingFor: readonly string[];
}

export interface ResourceSummary {
  readonly typeUrl: string;
  readonly name: string;
  readonly version: string;
  /** Encoded size in bytes. */
  readonly size: number;
}

export interface CertificateSummary {
  /** What it is for: `server`, `authority`. */
  readonly name: string;
  /** When it runs out, in milliseconds since 1970. */
  readonly notAfter: number;
}

/** One xDS stream. */
export interface SessionSummary {
  readonly id: number;
  readonly peer: string;
  readonly nodeId: string;
  readonly nodeCluster: string;
  readonly protocol: 'sotw' | 'delta';
  /** RFC 3339. */
  readonly connectedAt: string;
  /** Whether it has left a response unanswered for 10 s. */
  readonly isBehind: boolean;
  readonly subscriptions: readonly {
    readonly typeUrl: string;
    readonly wildcard: boolean;
    readonly names: number;
    /** Names whose newest state has not been sent yet. */
    readonly waiting: number;
    /** True while a response has not been answered by ACK or NACK. */
    readonly inFlight: boolean;
    /** Names whose newest state the Envoy has refused, with its error message. */
    readonly rejected: readonly { readonly name: string; readonly message: string }[];
  }[];
}
