# imapd.rc and imapd-ssl.rc: one server, two sets of ports. Sourced; SERVICE says whose ports are meant.
#
# start opens the ports, and starts the server when it does not run. stop closes them, and ends the server when no other
# ports are open; sessions that came through closed ports go on as long as the server.
. "$here/control.sh"
need_program imapd
imapd=$programs/imapd
case ${1-} in
stop | status) variables=$("$imapd" --rc 2>/dev/null) ;;
*) variables=$("$imapd" --rc) || exit 1 ;;
esac
eval "$variables"
case $SERVICE in
imapd) own=$PIDFILE other=$SSLPIDFILE ;;
*) own=$SSLPIDFILE other=$PIDFILE ;;
esac

is_running() {
  "$imapd" --control status >/dev/null 2>&1
}

start() {
  if is_running; then
    "$imapd" --control open "$SERVICE" >/dev/null || exit 1
    [ -e "$own" ] || pid_in "$other" >"$own"
    return
  fi
  old=$(pid_in "$own")
  is_keeper "$old" && stop_keeper "$old"
  rm -f "$own" "$other"
  mkdir -p "$(dirname "$other")" || exit 1
  start_keeper "$own" "$imapd"
  "$imapd" --wait "$keeper" || show_start_failure
  rm -f "$startlog"
}

stop() {
  pid=$(pid_in "$own")
  [ -n "$pid" ] || return 0
  if [ -e "$other" ] && is_keeper "$(pid_in "$other")"; then
    "$imapd" --control close "$SERVICE" >/dev/null || exit 1
  else
    is_keeper "$pid" && stop_keeper "$pid"
    rm -f "$other"
  fi
  rm -f "$own"
}

status() {
  answer=$("$imapd" --control status 2>/dev/null) || { echo "$SERVICE is not running"; exit 3; }
  echo "$answer"
  [ -e "$own" ] || { echo "$SERVICE is not open"; exit 3; }
}

case ${1-} in
start) start ;;
stop) stop ;;
restart) stop; start ;;
reload) "$imapd" --control reload >/dev/null || exit 1 ;;
status) status ;;
*) usage ;;
esac
