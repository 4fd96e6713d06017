#!/usr/bin/env bash
# Drives a running NovaCore from outside, through its one door: a line for each check, exit code 1 where one failed.
#
#   NOVACORE_API_KEY=nc_… BASE_URL=https://chat.example.com bash scripts/test_ngs_integration.sh
#
# BASE_URL            where the gateway is (http://127.0.0.1:8080)
# NOVACORE_API_KEY    a key that may chat; what it asks is deleted again at the end
# NOVACORE_NAME, NOVACORE_PASSWORD   an account, to try signing in with a password
# METRICS_TOKEN       to read /metrics where it is not open
# STOP_LOCAL_MODEL, START_LOCAL_MODEL   commands, to see what happens when the local model stops:
#   STOP_LOCAL_MODEL='docker compose stop local_model' START_LOCAL_MODEL='docker compose start local_model'
# EXPECT_FALLBACK     the provider that must answer then; unset: another one, or the fallback message
# TIMEOUT             seconds for one answer (120)
set -uo pipefail

BASE_URL=${BASE_URL:-http://127.0.0.1:8080}
BASE_URL=${BASE_URL%/}
TIMEOUT=${TIMEOUT:-120}
if [ -z "${NOVACORE_API_KEY:-}" ]; then
  echo "NOVACORE_API_KEY is not set: a key of this deployment that may chat." >&2
  exit 2
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0
sessions=()

ok() { passed=$((passed + 1)) && printf 'ok    %s\n' "$1"; }
fail() { failed=$((failed + 1)) && printf 'FAIL  %s\n' "$1"; }
skip() { skipped=$((skipped + 1)) && printf 'skip  %s\n' "$1"; }
check() { # $1: what, $2: seen, then a test command
  local what=$1 seen=$2
  shift 2
  if "$@"; then ok "$what"; else fail "$what: $seen"; fi
}

# Tokens and passwords go into a file that curl reads, so that no list of processes shows them.
quoted() { printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g'; } # as it stands in a text of JSON
bearer() { printf 'Authorization: Bearer %s\n' "$1" >"$work/headers"; }

call() { # method, path, JSON body or the @file that holds it; sets status and body
  local arguments=(-sS -m "$TIMEOUT" -X "$1" -H @"$work/headers" -o "$work/body" -w '%{http_code}')
  [ -n "${3:-}" ] && arguments+=(-H 'Content-Type: application/json' --data-binary "$3")
  status=$(curl "${arguments[@]}" "$BASE_URL$2" 2>"$work/error")
  if [ "${status:-000}" = 000 ]; then status="no answer ($(tr -d '\n' <"$work/error"))"; fi
  body=$(cat "$work/body" 2>/dev/null)
  : >"$work/body"
}

text_of() { # a field that holds an id, a name or an address: the last one of that name in the body
  printf '%s' "$body" | grep -o "\"$1\": *\"[^\"]*\"" | tail -n 1 | sed 's/^[^:]*: *"//; s/"$//'
}
number_of() { printf '%s' "$body" | grep -o "\"$1\": *[0-9]*" | tail -n 1 | grep -o '[0-9]*$'; }
holds() { printf '%s' "$body" | grep -Eq "$1"; }
is() { [ "$status" = "$1" ]; }
is_and_holds() { is "$1" && holds "$2"; }

ask() { # message, more fields; sets what call sets, and session
  call POST /api/chat/message "{\"message\": \"$1\"${2:-}}"
  session=$(text_of session_id)
  [ -n "$session" ] && sessions+=("$session")
  return 0
}

look_back() { # at the session: sets provider, who gave its last answer, and message, its id
  call GET "/api/chat/history/$session"
  provider=$(text_of provider)
  message=$(printf '%s' "$body" | grep -o '{"id": *"[^"]*"' | tail -n 1 | sed 's/.*: *"//; s/"$//')
}

health() {
  call GET /healthz
  check 'health: the gateway is alive' "$status" is 200
  call GET /readyz
  check 'health: everything that it needs is ready' "$status $body" is_and_holds 200 '"status": *"ready"'
  call GET /
  check 'page: is served' "$status" is 200
}

sign_in() {
  printf 'X-Nothing: 1\n' >"$work/headers"
  call GET /api/auth/me
  check 'sign-in: nobody gets in without a key' "$status" is 401
  bearer "nc_$(printf 'x%.0s' {1..40})"
  call GET /api/auth/me
  check 'sign-in: a wrong key is refused' "$status" is 401
  bearer "$NOVACORE_API_KEY"
  call GET /api/auth/me
  check 'sign-in: the key is known' "$status" is 200
  if [ -z "${NOVACORE_NAME:-}" ] || [ -z "${NOVACORE_PASSWORD:-}" ]; then
    skip 'sign-in: by password (NOVACORE_NAME and NOVACORE_PASSWORD are not set)'
    return
  fi
  printf '{"name": "%s", "password": "%s"}' "$(quoted "$NOVACORE_NAME")" "$(quoted "$NOVACORE_PASSWORD")" >"$work/login"
  call POST /api/auth/login @"$work/login"
  check 'sign-in: by password' "$status" is_and_holds 200 '"access_token"'
  bearer "$(text_of access_token)"
  call GET /api/auth/me
  check 'sign-in: its token is known' "$status" is 200
  call POST /api/auth/logout '{}'
  check 'sign-in: logging out' "$status" is 204
  bearer "$NOVACORE_API_KEY"
}

chat() {
  ask 'Say hello in one short sentence.'
  check 'chat: a message is answered' "$status $body" is_and_holds 200 '"tokens_used": *[1-9]'
  look_back
  check 'chat: by a provider that is named' 'nobody is named' test -n "$provider"
  ask 'Say it once more.' ", \"session_id\": \"$session\""
  look_back
  check 'history: holds both messages' "$status total $(number_of total)" is_and_holds 200 '"total": *2[,}]'
  check 'history: holds what was asked' "$body" holds 'Say hello in one short sentence\.'
  call GET "/api/chat/messages/$message/route"
  check 'route: tells who was asked' "$status $body" is_and_holds 200 '"outcome": *"succeeded"'
  call POST /v1/chat/completions '{"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}'
  check "v1: OpenAI's API answers" "$status $body" is_and_holds 200 '"finish_reason": *"'
}

stream() {
  local reply="$work/stream" key="integration-$$-$RANDOM" ended=0
  curl -sS -N -m "$TIMEOUT" -H @"$work/headers" -H 'Content-Type: application/json' -H "Idempotency-Key: $key" \
    --data-binary '{"message": "Count from one to five."}' "$BASE_URL/api/chat/stream" >"$reply" 2>"$work/error" || ended=$?
  check 'stream: ends by itself' "$(cat "$work/error")" test "$ended" -eq 0
  body=$(cat "$reply")
  check 'stream: begins with its message' "$(head -n 5 "$reply")" holds '^event: start'
  check 'stream: gives words' "$(head -n 20 "$reply")" holds '"content": *"[^"]'
  check 'stream: ends with its mark' "$(tail -n 3 "$reply")" holds '"done": *true.*"message_id"'
  session=$(text_of session_id)
  [ -n "$session" ] && sessions+=("$session")
  message=$(text_of message_id)
  curl -sS -N -m "$TIMEOUT" -H @"$work/headers" -H 'Last-Event-ID: 0' "$BASE_URL/api/chat/stream/$message" \
    >"$work/again" 2>"$work/error"
  check 'stream: can be read again' "$(tail -n 3 "$work/again")" \
    test "$(grep -c '"done": *true' "$work/again")" -eq 1
}

fallback() {
  if [ -z "${STOP_LOCAL_MODEL:-}" ] || [ -z "${START_LOCAL_MODEL:-}" ]; then
    skip 'fallback: STOP_LOCAL_MODEL and START_LOCAL_MODEL are not set'
    return
  fi
  if ! bash -c "$STOP_LOCAL_MODEL" >"$work/hook" 2>&1; then
    fail "fallback: STOP_LOCAL_MODEL failed: $(tail -n 3 "$work/hook")"
    return
  fi
  ask 'Who answers now?'
  local answer=$status used
  used=$(number_of tokens_used)
  check 'fallback: without the local model a message is still answered' "$answer $body" is 200
  look_back
  local who=$provider
  call GET "/api/chat/messages/$message/route"
  check 'fallback: the route names the failure of the local model' "$body" \
    holds '"provider": *"ollama"[^}]*"(failed|skipped|cooling_down)"'
  if [ -n "${EXPECT_FALLBACK:-}" ]; then
    check "fallback: $EXPECT_FALLBACK answered" "it was ${who:-nobody}" test "$who" = "$EXPECT_FALLBACK"
  elif [ "${used:-0}" -gt 0 ]; then
    check "fallback: ${who:-nobody} answered" 'it was the local model itself' test "$who" != ollama
  else
    ok 'fallback: nobody else may answer, and the answer says so'
  fi
  if ! bash -c "$START_LOCAL_MODEL" >"$work/hook" 2>&1; then
    fail "fallback: START_LOCAL_MODEL failed: $(tail -n 3 "$work/hook")"
    return
  fi
  local left=30
  while [ "$left" -gt 0 ]; do
    ask 'Are you back?' ', "local_only": true'
    used=$(number_of tokens_used)
    [ "${used:-0}" -gt 0 ] && break
    left=$((left - 1))
    sleep 2
  done
  check 'fallback: the local model answers again' "$status $body" test "${used:-0}" -gt 0
}

metrics() {
  if [ -n "${METRICS_TOKEN:-}" ]; then bearer "$METRICS_TOKEN"; fi
  call GET /metrics
  bearer "$NOVACORE_API_KEY"
  if [ -z "${METRICS_TOKEN:-}" ] && { is 401 || is 404; }; then
    skip 'metrics: METRICS_TOKEN is not set, and they are not open'
    return
  fi
  check 'metrics: count the messages' "$status" is_and_holds 200 'gateway_requests_total\{service="gateway",route="chat_message",status="200"\} [1-9]'
}

tidy_up() {
  local each bad=0
  if [ "${#sessions[@]}" -eq 0 ]; then
    fail 'history: no conversation was made'
    return
  fi
  for each in $(printf '%s\n' "${sessions[@]}" | sort -u); do
    call DELETE "/api/chat/sessions/$each"
    is 204 || bad="$each: $status"
  done
  check 'history: what was asked is deleted again' "$bad" test "$bad" = 0
}

printf 'NovaCore at %s\n' "$BASE_URL"
bearer "$NOVACORE_API_KEY"
health
sign_in
chat
stream
fallback
metrics
tidy_up
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
