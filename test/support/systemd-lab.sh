#!/bin/bash
# A real systemd for tests: it boots as the first process of its own namespaces, on a copy of this machine's files that
# goes away with it, in about a second. Root only; needs overlayfs and cgroup2.
#
#   systemd-lab.sh start | run COMMAND… | stop
#
# LAB    an empty directory, for what this script remembers
# SOURCE shown read-only as /mnt/source
# BUILD  the directory of SOURCE that becomes /usr/lib/angarium/dist
# SITE   shown as /mnt/site; SITE/etc is /etc/courier, and the units of SITE/units are those of the machine
#
# It has a /tmp, /run, /dev and cgroup of its own: at boot, systemd empties /tmp. The network is that of the machine.
# --unit=basic.target keeps the services that are installed on this machine from starting.
# Use daemon-reload (and enable, which does it) last: Debian 12's systemd aborts here when a service starts again after it.
set -eu
lab=${LAB:?}
groups=/sys/fs/cgroup/unified
[ -d $groups ] || groups=/sys/fs/cgroup

case $1 in
start)
  group=$groups/systemd-lab.$$
  mkdir -p "$lab" "$group"
  echo "$group" >"$lab/group"
  (
    echo $BASHPID >"$group/cgroup.procs"
    exec unshare --mount --pid --fork --uts --ipc --cgroup --kill-child bash "$0" _inner
  ) >"$lab/boot.log" 2>&1 </dev/null &
  echo $! >"$lab/outer"
  for _ in $(seq 300); do
    first=$(cat "/proc/$(cat "$lab/outer")/task/$(cat "$lab/outer")/children" 2>/dev/null || true)
    if [ -n "$first" ]; then
      echo "${first%% *}" >"$lab/pid"
      state=$(nsenter -t "${first%% *}" -m -p -r -w -- systemctl is-system-running 2>/dev/null || true)
      case $state in running | degraded) exit 0 ;; esac
    fi
    sleep .1
  done
  cat "$lab/boot.log" >&2
  exit 1
  ;;
_inner)
  mount --make-rprivate /
  hostname systemd-lab
  root=$lab/files
  mkdir -p "$root"
  mount -t tmpfs -o size=1g,mode=755 tmpfs "$root"
  mkdir "$root/upper" "$root/work" "$root/root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/root"
  root=$root/root
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir -p "$root/run/lock" "$root/dev/shm" "$root/dev/pts" "$root/mnt/source" "$root/mnt/site" "$root/etc/courier"
  mount --bind "$SOURCE" "$root/mnt/source"
  mount -o remount,bind,ro "$root/mnt/source"
  mount --bind "$SITE" "$root/mnt/site"
  mount --bind "$SITE/etc" "$root/etc/courier"
  for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    IFS=: read -r name major minor <<<"$node"
    mknod -m 666 "$root/dev/$name" c "$major" "$minor"
  done
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount -t proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount -o remount,bind,ro "$root/proc/sys"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  mkdir -p "$root/etc/systemd/system" "$root/.old"
  : >"$root/etc/fstab"
  for unit in systemd-firstboot systemd-udevd systemd-udev-trigger systemd-modules-load systemd-sysctl \
    systemd-remount-fs; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit.service"
  done
  cp -r "$SITE"/units/* "$root/etc/systemd/system/"
  rm -rf "$root/usr/lib/angarium"
  mkdir "$root/usr/lib/angarium"
  ln -s "/mnt/source/$BUILD" "$root/usr/lib/angarium/dist"
  cd "$root"
  pivot_root . .old
  umount -l /.old
  exec env -i container=systemd-lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=basic.target \
    --log-target=console --log-level=notice --show-status=0
  ;;
run)
  shift
  exec nsenter -t "$(cat "$lab/pid")" -m -u -i -p -r -w -- \
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
  ;;
stop)
  kill -9 "$(cat "$lab/pid")" 2>/dev/null || true
  while kill -0 "$(cat "$lab/outer")" 2>/dev/null; do sleep .05; done
  find "$(cat "$lab/group")" -depth -type d -exec rmdir {} \; 2>/dev/null || true
  ;;
esac
