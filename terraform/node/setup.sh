#!/usr/bin/env bash
# Makes a bare machine a cloud node: data disk, Node.js, Redis, Fogline's release, units. fogline-node.service runs it at every start
# of the machine, again after half a minute when it failed. What is there stays: it never formats a disk that holds anything, and a
# release that somebody has installed by hand since is not set back.
set -euo pipefail
umask 022
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=google.sh
. "$here/google.sh"

: "${FOGLINE_DATA_DEVICE:?}" "${FOGLINE_RELEASE_URL:?}" "${FOGLINE_RELEASE_SHA256:?}" "${FOGLINE_NODE_URL:?}" "${FOGLINE_NODE_SHA256:?}"
readonly STATE=/var/lib/fogline
# Google's disks show up within seconds of the start.
readonly DISK_WAIT_SECONDS=60

systemd_runs() { [ -d /run/systemd/system ]; }

mount_data_disk() {
  mkdir -p "$STATE"
  if mountpoint --quiet "$STATE"; then return; fi
  local waited=0
  until [ -e "$FOGLINE_DATA_DEVICE" ]; do
    [ "$waited" -lt "$DISK_WAIT_SECONDS" ] || die "no disk at $FOGLINE_DATA_DEVICE"
    sleep 1
    waited=$((waited + 1))
  done
  format_when_blank
  remember_mount
  mount "$STATE"
  # The disk may have grown since.
  if [ -b "$FOGLINE_DATA_DEVICE" ]; then resize2fs "$FOGLINE_DATA_DEVICE"; fi
}

# blkid ends with 2 only when it finds no known signature at all; whatever else it says, the disk is left as it is.
format_when_blank() {
  local found=0 type
  type="$(blkid --probe --match-tag TYPE --output value "$FOGLINE_DATA_DEVICE")" || found=$?
  case "$found" in
    0) [ "$type" = ext4 ] || die "$FOGLINE_DATA_DEVICE holds $type, not ext4: it is left as it is" ;;
    2)
      if [ "$(head --bytes=1M "$FOGLINE_DATA_DEVICE" | tr --delete '\0' | wc --bytes)" -ne 0 ]; then
        die "$FOGLINE_DATA_DEVICE holds something unknown: it is left as it is"
      fi
      mkfs.ext4 -q -L fogline-data -m 1 "$FOGLINE_DATA_DEVICE"
      ;;
    *) die "blkid ends with $found for $FOGLINE_DATA_DEVICE: it is left as it is" ;;
  esac
}

# nofail: a machine without its disk still starts, so that one can log in; units that need the folder wait for the mount and fail.
remember_mount() {
  if grep --quiet --fixed-strings " $STATE " /etc/fstab; then return; fi
  printf '%s %s ext4 defaults,nofail,x-systemd.device-timeout=%ss 0 2\n' "$FOGLINE_DATA_DEVICE" "$STATE" "$DISK_WAIT_SECONDS" >>/etc/fstab
  if systemd_runs; then systemctl daemon-reload; fi
}

# source_of URL FILE: what install.sh fetches; an object of a bucket is fetched here, for it takes the node's account.
source_of() {
  case "$1" in
    gs://*)
      google_fetch "$1" "$2" || die "$1 can't be fetched: is it there, and may the node's account read it?"
      say "$2"
      ;;
    *) say "$1" ;;
  esac
}

install_release() {
  if [ -e /opt/fogline/current ]; then return; fi
  local folder release node
  folder="$(mktemp --directory /var/tmp/fogline-node.XXXXXX)"
  # shellcheck disable=SC2064 # the folder of now is meant
  trap "rm -rf '$folder'" EXIT
  release="$(source_of "$FOGLINE_RELEASE_URL" "$folder/$(basename "$FOGLINE_RELEASE_URL")")"
  node="$(source_of "$FOGLINE_NODE_URL" "$folder/$(basename "$FOGLINE_NODE_URL")")"
  FOGLINE_ROLE=cloud FOGLINE_REDIS=yes FOGLINE_START=no \
    FOGLINE_RELEASE_URL="$release" FOGLINE_RELEASE_SHA256="$FOGLINE_RELEASE_SHA256" \
    FOGLINE_NODE_URL="$node" FOGLINE_NODE_SHA256="$FOGLINE_NODE_SHA256" \
    bash "$here/install.sh" install
}

# The disk may come from another machine, where the user had another number.
own_state() {
  local folder owner
  for folder in "$STATE"/cloud "$STATE"/edge-*; do
    if [ ! -d "$folder" ]; then continue; fi
    owner="$(stat --format=%U "$folder")"
    if [ "$owner" != fogline ]; then chown --recursive fogline:fogline "$folder"; fi
  done
}

# The cloud server itself is started by secrets.sh, when its certificates have come.
start_services() {
  if systemd_runs; then
    systemctl daemon-reload
    systemctl enable --now fogline-node-secrets.timer
  else
    say "no systemd here: $here/secrets.sh fetches certificates, then start fogline cloud by hand"
  fi
}

mount_data_disk
install_release
own_state
start_services
