#!/usr/bin/env bash
# Installs Fogline from a release tarball on a Debian host, as root:
#
#   install.sh install | upgrade | rollback | uninstall [--purge]
#
#   FOGLINE_ROLE            cloud or edge (install)
#   FOGLINE_EDGE_ID         name of the edge (install of an edge)
#   FOGLINE_EDGE_BUNDLE     its bundle of fogline certs edge, a path; may also come later (docs/deploying.md)
#   FOGLINE_RELEASE_URL     the tarball of npm run release: https://, file:// or a path (install, upgrade)
#   FOGLINE_RELEASE_SHA256  its checksum; without it PATH.sha256 beside a file is taken
#   FOGLINE_NODE_URL        Node: a tar file of its prefix (https://, file://, a path), or system = the one on the PATH
#   FOGLINE_NODE_SHA256     checksum of that file
#   FOGLINE_REDIS           yes (a cloud's default) or no: install redis-server with a password, on loopback
#   FOGLINE_REDIS_PORT      its port, 6379
#   FOGLINE_START           auto (start by systemd where it runs), yes, or no: print how to start by hand
#
# The same call twice changes nothing. Settings in /etc/fogline are never written over; data in /var/lib/fogline are only touched by
# uninstall --purge. Whatever fails before the last steps leaves what was installed as it was.
set -euo pipefail
umask 022

readonly prefix=/opt/fogline settings=/etc/fogline state=/var/lib/fogline
readonly units=/etc/systemd/system wrapper=/usr/local/bin/fogline lock=/run/lock/fogline-install lock_held=75
readonly redis_conf=/etc/redis/redis.conf redis_ours=/etc/redis/fogline.conf redis_url=$settings/secrets/redis-url
# What was brought here and is not in its place yet; and the folder of the Node that will be used.
incoming='' node_folder=node

main() {
  local command="${1:-}"
  [ "$#" -eq 0 ] || shift
  case "$command" in
    install | upgrade | rollback) [ "$#" -eq 0 ] || usage "$command takes no arguments" ;;
    uninstall) [ "$#" -eq 0 ] || [ "$*" = --purge ] || usage "uninstall takes --purge only" ;;
    *) usage "which of the four?" ;;
  esac
  [ "$(id -u)" -eq 0 ] || die "run it as root"
  trap 'rm -rf "$incoming"' EXIT
  "do_$command" "$@"
}

do_install() {
  check_role
  local version running
  take_release
  version="$(release_fact "$incoming/release" version)"
  running="$(current_version)"
  if [ -n "$running" ] && [ "$running" != "$version" ]; then die "version $running is installed here: use upgrade"; fi
  take_node "$incoming/release"
  keep_release "$version"
  make_user
  make_folders
  if [ "$FOGLINE_ROLE" = cloud ] && [ "${FOGLINE_REDIS:-yes}" = yes ]; then install_redis; fi
  write_settings
  write_wrapper
  point node "$node_folder"
  point current "releases/$version"
  install_units
  say "version $version is installed"
  start_parts
}

do_upgrade() {
  local version running
  running="$(current_version)"
  [ -n "$running" ] || die "nothing is installed here: use install"
  take_release
  version="$(release_fact "$incoming/release" version)"
  take_node "$incoming/release"
  keep_release "$version"
  if [ "$version" = "$running" ]; then
    say "version $version is installed already"
    return
  fi
  check_schemas "$version" "upgrade to it"
  check_settings "$version"
  stop_parts
  point node "$node_folder"
  point previous "releases/$running"
  point current "releases/$version"
  install_units
  forget_releases
  say "version $version is installed, $running is kept: install.sh rollback goes back to it"
  start_parts
}

do_rollback() {
  local version running
  running="$(current_version)"
  [ -n "$running" ] || die "nothing is installed here"
  [ -L "$prefix/previous" ] || die "there is no release to go back to: version $running stays"
  version="$(release_fact "$prefix/previous" version)"
  incoming="$(mktemp -d "$prefix/incoming.XXXXXX")"
  take_node "$prefix/previous"
  check_schemas "$version" "go back to it"
  check_settings "$version"
  stop_parts
  point node "$node_folder"
  point current "releases/$version"
  rm -f "$prefix/previous"
  install_units
  say "version $version is installed again, $running is kept until the next upgrade"
  start_parts
}

