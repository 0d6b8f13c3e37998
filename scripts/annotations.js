// Writes docs/annotations.md from the features: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { annotationDocument } from '../src/features/documentation.ts';

writeFileSync(new URL('../docs/annotations.md', import.meta.url), annotationDocument());
