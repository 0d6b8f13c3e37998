/** Where every property test starts, so that a run can be repeated; `SLUICE_TEST_SEED=random` looks at cases nobody has seen. */
import * as fc from 'fast-check';

const { SLUICE_TEST_SEED: seed = '20' } = process.env;
if (seed !== 'random') fc.configureGlobal({ seed: Number(seed) });