do_uninstall() {
  local unit
  if [ -n "$(current_version)" ]; then stop_parts; fi
  for unit in "$units"/fogline-cloud.service "$units"/fogline-edge@.service; do
    [ -e "$unit" ] || continue
    if has_systemd; then systemctl disable --quiet "${unit##*/}" || true; fi
    rm -f "$unit"
  done
  rm -f "$units"/multi-user.target.wants/fogline-edge@*.service
  if has_systemd; then systemctl daemon-reload; fi
  rm -rf "$prefix" "$wrapper"
  if [ "${1:-}" = --purge ]; then purge; else say "uninstalled; data and settings stay in $state and $settings"; fi
}

# What nobody can bring back: readings, settings, keys.
purge() {
  if [ -e "$redis_ours" ]; then
    sed -i "\\#^include $redis_ours\$#d" "$redis_conf"
    rm -f "$redis_ours"
    if has_systemd; then systemctl restart redis-server; fi
  fi
  rm -rf "$settings" "$state"
  if getent passwd fogline >/dev/null; then userdel fogline; fi
  if getent group fogline >/dev/null; then groupdel fogline; fi
  say "uninstalled, with data, settings and keys; the package redis-server stays"
}

check_role() {
  case "${FOGLINE_ROLE:-}" in
    cloud) ;;
    edge)
      [[ "${FOGLINE_EDGE_ID:-}" =~ ^[A-Za-z0-9_-]{1,128}$ ]] || die "FOGLINE_EDGE_ID names the edge: letters, digits, _ and -"
      [ -z "${FOGLINE_EDGE_BUNDLE:-}" ] || [ -r "$FOGLINE_EDGE_BUNDLE" ] || die "$FOGLINE_EDGE_BUNDLE can't be read"
      ;;
    *) die "FOGLINE_ROLE is cloud or edge" ;;
  esac
}

# --- what is brought here -------------------------------------------------------------------------------------------------------------

# Unpacks the release into $incoming/release, when it is what its checksum says and made for this machine.
take_release() {
  local file
  mkdir -p "$prefix/releases"
  incoming="$(mktemp -d "$prefix/incoming.XXXXXX")"
  file="$(fetch FOGLINE_RELEASE "${FOGLINE_RELEASE_URL:-}" "${FOGLINE_RELEASE_SHA256:-}")"
  mkdir "$incoming/release"
  tar --extract --gzip --file "$file" --directory "$incoming/release" --strip-components=1 --no-same-owner
  [ -f "$incoming/release/release.json" ] || die "$FOGLINE_RELEASE_URL is no release of Fogline"
  local arch
  arch="$(release_fact "$incoming/release" arch)"
  case "$(uname -m)-$arch" in
    x86_64-x64 | aarch64-arm64 | armv7l-arm) ;;
    *) die "the release is for $arch, this machine is $(uname -m)" ;;
  esac
  checksum "$file" >"$incoming/release/.sha256"
}

# A release that is here is never changed: another file with the same version is refused.
keep_release() {
  local kept="$prefix/releases/$1"
  if [ -e "$kept/.sha256" ]; then
    cmp --silent "$incoming/release/.sha256" "$kept/.sha256" || die "another version $1 is here: give the release a number of its own"
    return
  fi
  rm -rf "$kept"
  mv "$incoming/release" "$kept"
}

# Prints the path of the file, when its checksum holds. Arguments: name of its variables, URL, checksum.
fetch() {
  local name="$1" url="$2" sha256="$3" file
  case "$url" in
    '') die "${name}_URL is missing: https://, file:// or a path" ;;
    https://*)
      [ -n "$sha256" ] || die "${name}_SHA256 is missing: what comes over the network is checked"
      command -v curl >/dev/null || apt_install curl ca-certificates >&2
      file="$incoming/${name,,}"
      curl --fail --silent --show-error --location --proto '=https' --retry 5 --output "$file" "$url" || die "$url can't be fetched"
      ;;
    *://*) [[ "$url" = file://* ]] || die "${name}_URL = $url: https://, file:// or a path" ;;&
    *)
      file="${url#file://}"
      [ -r "$file" ] || die "$file can't be read"
      if [ -z "$sha256" ] && [ -r "$file.sha256" ]; then sha256="$(cut -d ' ' -f 1 "$file.sha256")"; fi
      [ -n "$sha256" ] || die "${name}_SHA256 is missing, and there is no $file.sha256"
      ;;
  esac
  [ "$(checksum "$file")" = "$sha256" ] || die "$url is not what was wanted: its SHA-256 is $(checksum "$file"), not $sha256"
  printf '%s\n' "$file"
}

