// A disk for tests that remembers every operation, so that a test can ask: what would be left if the machine had stopped just then?
//
// Owns:      an in-memory JournalFiles with a history; the disk images that a crash at any point of it may leave; failures on demand.
// Elsewhere: the journal under test.
// Invariants:
//   C1. A process crash keeps all that was written; of a write in progress, any first part.
//   C2. A machine crash keeps of a file what was synced, and of the rest anything: a first part, zeros, garbage in the middle. Of names it keeps
//       all changes before the last directory sync, and any of the later ones.
// Source: the guarantees of fsync(2), and not one more.

import type { JournalFile, JournalFiles } from '../../common/journal-files';

type Operation =
  | { readonly kind: 'create'; readonly path: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly bytes: number }
  | { readonly kind: 'sync'; readonly file: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly path: string }
  | { readonly kind: 'sync-directory' }
  /** What the test noted: how much was acknowledged, or handed over, by then. */
  | { readonly kind: 'note'; readonly name: string; readonly value: number };

/** File contents by path. */
export type DiskImage = ReadonlyMap<string, Buffer>;

export class CrashingDisk implements JournalFiles {
  readonly history: Operation[] = [];
  private readonly contents: Buffer[] = [];
  private readonly names = new Map<string, number>();
  /** Decides whether an operation fails: with the text of a system error. */
  failing: (operation: string, path: string) => string | undefined = () => undefined;

  constructor(image: DiskImage = new Map()) {
    for (const [path, bytes] of image) {
      const file = this.contents.push(Buffer.from(bytes)) - 1;
      this.names.set(path, file);
      // What a disk begins with is safe.
      this.history.push({ kind: 'create', path, file }, { kind: 'write', file, bytes: Buffer.from(bytes) }, { kind: 'sync', file }, { kind: 'sync-directory' });
    }
  }

  /** The disk as the next process finds it after a process crash at operation `end`: nothing became safe by the crash, so a later one may still take it. */
  static resumed(history: readonly Operation[], end: number, kept: number): CrashingDisk {
    const disk = new CrashingDisk();
    disk.history.push(...history.slice(0, end));
    const current = history[end];
    if (current?.kind === 'write') disk.history.push({ ...current, bytes: current.bytes.subarray(0, Math.round(current.bytes.length * kept)) });
    for (const operation of disk.history) {
      if (operation.kind === 'create') {
        disk.contents[operation.file] = Buffer.alloc(0);
        disk.names.set(operation.path, operation.file);
      } else if (operation.kind === 'write') {
        disk.contents[operation.file] = Buffer.concat([disk.contents[operation.file] ?? Buffer.alloc(0), operation.bytes]);
      } else if (operation.kind === 'truncate') {
        disk.contents[operation.file] = disk.contents[operation.file]?.subarray(0, operation.bytes) ?? Buffer.alloc(0);
      } else if (operation.kind === 'rename') {
        disk.names.set(operation.to, disk.find(operation.from));
        disk.names.delete(operation.from);
      } else if (operation.kind === 'remove') {
        disk.names.delete(operation.path);
      }
    }
    return disk;
  }

  note(name: string, value: number): void {
    this.history.push({ kind: 'note', name, value });
  }

  get image(): DiskImage {
    return new Map([...this.names].map(([path, file]) => [path, Buffer.from(this.contents[file] ?? [])]));
  }

  async makeDirectory(): Promise<void> {}
  async lock(): Promise<() => Promise<void>> {
    return async () => undefined;
  }
  async list(directory: string): Promise<readonly string[]> {
    return [...this.names.keys()].filter((path) => path.startsWith(`${directory}/`)).map((path) => path.slice(directory.length + 1));
  }
  async read(path: string): Promise<Buffer> {
    this.check('read', path);
    return Buffer.from(this.contents[this.find(path)] ?? []);
  }
  async create(path: string): Promise<JournalFile> {
    this.check('create', path);
    const file = this.contents.push(Buffer.alloc(0)) - 1;
    this.names.set(path, file);
    this.history.push({ kind: 'create', path, file });
    return this.open(path, file);
  }
  async reopen(path: string, bytes: number): Promise<JournalFile> {
    this.check('reopen', path);
    const file = this.find(path);
    this.contents[file] = this.contents[file]?.subarray(0, bytes) ?? Buffer.alloc(0);
    this.history.push({ kind: 'truncate', file, bytes }, { kind: 'sync', file });
    return this.open(path, file);
  }
  async rename(from: string, to: string): Promise<void> {
    this.check('rename', from);
    this.names.set(to, this.find(from));
    this.names.delete(from);
    this.history.push({ kind: 'rename', from, to });
  }
  async remove(path: string): Promise<void> {
    this.names.delete(path);
    this.history.push({ kind: 'remove', path });
  }
  async syncDirectory(directory: string): Promise<void> {
    this.check('sync', directory);
    this.history.push({ kind: 'sync-directory' });
  }

