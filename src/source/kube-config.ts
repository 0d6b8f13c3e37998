// Loads the connection to a Kubernetes API server. The package behind it takes half a second to load, so only those
// who need it pay: import types from it, and values through here.

import type { KubeConfig, User } from '@kubernetes/client-node';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import { isRecord } from '../cluster/projection/field-reader.ts';

export type { KubeConfig };

/** A configuration, and how to read it again when the server refuses what it gave. */
export interface KubeConnection {
  readonly kubeConfig: KubeConfig;
  readonly reload: () => Promise<KubeConfig>;
}

/** A kubeconfig that can't be used; the message says why, in one line. */
export class KubeConfigError extends Error {}

/**
 * Reads a kubeconfig file; without one, the service account that Kubernetes puts into every pod.
 *
 * @param context one of the file's contexts; the current one when undefined.
 * @throws KubeConfigError when the file can't be parsed, names no cluster or no such context, or asks for what is not
 * supported.
 */
export async function loadKubeConfig(file: string | undefined, context?: string): Promise<KubeConfig> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const kubeConfig = new KubeConfig();
  const origin = file ?? 'the service account of the pod';
  try {
    if (file === undefined) kubeConfig.loadFromCluster();
    else kubeConfig.loadFromFile(file);
  } catch (error) {
    const [reason = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new KubeConfigError(`${origin} is no kubeconfig: ${reason}`);
  }
  const contexts = kubeConfig.getContexts().map(({ name }) => name);
  if (context !== undefined && !contexts.includes(context)) {
    throw new KubeConfigError(`${origin} has no context "${context}"; it has: ${contexts.join(', ') || 'none'}`);
  }
  if (context !== undefined) kubeConfig.setCurrentContext(context);
  const cluster = kubeConfig.getCurrentCluster();
  if (cluster === null) {
    throw new KubeConfigError(`${origin} has no current cluster: set current-context to a context that exists`);
  }
  if (!/^https?:\/\//.test(cluster.server) || !URL.canParse(cluster.server)) {
    throw new KubeConfigError(
      `${origin}: the server "${cluster.server}" of cluster "${cluster.name}" is no http(s) URL`,
    );
  }
  if (file === undefined) return kubeConfig;
  return complete(kubeConfig, file);
}

/** Adds what client-node passes over in a kubeconfig file, and refuses what it would pass over in silence. */
function complete(kubeConfig: KubeConfig, file: string): KubeConfig {
  const name = kubeConfig.getCurrentUser()?.name;
  const cluster = kubeConfig.getCurrentCluster();
  const clusters = kubeConfig
    .getClusters()
    // There is no TLS whose verification could be skipped; client-node wants this said.
    .map((each) => (each.server.startsWith('http:') ? { ...each, skipTLSVerify: true } : each));
  const users = kubeConfig.getUsers().map((user) => {
    if (user.name !== name) return user;
    const given = userEntry(file, user.name);
    refuseUnsupported(given, file, user.name);
    return withPlugin(withTokenFile(user, given, file), cluster?.server ?? '', file);
  });
  kubeConfig.loadFromOptions({
    clusters,
    users,
    contexts: kubeConfig.getContexts(),
    currentContext: kubeConfig.getCurrentContext(),
  });
  return kubeConfig;
}

/** The namespace of the current context: that of our Pod inside a cluster. `default` when it says none. */
export function namespaceOf(kubeConfig: KubeConfig): string {
  const context = kubeConfig.getContextObject(kubeConfig.getCurrentContext());
  return context?.namespace?.trim() || 'default';
}

type Entry = Readonly<Record<string, unknown>>;

function userEntry(file: string, name: string): Entry {
  const text: unknown = parse(readFileSync(file, 'utf8'));
  const users: unknown = isRecord(text) ? text['users'] : undefined;
  const found: unknown = Array.isArray(users)
    ? users.find((each) => isRecord(each) && each['name'] === name)
    : undefined;
  const user = isRecord(found) ? found['user'] : undefined;
  return isRecord(user) ? user : {};
}

function refuseUnsupported(entry: Entry, file: string, name: string): void {
  const refuse = (field: string, fix: string): never => {
    throw new KubeConfigError(`${file}: ${field} of user "${name}" is not supported: ${fix}`);
  };
  for (const field of ['as-groups', 'as-uid', 'as-user-extra']) {
    if (entry[field] !== undefined) refuse(field, 'use the credentials of a user that has these rights itself');
  }
  const exec = entry['exec'];
  if (isRecord(exec) && exec['interactiveMode'] === 'Always') {
    refuse('exec.interactiveMode: Always', 'nobody is there to answer, use a plugin that needs no terminal');
  }
}

/** A token in a file is read again and again, because what puts it there renews it. An inline token goes before it, as in kubectl. */
function withTokenFile(user: User, entry: Entry, file: string): User {
  const tokenFile = entry['tokenFile'];
  if (typeof tokenFile !== 'string' || tokenFile === '' || (entry['token'] ?? '') !== '') return user;
  const config = { tokenFile: resolve(dirname(file), tokenFile) };
  return { ...user, authProvider: { name: 'tokenFile', config } };
}

/** Plugins are told what they are asked for (ExecCredential of `client.authentication.k8s.io`), and found beside the file. */
function withPlugin(user: User, server: string, file: string): User {
  const exec: unknown = user.exec;
  if (!isRecord(exec) || typeof exec['command'] !== 'string') return user;
  const { command, env, apiVersion } = exec;
  const spec = { interactive: false, ...(exec['provideClusterInfo'] === true ? { cluster: { server } } : {}) };
  const info = JSON.stringify({ kind: 'ExecCredential', apiVersion, spec });
  return {
    ...user,
    exec: {
      ...exec,
      command: command.includes('/') ? resolve(dirname(file), command) : command,
      env: [...(Array.isArray(env) ? env : []), { name: 'KUBERNETES_EXEC_INFO', value: info }],
    },
  };
}
