// Commands: all subcommands of `allot`, in the order of the help.
//
// Owns:      the list.
// Elsewhere: each command (commands/).

import type { Command } from './command';
import { agentCommand } from './commands/agent';
import { agentsCommand } from './commands/agents';
import { explainCommand } from './commands/explain';
import { frameworksCommand } from './commands/frameworks';
import { killCommand } from './commands/kill';
import { localCommand } from './commands/local';
import { logsCommand } from './commands/logs';
import { masterCommand } from './commands/master';
import { offersCommand } from './commands/offers';
import { quotaCommand } from './commands/quota';
import { rolesCommand } from './commands/roles';
import { runCommand } from './commands/run';
import { setWeightCommand } from './commands/set-weight';
import { tasksCommand } from './commands/tasks';
import { teardownCommand } from './commands/teardown';
import { whatIfCommand } from './commands/what-if';

export const commands: readonly Command[] = [
  localCommand,
  masterCommand,
  agentCommand,
  runCommand,
  agentsCommand,
  frameworksCommand,
  tasksCommand,
  offersCommand,
  rolesCommand,
  logsCommand,
  killCommand,
  teardownCommand,
  setWeightCommand,
  quotaCommand,
  explainCommand,
  whatIfCommand,
];
