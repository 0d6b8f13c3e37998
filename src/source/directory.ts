// The source for manifest files: reads them, and keeps up with them. What the file system tells is only taken as a hint
// to look again, because it tells too little (replaced links, mounts) and too early (half-written files).

import { watch } from 'chokidar';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import { Observable } from 'rxjs';
import type { SourceLog } from './failure-log.ts';
import { type FoundFile, isManifestName, type ManifestScan, scanManifests } from './manifest-scan.ts';
import { type KeptManifests, type ManifestFile, ManifestSet } from './manifest-set.ts';
import { parseManifest } from './manifest.ts';
import type { Source, SourceEvent } from './source.ts';
import { isMissing, messageOf } from './system-error.ts';
import { realTiming, type Timing } from './timing.ts';

export interface DirectorySourceOptions {
  readonly log?: SourceLog;
  /** Milliseconds after which the files are looked at even if the file system tells nothing; 10,000 when left out. */
  readonly rescanMs?: number;
  readonly timing?: Timing;
  /** What broken files defined in a run before; it is kept up to date. */
  readonly kept?: KeptManifests;
}

/** Files are looked at when the file system has told nothing for this long, in milliseconds, ... */
const quietMs = 25;
/** ... or this long after it first told something. */
const maxWaitMs = 500;
/** For so many milliseconds a file may be gone or empty, as it is for a moment while some programs save it, and nothing is said. */
const graceMs = 150;
/** A file that changed so many milliseconds before it was read may change again without a new fingerprint. */
const freshMs = 50;
const emptyFix = 'Fill it again, or delete it if its objects are to go';
const filesAtOnce = 64;
const maxFileBytes = 16 * 1024 * 1024;

/**
 * Reads manifest files and follows their changes until unsubscribed. Each path is a file, taken whatever its name, or
 * a folder, searched with all folders in it for files ending in .yaml, .yml and .json; names that begin with a dot are
 * passed over.
 *
 * While a file is broken, what it defined when it last was sound stays (in a run before, as far as that is known); if it never was, the
 * documents of it that can be read are used. A file that is emptied counts as broken: a full disk or a save that was cut off looks like that. A
 * given path, or a folder, that cannot be read keeps what it last held; a file that is deleted from a folder takes its
 * objects with it. An object that is defined twice is taken from the first path, then file
 * name, then position. The problems of a file have its name as their origin. See `Source` for the rest.
 */
export function directorySource(paths: readonly string[], options: DirectorySourceOptions = {}): Source {
  return {
    events$: new Observable((subscriber) => {
      const follower = new ManifestFollower(paths, options, {
        next: (event) => subscriber.next(event),
        error: (error) => subscriber.error(error),
      });
      follower.start();
      return () => follower.end();
    }),
  };
}

interface Receiver {
  readonly next: (event: SourceEvent) => void;
  readonly error: (error: unknown) => void;
}

interface ReadFile {
  readonly fingerprint: string;
  readonly hash: string;
}

class ManifestFollower {
  readonly #paths: readonly string[];
  readonly #receiver: Receiver;
  readonly #timing: Timing;
  readonly #rescanMs: number;
  readonly #log: SourceLog | undefined;
  readonly #manifests: ManifestSet;
  readonly #read = new Map<string, ReadFile>();
  readonly #failed = new Set<string>();
  /** Since when a file has been gone or empty. */
  readonly #doubts = new Map<string, number>();
  #identities: readonly string[] | undefined;
  #watcher: ReturnType<typeof watch> | undefined;
  #cancelScan: (() => void) | undefined;
  #hintedSince: number | undefined;
  #isScanning = false;
  #isEnded = false;

  constructor(paths: readonly string[], { log, rescanMs, timing, kept }: DirectorySourceOptions, receiver: Receiver) {
    this.#paths = paths;
    this.#receiver = receiver;
    this.#timing = timing ?? realTiming;
    this.#rescanMs = rescanMs ?? 10_000;
    this.#log = log;
    this.#manifests = new ManifestSet(kept);
  }

  start(): void {
    this.#watch();
    this.#scan();
  }

  end(): void {
    this.#isEnded = true;
    this.#cancelScan?.();
    this.#closeWatcher();
  }

  #watch(): void {
    this.#closeWatcher();
    const roots = this.#paths.map((path) => resolve(path));
    const watcher = watch(roots, {
      ignoreInitial: true,
      ignored: (path, stats) => isBeside(roots, path, stats?.isFile() ?? false),
    });
    watcher.on('all', () => this.#hint());
    // A link that is replaced inside a watched folder shows only here; this is how ConfigMap mounts change.
    watcher.on('raw', () => this.#hint());
    watcher.on('ready', () => this.#hint());
    watcher.on('error', (error) => {
      const message = `Watching the manifest files fails: ${messageOf(error)}`;
      this.#log?.warn(`${message}; they are looked at every ${this.#rescanMs} ms`);
    });
    this.#watcher = watcher;
  }

  #closeWatcher(): void {
    this.#watcher?.close().catch((error: unknown) => this.#receiver.error(error));
    this.#watcher = undefined;
  }

  #hint(): void {
    const now = this.#timing.now();
    this.#hintedSince ??= now;
    if (!this.#isScanning) this.#scanIn(Math.min(quietMs, this.#hintedSince + maxWaitMs - now));
  }

  #scanIn(ms: number): void {
    this.#cancelScan?.();
    if (!this.#isEnded) this.#cancelScan = this.#timing.after(Math.max(0, ms), () => this.#scan());
  }

  #scan(): void {
    this.#follow().catch((error: unknown) => this.#receiver.error(error));
  }

