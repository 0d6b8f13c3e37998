import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Files that come with the package, beside `dist/` as beside `src/`. */

/** The absolute path of a file or folder of the package, given from its root. */
export function packagePath(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(packagePath('package.json'), 'utf8'));
  const version = typeof manifest === 'object' && manifest !== null && 'version' in manifest ? manifest.version : '';
  return String(version);
}
