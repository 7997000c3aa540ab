#!/usr/bin/env bash
# Prints the path of an etcd server, installing Debian's package where that is possible; otherwise says what to do and fails.
# The tests never run without a real etcd: a skipped test of the election would be no test of it.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

if [ -n "${ETCD:-}" ]; then
  if [ -x "$ETCD" ]; then printf '%s\n' "$ETCD"; exit 0; fi
  say "ETCD names no program that can be run: current value is \"$ETCD\", expected the path of an etcd 3.4 or newer server"
  exit 1
fi

if found=$(command -v etcd); then printf '%s\n' "$found"; exit 0; fi

install() {
  say 'Installing etcd (Debian package etcd-server)'
  "$@" apt-get -qq update >&2 || return 1
  "$@" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends etcd-server >&2 || return 1
}

if command -v apt-get >/dev/null; then
  if [ "$(id -u)" = 0 ]; then install || true
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then install sudo -n || true
  fi
fi

if found=$(command -v etcd); then printf '%s\n' "$found"; exit 0; fi

say 'The tests need a real etcd server, version 3.4 or newer, and none was found. Either'
say '  install it:   sudo apt-get install etcd-server'
say '  or name one:  make test ETCD=/path/to/etcd'
exit 1
