// Errors: failures of the world, and how any error is told to a person.
//
// Owns:      AllotError over a union of `{ code, …data }`, one sentence per code, and the sentence for anything thrown.
// Elsewhere: refusals of input are values (refusal.ts), bugs are BugErrors (invariant.ts), exit statuses (process.ts).
// Invariants:
//   R1. A sentence says what could not be done, the current value, and the next step where there is one: active voice, no period.
//   R2. Code tells errors apart by `code`, never by `instanceof`, which lies across realms and under a test runner.
// Source: our choice, because data in fields becomes log fields and a sentence in one table is a sentence that gets read.

import { describeRefusal, type Refusal } from './refusal';

/** Everything that may go wrong outside of us. A new failure is a new line here and one in {@link sentences}. */
export type AllotErrorData =
  /** A flag, variable, file or argument was refused. */
  | { readonly code: 'INPUT_REFUSED'; readonly refusal: Refusal }
  /** An operation on the world failed; `action` completes "Cannot …", `detail` says why, both for people. */
  | { readonly code: 'OPERATION_FAILED'; readonly action: string; readonly detail: string }
  /** A socket could not be opened for listening. `purpose`: `the status server`. */
  | { readonly code: 'LISTEN_FAILED'; readonly purpose: string; readonly address: string; readonly detail: string }
  /** A wait ended without its event. `action` completes "Cannot …". */
  | { readonly code: 'DEADLINE_PASSED'; readonly action: string; readonly afterMs: number }
  /** No etcd server answered in time; one may have acted all the same. `addresses`: `host:port` each. */
  | { readonly code: 'ETCD_UNREACHABLE'; readonly addresses: readonly string[]; readonly detail: string }
  /** etcd understood and did not do it, and will not for whoever asks again. `address`: the server that said so. */
  | { readonly code: 'ETCD_REFUSED'; readonly address: string; readonly detail: string }
  /** Another living process works in the directory. */
  | { readonly code: 'DIRECTORY_LOCKED'; readonly directory: string; readonly pid: number }
  /** A journal file holds what was never written there. `offset` in bytes from its start. */
  | { readonly code: 'JOURNAL_CORRUPT'; readonly file: string; readonly offset: number; readonly detail: string }
  /** The disk refused; the journal writes no more. `operation`: `write to /var/lib/allot/…/log-…`. */
  | { readonly code: 'JOURNAL_FAILED'; readonly directory: string; readonly operation: string; readonly detail: string }
  /** Used after close. */
  | { readonly code: 'JOURNAL_CLOSED'; readonly directory: string };

export type AllotErrorCode = AllotErrorData['code'];

type DataOf<Code extends AllotErrorCode> = Extract<AllotErrorData, { readonly code: Code }>;

const sentences: { readonly [Code in AllotErrorCode]: (data: DataOf<Code>) => string } = {
  INPUT_REFUSED: ({ refusal }) => describeRefusal(refusal),
  OPERATION_FAILED: ({ action, detail }) => `Cannot ${action}: ${detail}`,
  LISTEN_FAILED: ({ purpose, address, detail }) => `Cannot open ${purpose} at ${address}: ${detail}`,
  DEADLINE_PASSED: ({ action, afterMs }) => `Cannot ${action}: no answer within ${afterMs} ms`,
  ETCD_UNREACHABLE: ({ addresses, detail }) => `Cannot reach etcd at ${addresses.join(', ')}: ${detail}`,
  ETCD_REFUSED: ({ address, detail }) => `Cannot get it done as etcd at ${address} refuses: ${detail}`,
  DIRECTORY_LOCKED: ({ directory, pid }) =>
    `Cannot use the directory ${directory}: process ${pid} is using it; stop that process or name another directory`,
  JOURNAL_CORRUPT: ({ file, offset, detail }) =>
    `Cannot trust the journal file ${file}: ${detail} at byte ${offset}; restore the directory from a backup, or move it away to start without its records`,
  JOURNAL_FAILED: ({ directory, operation, detail }) =>
    `Cannot keep the journal in ${directory}: ${operation} failed: ${detail}; mend the disk or free space, then start again`,
  JOURNAL_CLOSED: ({ directory }) => `Cannot use the journal in ${directory}: it is closed`,
};

function sentenceOf<Code extends AllotErrorCode>(data: DataOf<Code>): string {
  // The table has one entry per code, of the type of that code's data: the cast repeats what its type says.
  return (sentences[data.code] as (data: DataOf<Code>) => string)(data);
}

/** A failure of the world. `message` is the sentence of its code, `data` belongs into log fields, `cause` is what was caught. */
export class AllotError<Data extends AllotErrorData = AllotErrorData> extends Error {
  readonly code: Data['code'];

  constructor(
    readonly data: Data,
    options?: { readonly cause?: unknown },
  ) {
    super(sentenceOf(data), options);
    this.name = 'AllotError';
    this.code = data.code;
  }
}

/** Whether `error` is a failure of the world, of the given code if one is given (R2). */
export function isAllotError<Code extends AllotErrorCode = AllotErrorCode>(error: unknown, code?: Code): error is AllotError<DataOf<Code>> {
  if (typeof error !== 'object' || error === null || !('code' in error) || !('data' in error)) return false;
  if (typeof error.code !== 'string' || !Object.hasOwn(sentences, error.code)) return false;
  return code === undefined || error.code === code;
}

/** Whether `error` says that somebody gave up on purpose: an aborted signal's usual reason. Loops swallow it silently. */
export function isAbortError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}

/** Anything thrown, as one line for people: no stack, no class name in front of a sentence that stands alone. */
export function describeError(error: unknown): string {
  const text = textOf(error);
  return text.replace(/\s*[\r\n]+\s*/g, ' ').trim();
}

function textOf(error: unknown): string {
  if (typeof error === 'string') return error;
  if (typeof error !== 'object' || error === null) return String(error);
  if ('message' in error && typeof error.message === 'string') {
    if (error.message !== '') return error.message;
    // Node reports a refused connection to a name with several addresses as an AggregateError without a message.
    if ('errors' in error && Array.isArray(error.errors) && error.errors.length > 0) return error.errors.map(textOf).join('; ');
  }
  if ('code' in error && typeof error.code === 'string') return error.code;
  if ('name' in error && typeof error.name === 'string') return error.name;
  try {
    return JSON.stringify(error) ?? String(error);
  } catch {
    // Cyclic: its kind is all that can be said.
    return String(error);
  }
}
