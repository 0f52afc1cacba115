#!/usr/bin/env bash
# Brings certificates from Secret Manager to the cloud server and its first token to Secret Manager. A timer runs it every two
# minutes; without news it changes nothing. The cloud server reads changed certificates by itself and is never restarted here.
set -euo pipefail
umask 077
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source-path=SCRIPTDIR source=google.sh
. "$here/google.sh"

: "${FOGLINE_CERTS_SECRET:?}" "${FOGLINE_TOKEN_SECRET:?}"
readonly CERTS=/etc/fogline/certs
readonly CERT_FILES=(ca.pem edges.json revoked.json cloud.pem)
# A token that Secret Manager has not taken yet. Gone as soon as it has.
readonly TOKEN=/etc/fogline/secrets/first-token
readonly STATE=/var/lib/fogline/cloud
# An archive of 64 KiB, the most that a secret holds, unpacks to less unless it is a bomb.
readonly CERTS_KIB_MAX=16384

work="$(mktemp --directory)"
trap 'rm -rf "$work"' EXIT

systemd_runs() { [ -d /run/systemd/system ]; }
# Without our environment: Fogline refuses a FOGLINE_… that is no setting of its own.
as_fogline() { cd / && setpriv --reset-env --reuid=fogline --regid=fogline --init-groups -- "$@"; }

# The token is made before the cloud server's first start: then the server says none in the journal.
hand_over_first_token() {
  if [ ! -e "$TOKEN" ]; then
    if [ -s "$STATE/cloud/tokens.json" ]; then return; fi
    mkdir -p "$(dirname "$TOKEN")"
    install --directory --owner=fogline --group=fogline --mode=0700 "$STATE"
    as_fogline /usr/local/bin/fogline token new --config /etc/fogline/cloud.ini --state "$STATE" | tr --delete '\n' >"$work/token"
    [ -s "$work/token" ] || die 'fogline token new made no token'
    mv "$work/token" "$TOKEN"
  fi
  secret_add "$FOGLINE_TOKEN_SECRET" "$TOKEN"
  rm -f "$TOKEN"
  say "the first token is in $FOGLINE_TOKEN_SECRET"
}

# What the operator has put there: exactly the four files that a cloud server needs.
unpack_certs() {
  mkdir "$work/certs"
  ( ulimit -f "$CERTS_KIB_MAX" && tar --extract --gzip --no-same-owner --no-same-permissions --file "$work/archive" --directory "$work/certs" )
  if [ -e "$work/certs/private" ]; then
    die "$FOGLINE_CERTS_SECRET holds the CA's key. Destroy that version, and name the four files as README.md does"
  fi
  local name
  for name in "${CERT_FILES[@]}"; do
    if [ ! -f "$work/certs/$name" ] || [ -L "$work/certs/$name" ]; then die "$FOGLINE_CERTS_SECRET has no $name"; fi
  done
}

# Whole files by their names; cloud.pem comes last, for with it the folder is complete.
install_certs() {
  install --directory --owner=fogline --group=fogline --mode=0700 "$CERTS"
  local name
  for name in "${CERT_FILES[@]}"; do
    if cmp --silent "$work/certs/$name" "$CERTS/$name"; then continue; fi
    install --owner=fogline --group=fogline --mode=0600 "$work/certs/$name" "$CERTS/.$name.next"
    mv "$CERTS/.$name.next" "$CERTS/$name"
    say "new $name"
  done
}

fetch_certs() {
  if ! secret_read "$FOGLINE_CERTS_SECRET" "$work/archive"; then
    say "$FOGLINE_CERTS_SECRET has no version yet: the cloud server waits for its certificate (README.md, certificates)"
    return
  fi
  unpack_certs
  install_certs
  # Only the first time: one that somebody has stopped or masked, as an upgrade does, stays so.
  if systemd_runs && [ "$(systemctl is-enabled fogline-cloud.service || true)" = disabled ]; then
    systemctl enable --now fogline-cloud.service
  fi
}

[ -e /opt/fogline/current ] || die 'Fogline is not installed yet: see fogline-node.service'
hand_over_first_token
fetch_certs
