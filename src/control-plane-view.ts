/** What the admin server sees of a running control plane. */
import type { AdminView, ResourceSummary, SessionSummary } from './admin/admin-view.ts';
import { compareProblems } from './model/problem.ts';
import type { ProblemBook } from './problem-book.ts';
import type { Contact } from './source/contact.ts';
import { toJson } from './proto/message.ts';
import { messageNameOf } from './proto/type-url.ts';
import type { Quarantine } from './quarantine/quarantine.ts';
import type { SourceStatus } from './source/source-status.ts';
import type { Translation } from './translation/translation.ts';
import type { DiscoveryStream } from './xds/discovery-stream.ts';
import { bodyOf } from './xds/resource.ts';
import type { XdsServer } from './xds/server.ts';

export function controlPlaneView(
  translation: Translation,
  sourceProblems: ProblemBook,
  server: XdsServer,
  sources: SourceStatus,
  certificates: AdminView['certificates'],
  quarantine: Quarantine,
  reach?: Reach,
): AdminView {
  const { delta } = server.store;
  return {
    readiness: () => {
      if (server.store.sequence === 0) {
        return { ready: false, waitingFor: ['the first complete reading of all objects'] };
      }
      const waitingFor = reach === undefined ? [] : silenceOf(reach);
      return { ready: waitingFor.length === 0, waitingFor };
    },
    ...(reach && { contact: () => reach.contact.state }),
    problems: () =>
      [...sourceProblems.all(), ...translation.problems(), ...quarantine.problems()].toSorted(compareProblems),
    objectCounts: () => translation.objectCounts(),
    resources: () =>
      delta.typeUrls().flatMap((typeUrl) => delta.names(typeUrl).flatMap((name) => summaryOf(server, typeUrl, name))),
    resource: (typeUrl, name) => {
      const resource = delta.get(typeUrl, name);
      const message = messageNameOf(typeUrl);
      return resource === undefined || message === undefined ? undefined : toJson(message, bodyOf(resource));
    },
    quarantine: () => {
      const { objects, resources, oldest } = quarantine.summary();
      return {
        objects,
        resources,
        oldestSeconds: oldest === undefined ? 0 : Math.max(0, (Date.now() - oldest) / 1_000),
      };
    },
    sources: () => sources.all(),
    connections: () => server.connections,
    certificates,
    sessions: () => server.streams().map(sessionSummary),
  };
}

/** How the API server is reached. */
export interface Reach {
  readonly contact: Contact;
  /** For how long a replica that is cut off says that it is not ready, in milliseconds. */
  readonly unreadyMs: number;
}

/** As long as another replica may be better off, Envoys that start are to go there. In the end, old is better than nothing. */
function silenceOf({ contact, unreadyMs }: Reach): readonly string[] {
  const { isCutOff, cutOffMs } = contact.state;
  if (!isCutOff || cutOffMs >= unreadyMs) return [];
  return [`the Kubernetes API server, which has been silent for ${Math.round(cutOffMs / 1_000)} s and more`];
}

function summaryOf(server: XdsServer, typeUrl: string, name: string): readonly ResourceSummary[] {
  const resource = server.store.delta.get(typeUrl, name);
  return resource === undefined ? [] : [{ typeUrl, name, version: resource.version, size: bodyOf(resource).length }];
}

function sessionSummary(stream: DiscoveryStream): SessionSummary {
  return {
    id: stream.id,
    peer: stream.peer,
    nodeId: stream.node.id ?? '',
    nodeCluster: stream.node.cluster ?? '',
    protocol: stream.protocol,
    connectedAt: stream.connectedAt.toISOString(),
    isBehind: stream.isBehind,
    subscriptions: stream.session.subscriptions().map((subscription) => ({
      typeUrl: subscription.typeUrl,
      wildcard: subscription.wildcard,
      names: subscription.names.size,
      waiting: subscription.dirty.size,
      inFlight: subscription.inFlight !== undefined,
      rejected: Array.from(subscription.rejected, ([name, message]) => ({ name, message })),
    })),
  };
}
