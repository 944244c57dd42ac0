#!/bin/sh
# Installs the real servers and clients that the tests talk to. Debian, as root; anywhere else it says what is missing.
# Starts no daemon: policy-rc.d forbids it while packages are installed. Does nothing, quickly, when all is there.
set -eu

# Packages whose servers exclude others as packages, but not as files, are unpacked here.
BESIDE=/var/cache/angarium-peers
EXIM_PACKAGES='exim4-daemon-light exim4-base'

missing=
# need PACKAGE PATH: PATH shows that the package is there.
need() {
  [ -e "$2" ] || missing="$missing $1"
}
need courier-imap /usr/bin/imapd
need courier-pop /usr/lib/courier/courier/courierpop3d
need courier-authdaemon /usr/lib/courier/courier-authlib/authdaemond
need courier-authlib-userdb /usr/lib/courier-authlib/libauthuserdb.so
need courier-authlib-mysql /etc/courier/authmysqlrc
need courier-authlib-postgresql /etc/courier/authpgsqlrc
need courier-authlib-ldap /etc/courier/authldaprc
need courier-authlib-pipe /usr/lib/courier-authlib/libauthpipe.so
need mariadb-server /usr/sbin/mariadbd
need postgresql /usr/lib/postgresql
need slapd /usr/sbin/slapd
need ldap-utils /usr/bin/ldapmodify
need redis-server /usr/bin/redis-server
need libpam-pwdfile "$(echo /usr/lib/*/security/pam_pwdfile.so)"
need libsasl2-modules "$(echo /usr/lib/*/sasl2/libplain.so)"
need dovecot-core /usr/sbin/dovecot
need maildrop /usr/bin/maildrop
need postfix /usr/sbin/postfix
need isync /usr/bin/mbsync
need mutt /usr/bin/mutt
need neomutt /usr/bin/neomutt
need alpine /usr/bin/alpine
need fetchmail /usr/bin/fetchmail
need curl /usr/bin/curl
need getmail6 /usr/bin/getmail
need mpop /usr/bin/mpop
need swaks /usr/bin/swaks
need haproxy /usr/sbin/haproxy
need gsasl /usr/bin/gsasl
need procps /usr/bin/ps
need systemd /lib/systemd/systemd
need iproute2 /usr/bin/ss
need e2fsprogs /usr/bin/chattr
need openssl /usr/bin/openssl
need python3 /usr/bin/python3
need gdbmtool /usr/bin/gdbmtool
need strace /usr/bin/strace
need fail2ban /usr/bin/fail2ban-server
need mandoc /usr/bin/mandoc
need git /usr/bin/git
need debootstrap /usr/sbin/debootstrap
need iproute2 /usr/sbin/ip

beside=
[ -x /usr/lib/dovecot/imap ] && [ -e /usr/lib/dovecot/modules/lib30_imap_zlib_plugin.so ] ||
  beside="$beside dovecot-imapd"
[ -x /usr/lib/dovecot/pop3 ] || beside="$beside dovecot-pop3d"
[ -x "$BESIDE/usr/sbin/exim4" ] || beside="$beside $EXIM_PACKAGES"

# Of Prometheus only the tool that checks pages and rules.
promtool=
[ -x "$BESIDE/usr/bin/promtool" ] || promtool=' prometheus'

# The uid that mail has in the tests needs a name: Courier's change notification does not work without one.
user=
getent passwd 5000 >/dev/null || user=' a user with uid 5000'

[ -n "$missing$beside$promtool$user" ] || exit 0

if [ "$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then
  echo "The tests talk to real servers and clients. Missing here:$missing$beside$promtool$user" >&2
  echo "On Debian as root, 'sh test/support/install-peers.sh' installs them." >&2
  exit 1
fi

export DEBIAN_FRONTEND=noninteractive
forbidden=
if [ ! -e /usr/sbin/policy-rc.d ]; then
  forbidden=yes
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
fi

echo "Installing for the tests:$missing$beside$promtool$user" >&2
log=$(mktemp)
quietly() {
  "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
}
quietly apt-get update -q
if [ -n "$missing" ]; then
  echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  # shellcheck disable=SC2086 # a list of names
  quietly apt-get install -y -q --no-install-recommends $missing
fi
if [ -n "$beside" ]; then
  packages=$(mktemp -d)
  chmod 755 "$packages"
  for package in $beside; do
    (cd "$packages" && quietly apt-get download -q "$package")
    libraries=$(apt-cache depends "$package" | sed -n 's/^ *Depends: \(lib[a-z0-9.+-]*\)$/\1/p')
    # shellcheck disable=SC2086 # a list of names
    quietly apt-get install -y -q --no-install-recommends $libraries
  done
  mkdir -p "$BESIDE"
  for file in "$packages"/*.deb; do dpkg -x "$file" "$BESIDE"; done
  rm -rf "$packages"
fi
if [ -n "$promtool" ]; then
  packages=$(mktemp -d)
  chmod 755 "$packages"
  (cd "$packages" && quietly apt-get download -q prometheus)
  mkdir -p "$BESIDE/usr/bin"
  dpkg --fsys-tarfile "$packages"/prometheus_*.deb | tar -x -C "$BESIDE" ./usr/bin/promtool
  rm -rf "$packages"
fi
# Dovecot looks for its programs and modules in one place only.
for file in "$BESIDE"/usr/lib/dovecot/* "$BESIDE"/usr/lib/dovecot/modules/*.so; do
  place=${file#"$BESIDE"}
  [ ! -e "$file" ] || [ -e "$place" ] || ln -s "$file" "$place"
done
if [ -n "$user" ]; then
  quietly groupadd -f -g 5000 vmail
  quietly useradd -u 5000 -g 5000 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vmail
fi
if ! id Debian-exim >/dev/null 2>&1; then
  quietly useradd --system --user-group --no-create-home --home-dir /var/spool/exim4 --shell /usr/sbin/nologin Debian-exim
fi
# Exim's place for the list of settings files that may keep root is compiled in.
mkdir -p /etc/exim4
rm -f "$log"
[ -z "$forbidden" ] || rm -f /usr/sbin/policy-rc.d