checksum() { sha256sum "$1" | cut -d ' ' -f 1; }

# Brings Node below $prefix: what is there stays unless FOGLINE_NODE_URL says another. Argument: the release that must run on it.
take_node() {
  local wanted="${FOGLINE_NODE_URL:-}" file
  if [ -z "$wanted" ]; then
    if [ -x "$prefix/node/bin/node" ]; then
      check_node "$1" "$prefix/node/bin/node"
      return
    fi
    wanted=system
  fi
  if [ "$wanted" = system ]; then
    file="$(command -v node)" || die "no node on the PATH: FOGLINE_NODE_URL names a tar file of Node's prefix"
    file="$(readlink -f "$file")"
    node_folder='node-system'
    check_node "$1" "$file"
    mkdir -p "$prefix/$node_folder/bin"
    [ "$(readlink "$prefix/$node_folder/bin/node" || true)" = "$file" ] || ln -sfn "$file" "$prefix/$node_folder/bin/node"
  else
    file="$(fetch FOGLINE_NODE "$wanted" "${FOGLINE_NODE_SHA256:-}")"
    node_folder="node-$(checksum "$file" | cut -c 1-12)"
    if [ ! -x "$prefix/$node_folder/bin/node" ]; then
      mkdir "$incoming/node"
      case "$wanted" in *.xz) command -v xz >/dev/null || apt_install xz-utils ;; esac
      tar --extract --file "$file" --directory "$incoming/node" --strip-components=1 --no-same-owner --wildcards '*/bin/node' ||
        die "$wanted holds no bin/node"
      check_node "$1" "$incoming/node/bin/node"
      mv "$incoming/node" "$prefix/$node_folder"
    fi
    check_node "$1" "$prefix/$node_folder/bin/node"
  fi
}

