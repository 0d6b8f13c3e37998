/** Where the wall refuses what Envoy accepts, and why: docs/validation.md shows this list. */
export interface Stricter {
  /** Of what the wall says. */
  readonly says: RegExp;
  readonly why: string;
}

export const stricter: readonly Stricter[] = [
  { says: /refuses or is not known to take/, why: 'syntax of expressions that is not known for sure to mean the same' },
  {
    says: /does not begin with "\/"|white space, a control character, "\?" or "#"|longer than 8,192/,
    why: 'paths that no request can have',
  },
  { says: /no name of a header/, why: 'names of headers that no receiver reads' },
  { says: /holds a control character, which no header/, why: 'control characters in headers' },
  { says: /is a header that Envoy itself sets|must not be taken away/, why: 'headers that say where a message ends' },
  { says: /format operator|begins nothing/, why: 'format operators that Sluice does not write' },
  { says: /no name of a cookie|no path of a cookie/, why: 'cookies that could set attributes or other headers' },
  {
    says: /is no host(?: name)?$|is no host \(|holds white space or a control/,
    why: 'hosts and paths that no URL can have',
  },
  { says: /is no host in lower case|label of more than 63/, why: 'domains that are no hosts' },
  { says: /is not the table and the one domain/, why: 'virtual hosts under the name of another' },
  { says: /is neither http nor https/, why: 'redirects to other schemes than http and https' },
  { says: /is no port/, why: 'ports that do not exist' },
  { says: /is no condition for a retry|is no status code/, why: 'conditions for retries that nobody knows' },
  { says: /refers to group|refers to nothing/, why: 'references to groups that are not there' },
  { says: /is not a duration/, why: 'durations above 2,147,483,647 s' },
  { says: /its own link or cloud/, why: 'endpoints that are another machine to an Envoy than to its user' },
  { says: /has a zone/, why: 'addresses that are known on one machine only' },
  { says: /neither an IP address nor a host/, why: 'names that no DNS server can know' },
  { says: /priority that is left out|sum of weights/, why: 'priorities and weights that no EndpointSlice leads to' },
  { says: /nothing can be served/, why: 'pairs that are no certificate and key of the kinds that clients know' },
  { says: /is no name of a server/, why: 'names of servers that no certificate is for' },
  { says: /is no prime number/, why: 'a Maglev table of one entry' },
  { says: /names no cluster/, why: 'routes to a cluster without a name' },
];
