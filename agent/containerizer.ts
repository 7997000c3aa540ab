// The containerizer port: what the agent's node asks of whatever runs executors.
//
// Owns:      the interface and its promises.
// Elsewhere: the real one (posix-containerizer.ts), the simulated one (frameworks/sdk/testing/), when to ask for what (core/).
// Invariants:
//   C1. After `launch`, exactly one of: `failed`; or `started` followed, sooner or later, by `ended`. After `reattach`: `found` if it still runs, and `ended`.
//   C2. `ended` is told only when no process of the container is left.
//   C3. Callbacks never run inside the call that asked for them (ports O1).
// Source: Mesos containerizer interface (launch, wait, kill, destroy, recover), narrowed to what the agent needs.

import type { SandboxStream } from '../common/model/agent-protocol';
import type { ContainerId } from '../common/model/ids';
import type { ContainerExit, ContainerSpec } from './core/agent-step';

export interface ContainerHandlers {
  started(pid: number, startedAt: string): void;
  failed(message: string): void;
  ended(exit: ContainerExit): void;
}

export interface ReattachHandlers extends Pick<ContainerHandlers, 'ended'> {
  /** It still runs, and has been running for so long, by a clock that nobody sets: wall time of an earlier life may have been anything. */
  found(ageMs: number): void;
}

export type SandboxRead =
  | { readonly ok: true; readonly offset: number; readonly data: Uint8Array; readonly size: number }
  | { readonly ok: false; readonly message: string };

export interface Containerizer {
  /** Makes the sandbox, fetches the command's URIs into it, starts the command in a process group of its own, stdout and stderr into files. */
  launch(spec: ContainerSpec, handlers: ContainerHandlers): void;
  /** Takes over a container that an earlier life of the agent started. */
  reattach(containerId: ContainerId, pid: number, startedAt: string, handlers: ReattachHandlers): void;
  signal(containerId: ContainerId, signal: 'SIGTERM' | 'SIGKILL'): void;
  /** SIGKILL to everything in it, repeated until it is gone; a launch under way is abandoned (and ends by `failed`). */
  destroy(containerId: ContainerId): void;
  readSandbox(containerId: ContainerId, stream: SandboxStream, offset: number, lengthMax: number, done: (outcome: SandboxRead) => void): void;
  /** Of a container that has ended. What cannot be removed now is when the agent starts again. */
  removeSandbox(containerId: ContainerId): void;
  /** Stops watching; containers go on. */
  close(): void;
}