# Addons are compiled for one interface of Node: with another they do not load. Arguments: folder of the release, program.
check_node() {
  local release="$1" node="$2" version abi wanted
  version="$("$node" --version)" || die "$node does not run here"
  abi="$("$node" --print process.versions.modules)"
  wanted="$(release_fact "$release" atLeast)"
  if [ "$(printf '%s\n' "$wanted" "${version#v}" | sort --version-sort | head -n 1)" != "$wanted" ]; then
    die "Node $version is too old: $wanted or newer"
  fi
  wanted="$(release_fact "$release" abi)"
  [ "$abi" = "$wanted" ] || die "Node $version has interface $abi, the release was made for $wanted: take the Node that it was made with"
}

# One value of release.json. Arguments: folder of the release, key.
release_fact() { sed -n "s/^ *\"$2\": \"\([^\"]*\)\".*/\1/p" "$1/release.json"; }

apt_install() {
  export DEBIAN_FRONTEND=noninteractive
  local options=(-o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 --quiet --yes)
  apt-get "${options[@]}" update
  apt-get "${options[@]}" install --no-install-recommends "$@"
}

# --- what is made of it ---------------------------------------------------------------------------------------------------------------

make_user() {
  getent group fogline >/dev/null || groupadd --system fogline
  getent passwd fogline >/dev/null ||
    useradd --system --gid fogline --home-dir "$state" --no-create-home --shell /usr/sbin/nologin fogline
}

make_folders() {
  folder 0750 root "$settings"
  folder 0750 root "$settings/secrets"
  folder 0700 fogline "$settings/certs"
  folder 0755 root "$state"
  folder 0700 fogline "$(state_of "$(instance)")"
}

# One that is there keeps what is set.
folder() { [ -d "$3" ] || install --directory --mode="$1" --owner="$2" --group=fogline "$3"; }

# cloud, or edge-ID: the name of its settings and of its state.
instance() { if [ "$FOGLINE_ROLE" = cloud ]; then echo cloud; else echo "edge-$FOGLINE_EDGE_ID"; fi; }

state_of() { printf '%s/%s\n' "$state" "$1"; }

write_settings() {
  local file
  file="$settings/$(instance).ini"
  if [ "$FOGLINE_ROLE" = edge ] && [ -n "${FOGLINE_EDGE_BUNDLE:-}" ]; then
    install --mode=0600 --owner=fogline --group=fogline "$FOGLINE_EDGE_BUNDLE" "$settings/secrets/edge-$FOGLINE_EDGE_ID.pem"
  fi
  [ ! -e "$file" ] || return 0
  "settings_of_$FOGLINE_ROLE" >"$file.new"
  chown root:fogline "$file.new"
  chmod 0640 "$file.new"
  mv "$file.new" "$file"
}

settings_of_cloud() {
  cat <<'INI'
; Settings of this cloud server; all of them with their defaults: /opt/fogline/current/config.ini
; After a change: systemctl restart fogline-cloud

[link]
; Edges of other machines need certificates: sudo fogline certs init --host NAME --dir /etc/fogline/certs
;certs_dir = certs
;listen_host = 0.0.0.0

[cloud]
; The page is for this machine alone. Beyond it, a token is demanded: sudo fogline token new --state /var/lib/fogline/cloud
;http_host = 0.0.0.0
INI
  if [ -e "$redis_url" ]; then printf '\n[redis]\nurl = file:secrets/redis-url\n'; fi
}

settings_of_edge() {
  local bundle='' file="secrets/edge-$FOGLINE_EDGE_ID.pem"
  [ -e "$settings/$file" ] || bundle=';'
  cat <<INI
; Settings of this edge; all of them with their defaults: /opt/fogline/current/config.ini
; After a change: systemctl restart fogline-edge@$FOGLINE_EDGE_ID

[edge]
id = $FOGLINE_EDGE_ID

[link]
; Certificate, key and address of the cloud, as fogline certs edge has made them; owner fogline, mode 0600
${bundle}bundle_file = $file
INI
}

# Nothing of Fogline runs as root, whoever calls it.
write_wrapper() {
  local text
  text="$(
    cat <<'SH'
#!/bin/sh
[ "$(id -u)" -ne 0 ] || exec runuser -u fogline -- "$0" "$@"
exec /opt/fogline/node/bin/node /opt/fogline/current/dist/fogline.js "$@"
SH
  )"
  [ "$(cat "$wrapper" 2>/dev/null || true)" = "$text" ] || printf '%s\n' "$text" | install --mode=0755 /dev/stdin "$wrapper"
}

# A password that nobody has to know, and loopback alone. A Redis that somebody else has set up is never touched.
install_redis() {
  if [ -e "$redis_conf" ] && [ ! -e "$redis_url" ]; then
    die "there is a Redis here already: say FOGLINE_REDIS=no, and give its address by redis.url in $settings/cloud.ini"
  fi
  local password port="${FOGLINE_REDIS_PORT:-6379}"
  if [ ! -e "$redis_url" ]; then
    password="$(od --address-radix=n --format=x1 --read-bytes=32 /dev/urandom | tr -d ' \n')"
    printf 'redis://:%s@127.0.0.1:%s\n' "$password" "$port" | install --mode=0640 --owner=root --group=fogline /dev/stdin "$redis_url"
  fi
  command -v redis-server >/dev/null || apt_install redis-server
  if [ -e "$redis_ours" ] && grep --quiet --line-regexp --fixed-strings "include $redis_ours" "$redis_conf"; then return; fi
  password="$(sed 's#^redis://:\([0-9a-f]*\)@.*#\1#' "$redis_url")"
  port="$(sed 's#.*:\([0-9]*\)$#\1#' "$redis_url")"
  cat <<CONF | install --mode=0640 --owner=redis --group=redis /dev/stdin "$redis_ours"
# Of Fogline: newest windows for several cloud processes. Nothing is lost when it is emptied.
bind 127.0.0.1
port $port
protected-mode yes
requirepass $password
save ""
appendonly no
maxmemory 256mb
maxmemory-policy noeviction
CONF
  grep --quiet --line-regexp --fixed-strings "include $redis_ours" "$redis_conf" || printf 'include %s\n' "$redis_ours" >>"$redis_conf"
  if has_systemd; then systemctl restart redis-server; fi
}

# Links are replaced in one step. Arguments: name, target below $prefix.
point() {
  [ "$(readlink "$prefix/$1" || true)" != "$2" ] || return 0
  ln -sfn "$2" "$prefix/$1.next"
  mv --no-target-directory "$prefix/$1.next" "$prefix/$1"
}

current_version() { if [ -e "$prefix/current/release.json" ]; then release_fact "$prefix/current" version; fi; }

# All but the one that runs and the one before.
forget_releases() {
  local kept
  for kept in "$prefix"/releases/*; do
    case "releases/${kept##*/}" in
      "$(readlink "$prefix/current")" | "$(readlink "$prefix/previous" || true)") ;;
      *) rm -rf "$kept" ;;
    esac
  done
}

# --- what could be lost ---------------------------------------------------------------------------------------------------------------

