import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LineSplitter, LineTooLong } from '../../src/source/line-splitter.ts';

describe('LineSplitter', () => {
  it('gives the same lines however the bytes are cut into chunks', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.nat({ max: 40 })), (lines, sizes) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const splitter = new LineSplitter(1_000_000);
        const result: string[] = [];
        let start = 0;
        for (const size of sizes) {
          result.push(...splitter.split(bytes.subarray(start, start + size)));
          start += size;
        }
        result.push(...splitter.split(bytes.subarray(start)));
        expect(result).toEqual(lines);
        expect(splitter.pendingBytes).toBe(0);
      }),
    );
  });

  it('tells how much of a line is still open', () => {
    const splitter = new LineSplitter(10);
    expect(splitter.split(Buffer.from('one\n\ntwo'))).toEqual(['one']);
    expect(splitter.pendingBytes).toBe(3);
  });

  it('refuses a line that is longer than allowed', () => {
    const splitter = new LineSplitter(5);
    splitter.split(Buffer.from('123'));
    expect(() => splitter.split(Buffer.from('456'))).toThrow(LineTooLong);
  });
});
