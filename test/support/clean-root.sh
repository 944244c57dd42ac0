#!/bin/sh
# A clean Debian for tests of packages: the release of this machine, nothing installed but what it cannot be without.
#
#   clean-root.sh make              makes it below /var/cache, once, with the packages that tests install in it
#   clean-root.sh start DIRECTORY   shows a throw-away copy at DIRECTORY/root, with processes and a network of its own;
#                                   DIRECTORY/files is /mnt in it; ends when standard input is closed
#
# Debian's archive is reached as this machine's own apt is set up to. Root only.
set -eu
CACHE=/var/cache/angarium-peers/clean-root
PACKAGES='courier-imap courier-pop courier-authdaemon courier-authlib-userdb curl postfix'

fail() {
  echo "No clean root: $*" >&2
  exit 1
}

# The lines of sources.list for Debian's archive, from whatever form this machine has them in.
sources() {
  apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    sed -n 's/ Debian$//p' | sort -u
}

make_root() {
  # Two tests may want it at once.
  mkdir -p "$(dirname "$CACHE")"
  exec 9>"$CACHE.lock"
  flock 9
  [ ! -e "$CACHE/done" ] || return 0
  [ "$(id -u)" = 0 ] || fail 'this needs root'
  command -v debootstrap >/dev/null || fail 'debootstrap is missing; run sh test/support/install-peers.sh'
  . /etc/os-release
  [ -n "$(sources)" ] || apt-get update -q >/dev/null 2>&1 || true
  mirror=$(sources | awk -v release="$VERSION_CODENAME" '$3 == release && $4 == "main" { print $2; exit }')
  [ -n "$mirror" ] || fail "apt knows no archive of Debian's release $VERSION_CODENAME here"
  rm -rf "$CACHE"
  mkdir -p "$CACHE"
  debootstrap --variant=minbase "$VERSION_CODENAME" "$CACHE/root" "$mirror" >"$CACHE/log" 2>&1 ||
    fail "debootstrap failed, without network or without the right to mount: $(tail -n 3 "$CACHE/log")"
  sources >"$CACHE/root/etc/apt/sources.list"
  # This machine's way to the archive, and none of its other settings.
  { apt-config dump | grep '^Acquire' || true; } >"$CACHE/apt.conf"
  echo "RootDir \"$CACHE/root\";" >>"$CACHE/apt.conf"
  for step in update "install -y --no-install-recommends --download-only $PACKAGES"; do
    # shellcheck disable=SC2086 # words
    APT_CONFIG=$CACHE/apt.conf apt-get -q -o Dir::Cache::pkgcache=pkgcache.bin -o Dir::Cache::srcpkgcache=srcpkgcache.bin $step >"$CACHE/log" 2>&1 ||
      fail "apt-get $step: $(tail -n 3 "$CACHE/log")"
  done
  touch "$CACHE/done"
}

# In a mount, process and network namespace of its own.
inner() {
  directory=$1
  root=$directory/root
  mount --make-rprivate /
  mount -t tmpfs -o mode=755 tmpfs "$directory/space"
  mkdir "$directory/space/upper" "$directory/space/work"
  mount -t overlay overlay \
    -o "lowerdir=$CACHE/root,upperdir=$directory/space/upper,workdir=$directory/space/work" "$root"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mount -t tmpfs -o mode=755 tmpfs "$root/run"
  mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
  mkdir "$root/dev/pts" "$root/dev/shm" "$root/run/lock"
  for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
    name=${device%%:*}
    number=${device#*:}
    mknod -m 666 "$root/dev/$name" c "${number%:*}" "${number#*:}"
  done
  ln -s /proc/self/fd "$root/dev/fd"
  ln -s fd/0 "$root/dev/stdin"
  ln -s fd/1 "$root/dev/stdout"
  ln -s fd/2 "$root/dev/stderr"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  mount --bind "$directory/files" "$root/mnt"
  hostname mail.example.com
  echo '127.0.0.1 localhost mail.example.com' >"$root/etc/hosts"
  ip link set lo up
  mkdir "$root/.old"
  cd "$root"
  pivot_root . .old
  umount -l /.old
  echo ready
  # Until the test closes it, or ends.
  read -r _ || true
}

case ${1-} in
make) make_root ;;
start)
  mkdir -p "$2/root" "$2/space" "$2/files"
  exec unshare --mount --pid --fork --uts --ipc --net --kill-child sh "$0" inner "$2"
  ;;
inner) inner "$2" ;;
*) fail 'make or start' ;;
esac