# A file of a newer schema than the release knows is not read by it: then nothing is changed. Arguments: version, what is wanted.
check_schemas() {
  local newer judge="deploy/newer-files.cjs" from="$prefix/current"
  [ -e "$from/$judge" ] || from="$prefix/releases/$1"
  newer="$(as_fogline "$prefix/node/bin/node" "$from/$judge" "$prefix/current" "$prefix/releases/$1" "$state")" ||
    die "the schemas of the files in $state can't be read: nothing is changed"
  [ -z "$newer" ] || die "can't $2, nothing is changed: $newer; a backup made before the upgrade can be restored (docs/deploying.md)"
}

# A setting that the other release does not know is found before anything is stopped.
check_settings() {
  local file
  for file in "$settings"/*.ini; do
    [ -e "$file" ] || continue
    as_fogline "$prefix/$node_folder/bin/node" "$prefix/releases/$1/dist/fogline.js" config check --config "$file" >/dev/null ||
      die "version $1 does not take $file: nothing is changed"
  done
}

# Without this script's variables: some have the names of settings.
as_fogline() { (cd / && runuser -u fogline -- env -i PATH="$PATH" "$@"); }

# --- running parts --------------------------------------------------------------------------------------------------------------------

has_systemd() { [ -d /run/systemd/system ]; }

# Names of what is set up here: cloud, edge-ID.
parts() {
  local file
  for file in "$settings"/cloud.ini "$settings"/edge-*.ini; do
    [ -e "$file" ] || continue
    file="${file##*/}"
    printf '%s\n' "${file%.ini}"
  done
}

unit_of() { if [ "$1" = cloud ]; then echo fogline-cloud.service; else echo "fogline-edge@${1#edge-}.service"; fi; }

install_units() {
  local unit part
  for part in $(parts); do
    unit=fogline-cloud.service
    [ "$part" = cloud ] || unit=fogline-edge@.service
    cmp --silent "$prefix/current/deploy/systemd/$unit" "$units/$unit" ||
      install -D --mode=0644 "$prefix/current/deploy/systemd/$unit" "$units/$unit"
  done
  if has_systemd; then systemctl daemon-reload; fi
}

start_parts() {
  local part
  for part in $(parts); do
    if [ "${FOGLINE_START:-auto}" = no ] || { [ "${FOGLINE_START:-auto}" = auto ] && ! has_systemd; }; then
      if [ "$part" = cloud ] && [ -e "$redis_ours" ]; then say "start by hand: /etc/init.d/redis-server start"; fi
      say "start by hand: runuser -u fogline -- $(command_of "$part")"
    else
      systemctl enable --quiet "$(unit_of "$part")"
      systemctl start "$(unit_of "$part")" || die "$(unit_of "$part") does not start: journalctl -u $(unit_of "$part")"
      say "$(unit_of "$part") runs"
    fi
  done
}

command_of() {
  local program="$prefix/node/bin/node $prefix/current/dist/fogline.js"
  printf '%s %s --config %s --state %s\n' "$program" "${1%%-*}" "$settings/$1.ini" "$(state_of "$1")"
}

# Without systemd whoever started them by hand has to stop them: a release is not taken away from under a running part.
stop_parts() {
  local part
  for part in $(parts); do
    if has_systemd; then systemctl stop "$(unit_of "$part")"; fi
    if is_running "$(command_of "$part")"; then die "$part runs: stop it first; nothing is changed"; fi
  done
}

is_running() {
  local file
  for file in /proc/[0-9]*/cmdline; do
    # It may have ended meanwhile.
    if [ "$(tr '\0' ' ' 2>/dev/null <"$file" || true)" = "$1 " ]; then return 0; fi
  done
  return 1
}

say() { printf 'fogline: %s\n' "$*"; }

die() {
  printf 'install.sh: %s\n' "$*" >&2
  exit 1
}

usage() {
  printf 'install.sh: %s\nusage: install.sh install | upgrade | rollback | uninstall [--purge]\n' "$*" >&2
  exit 2
}

if [ "${FOGLINE_LOCKED:-}" = yes ] || [ "$(id -u)" -ne 0 ]; then
  unset FOGLINE_LOCKED
  main "$@"
else
  # One at a time; what is started meanwhile does not hold the lock.
  status=0
  FOGLINE_LOCKED=yes flock --close --wait 600 --conflict-exit-code "$lock_held" "$lock" bash "${BASH_SOURCE[0]}" "$@" || status="$?"
  [ "$status" -ne "$lock_held" ] || die "another install.sh is at work"
  exit "$status"
fi
