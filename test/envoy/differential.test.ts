/**
 * What the wall says of resources and what a real Envoy says of them: nothing that passes is refused, and where the wall is
 * stricter, the reason is listed. `SLUICE_DIFFERENTIAL=20000` makes so many of each kind.
 */
import * as fc from 'fast-check';
import { expect, it } from '@jest/globals';
import { readExpression } from '../../src/model/expression.ts';
import { encode } from '../../src/proto/message.ts';
import type { MessageName, MessageTypes } from '../../src/proto/message.ts';
import { faultOf } from '../../src/validation/wall.ts';
import {
  holdAssignments,
  holdClusters,
  holdSecrets,
  holdVirtualHosts,
  refusalOf,
  refusedAmong,
} from '../support/envoy-verdict.ts';
import type { Holder } from '../support/envoy-verdict.ts';
import { describeWithEnvoy } from '../support/tools.ts';
import { assignment, cluster, expression, secret, virtualHost } from '../validation/arbitrary-resource.ts';
import type { Made } from '../validation/arbitrary-resource.ts';
import { stricter } from '../validation/stricter.ts';

const { SLUICE_DIFFERENTIAL: wanted = '400' } = process.env;
const batchSize = 1_000;
/** An Envoy is asked of so many of those that the wall refuses, each by itself. */
const asked = Math.max(15, Math.ceil(Number(wanted) / 100));

interface Comparison {
  readonly passed: number;
  readonly refused: number;
  /** Let through by the wall, and refused by the Envoy. */
  readonly leaks: readonly string[];
  /** Refused by the wall, and accepted by the Envoy, without a reason in the list. */
  readonly unlisted: readonly string[];
  readonly reasons: ReadonlyMap<string, number>;
}

async function compare<N extends MessageName>(
  name: N,
  made: Made<MessageTypes[N]>,
  hold: Holder<MessageTypes[N]>,
): Promise<Comparison> {
  const all = fc.sample(made, Number(wanted)).map((make, index) => make(index));
  const faults = new Map(all.map((each) => [each, faultOf(name, each)]));
  const passed = all.filter((each) => faults.get(each) === undefined);
  const refused = all.filter((each) => faults.get(each) !== undefined && canBeWritten(name, each));
  const leaks: string[] = [];
  for (let at = 0; at < passed.length; at += batchSize) {
    // oxlint-disable-next-line no-await-in-loop -- one Envoy at a time
    const found = await refusedAmong(passed.slice(at, at + batchSize), hold);
    leaks.push(...found.map(([resource, said]) => `${said.slice(-500)}: ${JSON.stringify(resource).slice(0, 3_000)}`));
  }
  const reasons = new Map<string, number>();
  const unlisted: string[] = [];
  for (const each of refused.slice(0, asked)) {
    // oxlint-disable-next-line no-await-in-loop -- one Envoy at a time
    if ((await refusedAmong([each], hold)).length > 0) continue;
    const said = faults.get(each)?.message ?? '';
    const reason = stricter.find(({ says }) => says.test(said))?.why;
    if (reason === undefined) unlisted.push(said);
    else reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return { passed: passed.length, refused: refused.length, leaks, unlisted, reasons };
}

function canBeWritten<N extends MessageName>(name: N, message: MessageTypes[N]): boolean {
  try {
    encode(name, message);
    return true;
  } catch {
    return false;
  }
}

/** What is expected to be empty, and whether there were enough of both. */
function outcomeOf(comparison: Comparison) {
  if (process.env['SLUICE_DIFFERENTIAL'] !== undefined) process.stderr.write(`${summaryOf(comparison)}\n`);
  const { leaks, unlisted, passed, refused } = comparison;
  return { leaks, unlisted, isBroad: passed > Number(wanted) / 10 && refused > Number(wanted) / 20 };
}

const agreement = { leaks: [], unlisted: [], isBroad: true };

function summaryOf({ passed, refused, leaks, unlisted, reasons }: Comparison): string {
  const listed = [...reasons].map(([reason, count]) => `  ${count} ${reason}`);
  return [`${passed} passed, ${refused} refused, ${leaks.length} leaks, ${unlisted.length} unlisted`, ...listed].join(
    '\n',
  );
}

/** What an Envoy says of an expression that may have no instructions: how many it has, or why there is none. */
async function programOf(regex: string): Promise<{ readonly size: number | undefined; readonly said: string }> {
  const routes = [{ match: { safe_regex: { regex } }, direct_response: { status: 200 } }];
  const said = (await refusalOf(holdVirtualHosts([{ name: 'r/a.test', domains: ['a.test'], routes }]), 0)) ?? '';
  const size = /program size of (\d+)/.exec(said)?.[1];
  return { size: size === undefined ? undefined : Number(size), said };
}

describeWithEnvoy('the reading of regular expressions', () => {
  it('takes none that RE2 refuses, and counts no fewer instructions than it', async () => {
    const texts = fc.sample(expression, asked * 2).filter((text) => text !== '');
    const wrong: string[] = [];
    const stricterThan: string[] = [];
    for (const text of texts) {
      // oxlint-disable-next-line no-await-in-loop -- one Envoy at a time
      const { size, said } = await programOf(text);
      const verdict = readExpression(text);
      if (verdict.fault === undefined && (size === undefined || size > verdict.size)) {
        wrong.push(`${text}: ${verdict.size} instructions, ${size ?? said.slice(-200)}`);
      }
      if (verdict.fault !== undefined && size !== undefined) stricterThan.push(`${text} ${verdict.fault}`);
    }
    if (process.env['SLUICE_DIFFERENTIAL'] !== undefined) {
      process.stderr.write(
        `${texts.length} expressions, stricter with ${stricterThan.length}:\n${stricterThan.join('\n')}\n`,
      );
    }
    expect(wrong).toEqual([]);
  }, 3_000_000);
});

describeWithEnvoy('what the wall lets through', () => {
  it('an Envoy accepts as virtual hosts', async () => {
    expect(outcomeOf(await compare('envoy.config.route.v3.VirtualHost', virtualHost, holdVirtualHosts))).toEqual(
      agreement,
    );
  }, 3_000_000);

  it('an Envoy accepts as clusters', async () => {
    expect(outcomeOf(await compare('envoy.config.cluster.v3.Cluster', cluster, holdClusters))).toEqual(agreement);
  }, 3_000_000);

  it('an Envoy accepts as endpoints', async () => {
    expect(
      outcomeOf(await compare('envoy.config.endpoint.v3.ClusterLoadAssignment', assignment, holdAssignments)),
    ).toEqual(agreement);
  }, 3_000_000);

  it('an Envoy accepts as certificates', async () => {
    expect(outcomeOf(await compare('envoy.extensions.transport_sockets.tls.v3.Secret', secret, holdSecrets))).toEqual(
      agreement,
    );
  }, 3_000_000);
});
