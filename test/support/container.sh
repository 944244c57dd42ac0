#!/bin/sh
# Runs a command as a container engine would that was told --read-only, --cap-drop ALL, --security-opt no-new-privileges,
# --user UID and a tmpfs for each directory that is written to: namespaces of its own, the command as process 1.
#
#   container.sh DIRECTORY UID COMMAND…     the root is DIRECTORY/image over the clean root of clean-root.sh
set -eu
CACHE=/var/cache/angarium-peers/clean-root

inner() {
  directory=$1
  uid=$2
  shift 2
  root=$directory/root
  mount --make-rprivate /
  # No layer above: nothing can be written.
  mount -t overlay overlay -o "lowerdir=$directory/image:$CACHE/root" "$root"
  for place in tmp run/courier etc/courier srv/mail var/cache/angarium; do
    mount -t tmpfs -o "mode=755,uid=$uid,gid=$uid" tmpfs "$root/$place"
  done
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  for device in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  mkdir "$root/tmp/.old"
  mount -o remount,ro "$root/dev"
  mount -t proc proc "$root/proc"
  ip link set lo up
  cd "$root"
  pivot_root . tmp/.old
  umount -l /tmp/.old
  exec setpriv --reuid="$uid" --regid="$uid" --clear-groups --inh-caps=-all --ambient-caps=-all --bounding-set=-all \
    --no-new-privs "$@"
}

if [ "$1" = inner ]; then
  shift
  inner "$@"
fi
mkdir -p "$1/root" "$1/image"
exec unshare --mount --pid --fork --uts --ipc --net --kill-child sh "$0" inner "$@"
