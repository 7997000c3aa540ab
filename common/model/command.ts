// Commands and containers: what to start and around what.
//
// Owns:      CommandInfo, its URIs and environment, ContainerInfo and its parts.
// Elsewhere: fetching and starting (agent/), the wire form (proto/).
// Source: Mesos v1 CommandInfo, ContainerInfo, Environment, Secret, Volume, NetworkInfo, LinuxInfo. All of the vocabulary is carried,
//         so that nothing a framework says is lost on the way to its executor; what an agent cannot do yet it refuses by name.

/** Free key/value remarks; keys may repeat. */
export interface Label {
  readonly key: string;
  readonly value?: string;
}

export interface Parameter {
  readonly key: string;
  readonly value: string;
}

/** One thing to fetch into the sandbox before the command starts. */
export interface CommandUri {
  /** `http:`, `https:`, `file:` or a plain path on the agent. */
  readonly value: string;
  /** Makes the file executable and never extracts it. Default false. */
  readonly executable: boolean;
  /** Unpacks archives recognised by their suffix. Default true. */
  readonly extract: boolean;
  /** Keeps a copy on the agent for later launches. Default false. */
  readonly cache: boolean;
  /** Relative path in the sandbox. Default: what follows the last `/` of the URI. */
  readonly outputFile?: string;
}

export interface Secret {
  readonly type: 'REFERENCE' | 'VALUE';
  readonly reference?: { readonly name: string; readonly key?: string };
  readonly value?: { readonly data: Uint8Array };
}

export interface EnvironmentVariable {
  readonly name: string;
  /** Default VALUE. */
  readonly type: 'VALUE' | 'SECRET';
  readonly value?: string;
  readonly secret?: Secret;
}

export interface CommandInfo {
  readonly uris: readonly CommandUri[];
  readonly environment: readonly EnvironmentVariable[];
  /** Shell text if `shell`, else the program. */
  readonly value?: string;
  readonly user?: string;
  /** true: `/bin/sh -c value`, arguments ignored. false: exec `value` with argv = `arguments` (argv[0] included). Default true. */
  readonly shell: boolean;
  readonly arguments: readonly string[];
}

export interface Volume {
  readonly containerPath: string;
  readonly hostPath?: string;
  readonly mode: 'RW' | 'RO';
  readonly image?: Image;
  readonly source?: VolumeSource;
}

export interface VolumeSource {
  readonly type: 'DOCKER_VOLUME' | 'SANDBOX_PATH' | 'SECRET' | 'HOST_PATH' | 'CSI_VOLUME';
  readonly dockerVolume?: { readonly driver?: string; readonly name: string; readonly driverOptions: readonly Parameter[] };
  readonly sandboxPath?: { readonly type?: 'SELF' | 'PARENT'; readonly path: string };
  readonly secret?: Secret;
  readonly hostPath?: { readonly path: string };
}

export interface Image {
  readonly type: 'APPC' | 'DOCKER';
  readonly docker?: { readonly name: string };
  /** Default true. */
  readonly cached: boolean;
}

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol?: string;
}

export interface NetworkInfo {
  readonly name?: string;
  readonly groups: readonly string[];
  readonly labels: readonly Label[];
  readonly ipAddresses: readonly { readonly protocol: 'IPv4' | 'IPv6'; readonly ipAddress?: string }[];
  readonly portMappings: readonly PortMapping[];
}

export interface ContainerInfo {
  readonly type: 'DOCKER' | 'MESOS';
  readonly volumes: readonly Volume[];
  readonly docker?: {
    readonly image: string;
    readonly network: 'HOST' | 'BRIDGE' | 'NONE' | 'USER';
    readonly portMappings: readonly PortMapping[];
    readonly privileged: boolean;
    readonly parameters: readonly Parameter[];
    readonly forcePullImage: boolean;
    readonly volumeDriver?: string;
  };
  readonly mesos?: { readonly image?: Image };
  readonly hostname?: string;
  readonly networkInfos: readonly NetworkInfo[];
  readonly linuxInfo?: {
    readonly sharePidNamespace?: boolean;
    readonly ipcMode?: 'PRIVATE' | 'SHARE_PARENT';
    readonly shmSizeMb?: number;
    /** Default true. */
    readonly shareCgroups: boolean;
  };
  readonly rlimitInfo?: { readonly rlimits: readonly { readonly type: string; readonly hard?: number; readonly soft?: number }[] };
  readonly ttyInfo?: { readonly windowSize?: { readonly rows: number; readonly columns: number } };
}
