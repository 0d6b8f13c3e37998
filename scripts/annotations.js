// Writes the documents that are printed from the code: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { annotationDocument } from '../src/features/documentation.ts';
import { settingsDocument } from '../src/migration/documentation.ts';

writeFileSync(new URL('../docs/annotations.md', import.meta.url), annotationDocument());
writeFileSync(new URL('../docs/ingress-nginx-settings.md', import.meta.url), settingsDocument());