  private open(path: string, file: number): JournalFile {
    return {
      write: async (bytes) => {
        const failure = this.failing('write', path);
        // A disk that is filling up takes a part of the last write.
        const taken = failure === undefined ? Buffer.from(bytes) : Buffer.from(bytes.subarray(0, bytes.length >> 1));
        this.contents[file] = Buffer.concat([this.contents[file] ?? Buffer.alloc(0), taken]);
        this.history.push({ kind: 'write', file, bytes: taken });
        if (failure !== undefined) throw new Error(failure);
      },
      sync: async () => {
        // The real one takes its time: appends gather meanwhile.
        await new Promise<void>((resolve) => setImmediate(resolve));
        this.check('sync', path);
        this.history.push({ kind: 'sync', file });
      },
      close: async () => undefined,
    };
  }

  private find(path: string): number {
    const file = this.names.get(path);
    if (file === undefined) throw new Error(`ENOENT: no such file or directory, '${path}'`);
    return file;
  }

  private check(operation: string, path: string): void {
    const failure = this.failing(operation, path);
    if (failure !== undefined) throw new Error(failure);
  }
}

/** The last value noted under `name` before operation `end`; 0 without one. */
export function notedBefore(history: readonly Operation[], end: number, name: string): number {
  let value = 0;
  for (const operation of history.slice(0, end)) if (operation.kind === 'note' && operation.name === name) value = operation.value;
  return value;
}

/** How a crash treats what was not safe. Numbers in [0, 1]. */
export interface Crash {
  readonly kind: 'process' | 'machine';
  /** Part of the operation in progress, or of the unsynced bytes, that arrived. */
  readonly kept: number;
  /** What stands where unsynced bytes did not arrive: nothing, zeros up to the full length, or garbage in the middle of kept bytes. */
  readonly tail: 'cut' | 'zeros' | 'garbage';
  /** Bit n: whether the n-th unsynced name change arrived. */
  readonly namesKept: number;
}

/** The disk after a crash while operation `end` was in progress (C1, C2). */
export function imageAfter(history: readonly Operation[], end: number, crash: Crash): DiskImage {
  const files = new Map<number, { bytes: Buffer; safe: number }>();
  const names = new Map<string, number>();
  let pendingNames: Operation[] = [];
  const applyName = (operation: Operation): void => {
    if (operation.kind === 'create') names.set(operation.path, operation.file);
    else if (operation.kind === 'remove') names.delete(operation.path);
    else if (operation.kind === 'rename') {
      const file = names.get(operation.from);
      if (file !== undefined) names.set(operation.to, file);
      names.delete(operation.from);
    }
  };
  const write = (file: number, bytes: Buffer): void => {
    const state = files.get(file) ?? { bytes: Buffer.alloc(0), safe: 0 };
    files.set(file, { ...state, bytes: Buffer.concat([state.bytes, bytes]) });
  };
  for (const operation of history.slice(0, end)) {
    switch (operation.kind) {
      case 'create':
        files.set(operation.file, { bytes: Buffer.alloc(0), safe: 0 });
        pendingNames.push(operation);
        break;
      case 'rename':
      case 'remove':
        pendingNames.push(operation);
        break;
      case 'write':
        write(operation.file, operation.bytes);
        break;
      case 'truncate': {
        const bytes = files.get(operation.file)?.bytes.subarray(0, operation.bytes) ?? Buffer.alloc(0);
        files.set(operation.file, { bytes, safe: bytes.length });
        break;
      }
      case 'sync': {
        const bytes = files.get(operation.file)?.bytes ?? Buffer.alloc(0);
        files.set(operation.file, { bytes, safe: bytes.length });
        break;
      }
      case 'sync-directory':
        pendingNames.forEach(applyName);
        pendingNames = [];
        break;
      case 'note':
        break;
    }
  }
  const current = history[end];
  if (current?.kind === 'write') write(current.file, current.bytes.subarray(0, Math.round(current.bytes.length * crash.kept)));
  pendingNames.filter((_operation, index) => crash.kind === 'process' || ((crash.namesKept >>> (index % 32)) & 1) === 1).forEach(applyName);
  return new Map(
    [...names].map(([path, file]) => {
      const { bytes, safe } = files.get(file) ?? { bytes: Buffer.alloc(0), safe: 0 };
      return [path, crash.kind === 'process' ? bytes : damageUnsafe(bytes, safe, crash)];
    }),
  );
}

function damageUnsafe(bytes: Buffer, safe: number, crash: Crash): Buffer {
  const kept = safe + Math.round((bytes.length - safe) * crash.kept);
  if (crash.tail === 'cut') return bytes.subarray(0, kept);
  const damaged = Buffer.from(bytes);
  if (crash.tail === 'zeros') damaged.fill(0, kept);
  // One page never arrived, while later ones did.
  else damaged.fill(0xa5, kept, Math.min(bytes.length, kept + 7));
  return damaged;
}
