# shellcheck shell=bash
# How the node asks Google: its own account's token, an object of a bucket, a version of a secret. Sourced by the two scripts.
# No secret stands on a command line or in an environment: headers and bodies go through pipes and private files.

FOGLINE_METADATA_URL="${FOGLINE_METADATA_URL:-http://metadata.google.internal}"
FOGLINE_SECRETS_URL="${FOGLINE_SECRETS_URL:-https://secretmanager.googleapis.com}"
FOGLINE_STORAGE_URL="${FOGLINE_STORAGE_URL:-https://storage.googleapis.com}"
# An answer that takes longer is asked for again by the service manager.
readonly ANSWER_SECONDS_MAX=60
readonly DOWNLOAD_SECONDS_MAX=900

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# The string under a key of a flat JSON object on stdin; nothing when it is not there. Tokens and base64 hold nothing to unescape.
json_string() { tr -d '\r\n' | sed -n 's/.*"'"$1"'"[[:space:]]*:[[:space:]]*"\([^"\\]*\)".*/\1/p'; }

# The header that shows who we are, for `curl --header @-`.
google_header() {
  local token
  token="$(curl --silent --show-error --fail --max-time "$ANSWER_SECONDS_MAX" --header 'Metadata-Flavor: Google' \
    "$FOGLINE_METADATA_URL/computeMetadata/v1/instance/service-accounts/default/token" | json_string access_token)"
  [ -n "$token" ] || die 'the metadata server gives no token: has the node a service account?'
  printf 'Authorization: Bearer %s\n' "$token"
}

# google_fetch gs://BUCKET/OBJECT FILE
google_fetch() {
  local bucket object
  bucket="$(cut -d/ -f3 <<<"$1")"
  object="$(cut -d/ -f4- <<<"$1")"
  google_header | curl --silent --show-error --fail --location --retry 3 --max-time "$DOWNLOAD_SECONDS_MAX" --header @- \
    --output "$2" "$FOGLINE_STORAGE_URL/$bucket/$object"
}

# secret_read SECRET FILE: its newest version. 1 = it has none yet.
secret_read() {
  local answer status
  answer="$(mktemp)"
  status="$(google_header | curl --silent --show-error --max-time "$ANSWER_SECONDS_MAX" --header @- \
    --output "$answer" --write-out '%{http_code}' "$FOGLINE_SECRETS_URL/v1/$1/versions/latest:access")" || status=000
  case "$status" in
    200)
      json_string data <"$answer" | base64 --decode >"$2"
      rm -f "$answer"
      ;;
    404)
      rm -f "$answer"
      return 1
      ;;
    *)
      say "$(json_string message <"$answer")" >&2
      rm -f "$answer"
      die "Secret Manager answers $status for $1"
      ;;
  esac
}

# secret_add SECRET FILE: a new version with what the file holds.
secret_add() {
  local body
  body="$(mktemp)"
  printf '{"payload":{"data":"%s"}}' "$(base64 --wrap=0 <"$2")" >"$body"
  if ! google_header | curl --silent --show-error --fail --max-time "$ANSWER_SECONDS_MAX" --header @- \
    --header 'Content-Type: application/json' --data-binary "@$body" --output /dev/null "$FOGLINE_SECRETS_URL/v1/$1:addVersion"; then
    rm -f "$body"
    die "Secret Manager did not take a version of $1"
  fi
  rm -f "$body"
}
