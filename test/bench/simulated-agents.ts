// Simulated agents over the real wire: many sessions in one process, each ending every task the moment it gets it.
//
// Owns:      registering, answering run-task with RUNNING and FINISHED, holding updates until they are acknowledged, one at a time per task.
// Elsewhere: what is measured with them (lifecycle-bench.ts).
// Run as:    node simulated-agents.js MASTER COUNT RESOURCES; prints `ready` when all are registered.

import { createEnvironment } from '../../common/environment';
import type { AgentMessage, MasterMessage } from '../../common/model/agent-protocol';
import type { TaskStatus } from '../../common/model/task-status';
import { Resources } from '../../common/model/resources';
import { parseResourceText } from '../../common/model/resource-text';
import type { Link } from '../../common/ports';
import { agentDialer } from '../../proto/grpc-link';

const environment = createEnvironment();
const [master = '', countText = '100', resourceText = 'cpus:8;mem:8192'] = process.argv.slice(2);
const count = Number(countText);
const resources = parseResourceText(resourceText, 'RESOURCES');
if (!resources.ok) throw new Error(resources.refusal.expected);
const total = Resources.of(resources.value);
let registered = 0;

function startAgent(index: number): void {
  const info = { hostname: `simulated-${index}`, port: 0, resources: total, attributes: [] };
  /** The update that follows the one now unacknowledged, by task. */
  const next = new Map<string, TaskStatus>();
  const link: Link<AgentMessage> = agentDialer(environment).dial(master, {
    messages: (messages: readonly MasterMessage[]) => {
      const answers: AgentMessage[] = [];
      for (const message of messages) {
        if (message.kind === 'registered') {
          registered += 1;
          if (registered === count) process.stdout.write('ready\n');
        } else if (message.kind === 'ping') {
          answers.push({ kind: 'pong' });
        } else if (message.kind === 'run-task') {
          const { id: frameworkId } = message.framework;
          if (frameworkId === undefined) throw new Error('A run-task names its framework');
          const { taskId, agentId } = message.task;
          const status = (state: 'TASK_RUNNING' | 'TASK_FINISHED'): TaskStatus => ({
            ...{ taskId, agentId, state, source: 'SOURCE_EXECUTOR', labels: [] },
            ...{ uuid: environment.ids.uuid().replaceAll('-', ''), timestampMs: environment.clock.wallMs() },
          });
          next.set(taskId, status('TASK_FINISHED'));
          answers.push({ kind: 'status-update', frameworkId, status: status('TASK_RUNNING'), latestState: 'TASK_FINISHED' });
        } else if (message.kind === 'acknowledge-status') {
          const status = next.get(message.taskId);
          next.delete(message.taskId);
          if (status) answers.push({ kind: 'status-update', frameworkId: message.frameworkId, status, latestState: 'TASK_FINISHED' });
        }
      }
      if (answers.length > 0) link.send(answers);
    },
    closed: (end) => {
      process.stderr.write(`simulated agent ${index} lost its session: ${JSON.stringify(end)}\n`);
      process.exit(1);
    },
  });
  link.send([{ kind: 'register', info, version: 'simulated' }]);
}

for (let index = 0; index < count; index += 1) startAgent(index);
process.once('SIGTERM', () => process.exit(0));
