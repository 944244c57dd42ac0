# imapd.rc and imapd-ssl.rc, pop3d.rc and pop3d-ssl.rc: one server, two sets of ports. Sourced; SERVICE says whose ports
# are meant, and whose server: it is the name in front of -ssl.
#
# start opens the ports, and starts the server when it does not run. stop closes them, and ends the server when no other
# ports are open; sessions that came through closed ports go on as long as the server.
. "$here/control.sh"
DAEMON=${SERVICE%-ssl}
need_program "$DAEMON"
daemon=$programs/$DAEMON
case ${1-} in
stop | status | reload) variables=$("$daemon" --rc 2>/dev/null) ;;
*) variables=$("$daemon" --rc) || exit 1 ;;
esac
eval "$variables"
case $SERVICE in
*-ssl) own=$SSLPIDFILE other=$PIDFILE ;;
*) own=$PIDFILE other=$SSLPIDFILE ;;
esac

# The pid in a file, if it is the keeper of this server: the number may be another program's by now.
keeper_in() {
  pid=$(pid_in "$1")
  ! is_keeper "$pid" "$DAEMON" || echo "$pid"
}

start() {
  # In a server that runs already. One that is on its way out is waited for: 3 says that none is there.
  "$daemon" --join "$SERVICE"
  case $? in
  0)
    [ -n "$(keeper_in "$own")" ] || keeper_in "$other" >"$own"
    return
    ;;
  3) ;;
  *) exit 1 ;;
  esac
  for file in "$own" "$other"; do
    old=$(keeper_in "$file")
    [ -z "$old" ] || stop_keeper "$old" "$DAEMON"
  done
  rm -f "$own" "$other"
  mkdir -p "$(dirname "$other")" || exit 1
  start_keeper "$own" "$daemon"
  "$daemon" --wait "$keeper" || show_start_failure
  rm -f "$startlog"
}

stop() {
  pid=$(keeper_in "$own")
  if [ -n "$pid" ]; then
    if [ -n "$(keeper_in "$other")" ]; then
      # A daemon that has just died is started again for what the other file says.
      rm -f "$own"
      said=$("$daemon" --control close "$SERVICE" 2>&1)
      [ $? -eq 0 ] || [ $? -eq 3 ] || { echo "$said" >&2; exit 1; }
    else
      stop_keeper "$pid" "$DAEMON"
      rm -f "$other"
    fi
  elif [ -z "$(keeper_in "$other")" ] && ! "$daemon" --gone; then
    fail "$DAEMON runs, and was not started by this script: stop it where it was started (systemctl stop $DAEMON)"
  fi
  rm -f "$own"
}

status() {
  answer=$("$daemon" --control status 2>/dev/null) || { echo "$SERVICE is not running"; exit 3; }
  echo "$answer"
  [ -n "$(keeper_in "$own")" ] || { echo "$SERVICE is not open"; exit 3; }
}

case ${1-} in
start) one_at_a_time; start ;;
stop) one_at_a_time; stop ;;
restart) one_at_a_time; stop; start ;;
reload) "$daemon" --control reload >/dev/null || exit 1 ;;
status) status ;;
*) usage ;;
esac
