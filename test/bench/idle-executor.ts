// An executor whose tasks do nothing: what is left to measure is the cluster.

import { runExecutor } from '../../frameworks/sdk';

void runExecutor({ run: () => undefined });
