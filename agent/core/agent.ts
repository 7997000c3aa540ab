// Agent: the deciding core, one input after the other.
//
// Owns:      createAgentCore: the dispatch of inputs and deadlines.
// Elsewhere: every decision, by its noun, in the other files of this folder; the conversation's types (agent-step.ts); carrying out (../agent-node.ts).
// Invariants:
//   A1. A step ends with all that it decided in its effects: there is no other way out of the core.
//   A2. After `exit` the core decides nothing more.
//   A3. A step costs what its input concerns, not what the agent has; only joining and leaving a master look at everything.
// Source: Mesos agent (reference, agent part II), as a synchronous core by our design.

import { assertNever, invariant } from '../../common/invariant';
import type { Environment } from '../../common/ports';
import type { AgentConfig, AgentCore, AgentEffect, AgentInput, CheckpointRecord } from './agent-step';
import { AgentState, type AgentDeadline } from './agent-state';
import { commandFound, completionDue } from './command-executor';
import { executorCalls, executorClosed, executorOpened } from './executor-sessions';
import { containerOver, containerStarted, endAgent, executorEndDue, finishIfDone } from './executor-termination';
import { masterConnected, masterDisconnected, masterMessage, registrationDue } from './master-session';
import { recover, replay, snapshot, type Found } from './recovery';
import { removeSandbox, sandboxRead } from './sandbox-reading';

type Now = { readonly nowMs: number; readonly wallMs: number };

/** A core that continues where `records` end (G2); an empty list makes a new agent. Its first effects come from `start`. */
export function createAgentCore(config: AgentConfig, records: readonly CheckpointRecord[], environment: Pick<Environment, 'random' | 'ids'>, nowMs: number): AgentCore {
  return new Agent(config, records, environment, nowMs);
}

class Agent implements AgentCore {
  private readonly state: AgentState;
  private found: Found | undefined;

  constructor(config: AgentConfig, records: readonly CheckpointRecord[], environment: Pick<Environment, 'random' | 'ids'>, nowMs: number) {
    this.state = new AgentState(config, environment, nowMs);
    this.found = replay(this.state, records);
  }

  start(now: Now): readonly AgentEffect[] {
    Object.assign(this.state, now);
    invariant(this.found, 'A core starts once');
    recover(this.state, this.found);
    this.found = undefined;
    return this.state.turn.take();
  }

  step(input: AgentInput, now: Now): readonly AgentEffect[] {
    if (this.state.hasExited) return []; // A2
    this.state.nowMs = now.nowMs;
    this.state.wallMs = now.wallMs;
    this.take(input);
    finishIfDone(this.state);
    return this.state.turn.take();
  }

  nextDeadlineMs(): number {
    return this.state.hasExited ? Infinity : this.state.deadlines.nextMs;
  }

  snapshot(): readonly CheckpointRecord[] {
    return snapshot(this.state);
  }

  private take(input: AgentInput): void {
    const { state } = this;
    switch (input.kind) {
      case 'master-connected':
        masterConnected(state, input.address);
        return;
      case 'master-messages':
        for (const message of input.messages) if (!state.hasExited) masterMessage(state, message);
        return;
      case 'master-disconnected':
        masterDisconnected(state);
        return;
      case 'executor-opened':
        executorOpened(state, input.session);
        return;
      case 'executor-calls':
        executorCalls(state, input.session, input.calls);
        return;
      case 'executor-closed':
        executorClosed(state, input.session);
        return;
      case 'container-started':
        containerStarted(state, input.containerId, input.pid, input.startedAt);
        return;
      case 'container-found': {
        const executor = state.containers.get(input.containerId);
        if (executor?.isCommand === true) commandFound(state, executor, input.ageMs);
        return;
      }
      case 'container-failed': {
        const executor = state.containers.get(input.containerId);
        if (executor !== undefined) containerOver(state, executor, { kind: 'failed', message: input.message });
        return;
      }
      case 'container-ended': {
        const executor = state.containers.get(input.containerId);
        if (executor !== undefined) containerOver(state, executor, { kind: 'ended', exit: input.exit });
        return;
      }
      case 'sandbox-read':
        sandboxRead(state, input);
        return;
      case 'stop':
        this.stop(input.mode);
        return;
      case 'time-advanced':
        for (let due = state.deadlines.takeDue(state.nowMs); due !== undefined; due = state.deadlines.takeDue(state.nowMs)) this.due(due);
        return;
      default:
        assertNever(input);
    }
  }

  private stop(mode: 'keep-tasks' | 'end-tasks'): void {
    const { state } = this;
    if (mode === 'end-tasks') {
      endAgent(state, { reason: 'Stopped, tasks ended', unregister: true });
      return;
    }
    state.hasExited = true;
    state.turn.do({ kind: 'exit', reason: 'Stopped, tasks kept', isFailure: false });
  }

  private due(deadline: AgentDeadline): void {
    const { state } = this;
    switch (deadline.kind) {
      case 'registration':
        registrationDue(state);
        return;
      case 'executor-end': {
        const executor = state.containers.get(deadline.containerId);
        if (executor !== undefined) executorEndDue(state, executor);
        return;
      }
      case 'completion': {
        const executor = state.containers.get(deadline.containerId);
        if (executor !== undefined) completionDue(state, executor);
        return;
      }
      case 'exit':
        if (state.end !== undefined) state.end.isPatienceOver = true;
        return;
      case 'session':
        state.turn.toExecutor(deadline.id, { kind: 'error', message: 'The first call, SUBSCRIBE, did not come in time' });
        state.closeSession(deadline);
        return;
      case 'update-stream':
        state.updates.retry(deadline);
        return;
      case 'ended-executor':
        removeSandbox(state, deadline);
        return;
      default:
        assertNever(deadline);
    }
  }
}
