// The testing kit of the SDK: `allot/sdk/testing`.
//
// Owns:      what of this folder is public.
// Elsewhere: everything.
// Source: our choice; what is not here may change without notice.

export { VirtualCluster, type ClusterSight, type ClusterState, type VirtualClusterOptions, type VirtualDuration } from './virtual-cluster';
export { virtualAgentConfig, virtualTaskRunner, type VirtualAgent, type VirtualAgentOptions, type VirtualExecutor, type VirtualExecutorProcess } from './virtual-agent';
export { virtualMasterConfig, type VirtualMaster } from './virtual-master';
export type { VirtualProcess } from './virtual-process';
export { VirtualClock, type ClockScope } from './virtual-clock';
export { VirtualLog } from './virtual-log';
export { SeededIds, SeededRandom } from './seeded-random';
export { SimulatedEtcd, type EtcdSight } from './simulated-etcd';
export { SimulatedNetwork, type NetworkSight } from './simulated-network';
export type { SimulatedProcess, SimulatedProgram } from './simulated-containers';
