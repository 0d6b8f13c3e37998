/** How rules say what is wrong: like the encoder, which asks them of every message that it writes. */
import { InvalidMessage } from '../proto/invalid-message.ts';

/** A message as a literal; the encoder has not looked at its fields yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** @throws InvalidMessage for a fault, the end of a sentence that begins with the value */
export function refuse(field: string, value: unknown, fault: string | undefined): void {
  if (fault === undefined) return;
  const text = typeof value === 'string' ? value : undefined;
  const whole = text === undefined ? describe(value) : JSON.stringify(text);
  const shown = whole.length > 200 ? `${whole.slice(0, 200)}…` : whole;
  throw new InvalidMessage(`${shown} ${fault}`, text).within(`.${field}`);
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  return value instanceof Uint8Array ? `${value.length} bytes` : (JSON.stringify(value) ?? typeof value);
}

export function fieldsOf(value: unknown): Fields {
  // oxlint-disable-next-line no-unsafe-type-assertion -- any object can be asked for fields; what they are is still unknown
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Of a number in any form that literals have; NaN for what is none. */
export function numberOf(value: unknown): number {
  return typeof value === 'number' || (typeof value === 'string' && value !== '') ? Number(value) : NaN;
}

/**
 * Texts that must differ, whatever their case.
 *
 * @throws InvalidMessage for the first that is there twice, with the fault as the end of the sentence
 */
export function refuseDuplicate(field: string, texts: readonly string[], fault: string): void {
  const seen = new Set<string>();
  const duplicate = texts.find((text) => {
    const known = text.toLowerCase();
    return seen.has(known) || !seen.add(known);
  });
  if (duplicate !== undefined) refuse(field, duplicate, fault);
}
