/** Clusters: where their endpoints come from, and how these are chosen. */
import { secondsIn } from '../proto/field-rules.ts';
import { dnsNameFault, endpointFault, refuseEndpoints } from './address.ts';
import { fieldsOf, listOf, numberOf, refuse } from './rule.ts';
import type { Fields } from './rule.ts';

/** `Cluster`. */
export function ruleOfCluster(cluster: Fields): void {
  const { type = 'STATIC', load_assignment: assignment, eds_cluster_config: eds, connect_timeout: timeout } = cluster;
  if (timeout !== undefined)
    refuse('connect_timeout', timeout, secondsIn(timeout) > 0 ? undefined : 'is no time to connect in');
  refuse(
    'eds_cluster_config',
    type,
    (type === 'EDS') === (eds !== undefined) ? undefined : 'is no type for these endpoints',
  );
  if (assignment === undefined) return;
  refuse('load_assignment', type, type === 'EDS' ? 'clusters have no endpoints of their own' : undefined);
  const { cluster_name: name } = fieldsOf(assignment);
  refuse('load_assignment.cluster_name', name, name === cluster['name'] ? undefined : 'is not the name of the cluster');
  refuseEndpoints(fieldsOf(assignment), type === 'STRICT_DNS' || type === 'LOGICAL_DNS' ? dnsNameFault : endpointFault);
}

/** `ClusterLoadAssignment` that is sent alone. */
export function ruleOfLoneAssignment(assignment: Fields): void {
  refuseEndpoints(assignment, endpointFault);
}

/** `ClusterLoadAssignment`: weights of localities and endpoints. */
export function ruleOfAssignment({ endpoints }: Fields): void {
  const byPriority = new Map<number, number>();
  for (const locality of listOf(endpoints).map(fieldsOf)) {
    const priority = numberOf(locality['priority'] ?? 0);
    const weight = (byPriority.get(priority) ?? 0) + numberOf(locality['load_balancing_weight'] ?? 0);
    byPriority.set(priority, weight);
    refuse(
      'endpoints.load_balancing_weight',
      weight,
      weight <= 4_294_967_295 ? undefined : 'is a sum of weights of more than 32 bits',
    );
    const sum = listOf(locality['lb_endpoints']).reduce<number>(
      (total, each) => total + numberOf(fieldsOf(each)['load_balancing_weight'] ?? 0),
      0,
    );
    refuse(
      'endpoints.lb_endpoints',
      sum,
      sum <= 4_294_967_295 ? undefined : 'is a sum of weights of more than 32 bits',
    );
  }
  for (let priority = 0; priority < byPriority.size; priority += 1) {
    refuse('endpoints.priority', priority, byPriority.has(priority) ? undefined : 'is a priority that is left out');
  }
}

/** `RingHash` and the like of clusters. */
export function ruleOfRing({ minimum_ring_size: least = 1024, maximum_ring_size: most = 8_388_608 }: Fields): void {
  refuse('minimum_ring_size', least, numberOf(least) <= numberOf(most) ? undefined : 'is larger than the largest size');
}

/** `Maglev` and the like of clusters. */
export function ruleOfMaglev({ table_size: size = 65_537 }: Fields): void {
  refuse('table_size', size, isPrime(numberOf(size)) ? undefined : 'is no prime number');
}

function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 2 || number > 5_000_011) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) return false;
  return true;
}