  async #follow(): Promise<void> {
    this.#isScanning = true;
    this.#hintedSince = undefined;
    const isSettled = await this.#look();
    this.#isScanning = false;
    if (this.#hintedSince === undefined) this.#scanIn(isSettled ? this.#rescanMs : graceMs);
    else this.#hint();
  }

  /** Answers false when a file has to be looked at again soon. */
  async #look(): Promise<boolean> {
    const scan = await scanManifests(this.#paths);
    let isSettled = true;
    for (let start = 0; start < scan.files.length && !this.#isEnded; start += filesAtOnce) {
      const files = scan.files.slice(start, start + filesAtOnce);
      // oxlint-disable-next-line no-await-in-loop -- all at once would need a file handle each
      const settled = await Promise.all(files.map((file) => this.#readFile(file)));
      isSettled &&= settled.every(Boolean);
    }
    if (this.#isEnded) return true;
    this.#noteUnreadable(scan);
    const isComplete = this.#forgetMissing(scan);
    this.#manifests.forgetKept((path) => isPresent(scan, path));
    for (const event of this.#manifests.take()) this.#receiver.next(event);
    this.#noteIdentities(scan.identities);
    return isSettled && isComplete;
  }

  /** A given path that came, went or was replaced takes its watches with it. The first scan completes the start. */
  #noteIdentities(identities: readonly string[]): void {
    const last = this.#identities;
    this.#identities = identities;
    if (last === undefined) this.#receiver.next({ kind: 'synced' });
    else if (identities.some((identity, index) => identity !== last[index])) this.#watch();
  }

  async #readFile(file: FoundFile): Promise<boolean> {
    const last = this.#read.get(file.path);
    if (last?.fingerprint === file.fingerprint) {
      this.#doubts.delete(file.path);
      return true;
    }
    if (file.size > maxFileBytes) {
      this.#fail(file, `It is larger than ${maxFileBytes} bytes`);
      return true;
    }
    // Before the file is read: what is written afterwards then has a later time.
    const isFresh = Math.abs(Date.now() - file.changedAt) < freshMs;
    let text: string;
    try {
      text = await readFile(file.path, 'utf8');
    } catch (error) {
      // Gone since it was found: the next scan tells what is there instead.
      if (isMissing(error)) return false;
      this.#fail(file, `It cannot be read: ${messageOf(error)}`);
      return true;
    }
    const isEmptied = text.trim() === '' && this.#manifests.defines(file.path);
    // At the start there is no telling when it was emptied, and what it defined must not be missing.
    const isStart = this.#identities === undefined;
    if (isEmptied && !isStart && !this.#isBeyondDoubt(file.path)) return false;
    this.#doubts.delete(file.path);
    const hash = createHash('sha256').update(text).digest('base64');
    if (isEmptied) this.#manifests.fail(file, 'It is empty now; what it said before stays', emptyFix);
    else if (hash !== last?.hash) this.#parse(file, text);
    this.#read.set(file.path, { fingerprint: isFresh ? '' : file.fingerprint, hash });
    return !isFresh;
  }

  #parse(file: ManifestFile, text: string): void {
    const manifest = parseManifest(file.name, text);
    for (const ignored of manifest.ignored) this.#log?.debug(`${file.name}: passed over ${ignored}`);
    this.#failed.delete(file.path);
    this.#manifests.put(file, manifest);
  }

  #fail(file: ManifestFile, message: string): void {
    this.#read.delete(file.path);
    this.#doubts.delete(file.path);
    this.#failed.add(file.path);
    this.#manifests.fail(file, message);
  }

  /** Only a scan finds folders and broken links; so only a scan can tell that they are no longer in the way. */
  #noteUnreadable(scan: ManifestScan): void {
    for (const path of this.#failed) {
      if (isPresent(scan, path)) continue;
      this.#failed.delete(path);
      this.#manifests.delete(path);
    }
    for (const { message, ...file } of scan.unreadable) this.#fail(file, message);
  }

  /** Answers false when a file is missing that may only be about to be replaced. */
  #forgetMissing(scan: ManifestScan): boolean {
    let isComplete = true;
    for (const path of this.#read.keys()) {
      if (isPresent(scan, path)) continue;
      if (this.#isBeyondDoubt(path)) {
        this.#read.delete(path);
        this.#doubts.delete(path);
        this.#manifests.delete(path);
      } else {
        isComplete = false;
      }
    }
    return isComplete;
  }

  /** True when the doubt has lasted too long for a file that is just being saved. */
  #isBeyondDoubt(path: string): boolean {
    const now = this.#timing.now();
    const since = this.#doubts.get(path) ?? now;
    this.#doubts.set(path, since);
    return now - since >= graceMs - 1;
  }
}

/** False when it is certain that the path is gone, which below an unreadable folder it never is. */
function isPresent({ paths, unreadable }: ManifestScan, path: string): boolean {
  return paths.has(path) || unreadable.some((folder) => path.startsWith(folder.path + sep));
}

/** True for what is inside a given folder and yet not read, so that watching it would be in vain. */
function isBeside(roots: readonly string[], path: string, isFile: boolean): boolean {
  const root = roots.find((candidate) => path.startsWith(candidate + sep));
  if (root === undefined || roots.includes(path)) return false;
  const inside = path.slice(root.length + 1).split(sep);
  return inside.some((name) => name.startsWith('.')) || (isFile && !isManifestName(path));
}
