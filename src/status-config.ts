// The flags about what is written into a cluster: addresses, Events, and who of the replicas writes.

import { hostname } from 'node:os';
import { isIP } from 'node:net';
import {
  parseDuration,
  parseNamespacedName,
  parseSwitch,
  parseText,
  refuse,
  type Environment,
  type Setting,
  type Settings,
  UsageError,
} from './setting.ts';

export interface StatusConfig {
  /** Absent when no status is written. */
  readonly addresses?: AddressConfig;
  readonly wantsInternalAddresses: boolean;
  /** In milliseconds. */
  readonly addressIntervalMs: number;
  readonly writesEvents: boolean;
  readonly election: {
    readonly id: string;
    /** Absent means that of our Pod, or of the kubeconfig's context. */
    readonly namespace?: string;
    /** In milliseconds; 0 means that there is no election. */
    readonly leaseMs: number;
    /** This replica. */
    readonly identity: string;
  };
}

type AddressConfig =
  | { readonly kind: 'fixed'; readonly addresses: readonly string[] }
  | { readonly kind: 'service'; readonly namespace: string; readonly name: string }
  | { readonly kind: 'nodes'; readonly selector: string };

/** Those that mean nothing without a cluster. */
const statusFlags = [
  'publish-service',
  'publish-status-address',
  'publish-envoy-nodes',
  'report-node-internal-ip-address',
  'update-status',
  'status-update-interval',
  'publish-events',
  'election-id',
  'election-ttl',
  'disable-leader-election',
  'leader-election-namespace',
] as const;

/** Shorter Leases than this would be lost by a pause of garbage collection or a slow API server; in milliseconds. */
const shortestLeaseMs = 3_000;

export function readStatus(settings: Settings, environment: Environment): StatusConfig {
  const addresses = readAddresses(settings);
  const isUpdated = settings.one('update-status', parseSwitch) ?? true;
  const podName = environment['POD_NAME'] ?? '';
  const podNamespace = environment['POD_NAMESPACE'] ?? '';
  const namespace = settings.one('leader-election-namespace', parseNamespace) ?? podNamespace;
  return {
    ...(isUpdated && addresses && { addresses }),
    wantsInternalAddresses: settings.isOn('report-node-internal-ip-address'),
    addressIntervalMs: settings.one('status-update-interval', parseInterval) ?? 10_000,
    writesEvents: settings.one('publish-events', parseSwitch) ?? true,
    election: {
      id: settings.one('election-id', parseObjectName) ?? 'sluice-leader',
      ...(namespace !== '' && { namespace }),
      leaseMs: settings.isOn('disable-leader-election') ? 0 : (settings.one('election-ttl', parseLease) ?? 15_000),
      // Two processes on one machine are two replicas; a container that starts again in its Pod is the same one.
      identity: podName === '' ? `${hostname()}_${process.pid}` : podName,
    },
  };
}

/** The first of the flags here that was given, if any. */
export function givenStatusFlag(settings: Settings): Setting | undefined {
  const given = statusFlags.map((name) => settings.many(name, (setting) => setting)[0] ?? settings.find(name));
  return given.find((setting) => setting !== undefined);
}

function readAddresses(settings: Settings): AddressConfig | undefined {
  const service = settings.one('publish-service', parseNamespacedName);
  const fixed = settings.many('publish-status-address', parseAddresses).flat();
  const selector = settings.one('publish-envoy-nodes', parseSelector);
  const given = [
    ...(service === undefined ? [] : ['--publish-service']),
    ...(fixed.length === 0 ? [] : ['--publish-status-address']),
    ...(selector === undefined ? [] : ['--publish-envoy-nodes']),
  ];
  if (given.length > 1) throw new UsageError(`${given.join(' and ')} exclude each other: keep one of them`);
  if (service !== undefined) return { kind: 'service', ...service };
  if (selector !== undefined) return { kind: 'nodes', selector };
  return fixed.length > 0 ? { kind: 'fixed', addresses: fixed } : undefined;
}

/** `192.0.2.1,lb.example.org` */
function parseAddresses(setting: Setting): readonly string[] {
  const addresses = setting.value
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  const wrong = addresses.find((text) => isIP(text) === 0 && !isDomainName(text));
  if (addresses.length === 0 || wrong !== undefined) {
    refuse(setting, 'is not a list of addresses', 'write it like 192.0.2.1,lb.example.org');
  }
  return addresses;
}

function isDomainName(text: string): boolean {
  const isAddressLike = /^[\d.]+$/.test(text);
  return (
    !isAddressLike &&
    text.length <= 253 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
  );
}

/** As `kubectl get -l` takes it; the API server checks the rest. */
function parseSelector(setting: Setting): string {
  const selector = parseText(setting);
  return /^[\w\-./=!, ()]+$/.test(selector)
    ? selector
    : refuse(setting, 'is not a label selector', 'write it like app.kubernetes.io/name=envoy');
}

function parseObjectName(setting: Setting): string {
  return /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/.test(setting.value)
    ? setting.value
    : refuse(setting, 'is not a name', 'use lower case letters, digits and -');
}

function parseNamespace(setting: Setting): string {
  return /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(setting.value)
    ? setting.value
    : refuse(setting, 'is not a namespace', 'use at most 63 lower case letters, digits and -');
}

function parseLease(setting: Setting): number {
  const ms = parseDuration(setting);
  return ms >= shortestLeaseMs ? ms : refuse(setting, 'is too short', `give at least ${shortestLeaseMs / 1_000}s`);
}

/** A duration, or seconds without a unit. */
function parseInterval(setting: Setting): number {
  const { name, value } = setting;
  const ms = parseDuration(/^\d+$/.test(value) ? { name, value: `${value}s` } : setting);
  return ms >= 1_000 ? ms : refuse(setting, 'is too short', 'give at least 1s');
}
