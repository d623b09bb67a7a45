# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the lab's commands share: the address table, error text, processes by pidfile, control of the link stages.

lab_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=lab/addresses
. "$lab_dir/addresses"
# Another build's stage may be put in its place, for instance one with sanitizers.
hf_link=${HF_LINK:-$lab_dir/../build/lab/hf-link}

# die STATUS TEXT: one clear line. 1: it did not hold, 2: wrong use.
die() {
  echo "${0##*/}: $2" >&2
  exit "$1"
}

need_root() { [ "$(id -u)" -eq 0 ] || die 2 "needs root (network namespaces)"; }

lab_is_up() { [ -f "$LAB_STATE/up" ]; }
need_lab() { lab_is_up || die 1 "the lab is not up; start it with lab/up"; }

# start_process NAME COMMAND...: in the background, away from our terminal, known by its pidfile.
start_process() {
  local name=$1
  shift
  : >"$LAB_STATE/$name.log" # here, not when the child comes to it: who waits for a line must not find that of an old life
  setsid "$@" >"$LAB_STATE/$name.log" 2>&1 </dev/null &
  echo "$! $(process_birth "$!")" >"$LAB_STATE/$name.pid"
}

# A pid may have been given to another process since; its start time tells them apart. Prints nothing for a
# process that has ended, even if nobody has reaped it yet (state Z).
process_birth() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  read -ra fields <<<"${stat##*) }"
  [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

# running NAME: prints the pid if the process that wrote the pidfile still lives.
running() {
  local pid birth
  read -r pid birth 2>/dev/null <"$LAB_STATE/$1.pid" || return 1
  [ -n "$birth" ] && [ "$(process_birth "$pid")" = "$birth" ] || return 1
  echo "$pid"
}

# stop_process NAME [SIGNAL]: asks it to end, waits two seconds, then makes it.
stop_process() {
  local pid try
  if pid=$(running "$1"); then
    kill -"${2:-TERM}" "$pid" 2>/dev/null
    for ((try = 0; try < 100; try++)); do
      running "$1" >/dev/null || break
      sleep 0.02
    done
    running "$1" >/dev/null && kill -KILL "$pid" 2>/dev/null
  fi
  rm -f "$LAB_STATE/$1.pid"
}

# ask_stage lan|wan COMMAND...: one command to a link stage.
ask_stage() {
  local stage=$1
  shift
  "$hf_link" --control "$LAB_STATE/$stage.sock" --ask "$@"
}

# wait_for SECONDS COMMAND...: until the command holds.
wait_for() {
  local end=$(($(date +%s%N) + $1 * 1000000000))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$(date +%s%N)" -lt "$end" ] || return 1
    sleep 0.02
  done
}
