// allot master: one master process.
//
// Owns:      declaring the command.
// Elsewhere: the flags and the process (master/master-options.ts, master/main.ts).

import { masterOptions } from '../../master/master-options';
import { defineCommand } from '../command';

export const masterCommand = defineCommand({
  table: masterOptions,
  summary: 'Run a master: the process that offers what agents have to frameworks',
  examples: [
    ['allot master --work-dir /var/lib/allot/master', 'a single master that keeps its state on disk'],
    ['allot master --registry etcd --etcd 10.0.0.1:2379,10.0.0.2:2379 --advertise pi1.local:5050', 'one of several masters'],
  ],
  run: async (options, _args, { stop }) => {
    const { runMaster } = require('../../master/main') as typeof import('../../master/main');
    await runMaster(options, stop);
    return 0;
  },
});
