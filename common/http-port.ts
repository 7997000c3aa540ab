// HTTP port: how both binaries are told where to serve /metrics and /health.
//
// Owns:      the grammar of `--http-port`.
// Elsewhere: the server (status-server.ts), the tables (master/master-options.ts, agent/agent-options.ts).
// Source: our choice; `none`, because 0 means any free port everywhere else.

import { accepted, refused, type Checked } from './refusal';

/** `5080`, `0` for any free port, `none` for no HTTP server. */
export function parseHttpPort(text: string, field: string): Checked<number | 'none'> {
  if (text === 'none') return accepted('none');
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  return port <= 65_535 ? accepted(port) : refused(field, text, 'a port from 1 to 65535, 0 for any free port, or "none"');
}
