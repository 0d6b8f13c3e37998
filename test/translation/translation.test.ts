import { describe, it } from '@jest/globals';

describe('Translation', () => {
  it.todo('is about to be described');
});
