# What the control scripts have in common. Sourced; it knows no daemon.
here=${here:-$(cd "$(dirname "$0")" && pwd -P)}
programs=${ANGARIUM_PROGRAMS:-$here/../dist/bin}
[ -d "$programs" ] || programs=/usr/lib/angarium/dist/bin
unset NODE_EXTRA_CA_CERTS NODE_OPTIONS

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

need_program() {
  [ -x "$programs/$1" ] || fail "$programs/$1 is not there; run: npm run build"
}

# Waits for the other scripts of this site: what two of them see and do between each other's steps fits no plan. One that
# hangs holds nobody up for ever, and where there is no flock, nobody waits.
one_at_a_time() {
  site=${COURIER_CONFDIR:-/etc/courier}
  command -v flock >/dev/null && [ -r "$site" ] || return 0
  exec 9<"$site"
  flock -w 60 9
}

# is_keeper PID DAEMON: is it the loop that keeps this daemon? A pid file may be older than the last boot, and its number
# another program's.
is_keeper() {
  # Not a number: nothing to send signals to, and -1 would be everybody.
  case $1 in '' | *[!0-9]* | 0 | 1) return 1 ;; esac
  kill -0 "$1" 2>/dev/null || return 1
  if [ -r "/proc/$1/cmdline" ]; then
    # It may end at any moment.
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | grep -q "/keeper .*/$2 "
  fi
}

pid_in() {
  [ ! -r "$1" ] || cat "$1" 2>/dev/null || :
}

# start_keeper PIDFILE COMMAND…: in the background, away from this terminal. Its pid is in $keeper, what it says in
# $startlog.
start_keeper() {
  mkdir -p "$(dirname "$1")" || exit 1
  startlog=$1.start
  : >"$startlog" || exit 1
  session=
  command -v setsid >/dev/null && session=setsid
  $session sh "$here/keeper" "$@" </dev/null >/dev/null 2>"$startlog" 9<&- &
  keeper=$!
}

show_start_failure() {
  sleep 0.1
  cat "$startlog" >&2
  [ -s "$startlog" ] || echo "$(basename "$0"): the daemon ended without a word" >&2
  rm -f "$startlog"
  exit 1
}

# stop_keeper PID DAEMON: returns when it is gone, and so is what it kept.
stop_keeper() {
  kill -TERM "$1" 2>/dev/null
  rounds=0
  while is_keeper "$1" "$2"; do
    sleep 0.1
    rounds=$((rounds + 1))
    [ "$rounds" -ne 200 ] || kill -KILL "$1" 2>/dev/null
  done
}

usage() {
  echo "Usage: $0 start|stop|restart|reload|status" >&2
  exit 64
}
