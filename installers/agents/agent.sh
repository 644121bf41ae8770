#!/bin/sh
# Written by openclaw. The agent of a host that has a shell and curl: it shakes hands, beats, says goodbye.
#
# shellcheck disable=SC2015 # "a && b || die" is to die when either fails.
# shellcheck disable=SC2034,SC2154,SC2317,SC2329 # the installer, which holds this file, uses the rest of it.
{ set +xva; log_file=''; }

say() { # A log file has no clock of its own beside it.
  if [ -n "$log_file" ]; then printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >&2
  else printf '%s\n' "$*" >&2; fi
}

die() { # exit code, what is wrong, what to do
  say "error: $2"
  [ -z "${3:-}" ] || say "hint: $3"
  exit "$1"
}

whole() { # Whether $1 is a whole number that every shell can count with.
  case $1 in '' | *[!0-9]* | ??????????*) return 1 ;; esac
}

random() { # A fresh whole number from $1 to $2.
  value=$(od -An -N4 -tu4 /dev/urandom | awk -v a="$1" -v b="$2" '{ print a + int($1 / 4294967296 * (b - a + 1)) }')
  printf '%s\n' "${value:-$2}"
}

# Without what a terminal would act on: C0, DEL, C1, and what turns the direction of writing.
plain() {
  printf '%s' "$1" | LC_ALL=C tr -d '\000-\037\177' |
    LC_ALL=C sed "$(printf 's/\302[\200-\237]/?/g;s/\342\200[\216\217\250-\256]/?/g;s/\342\201[\246-\251]/?/g')"
}

# In quotes of JSON, of curl's configuration, and of systemd.
escape() { printf '%s' "$1" | sed 's/["\\]/\\&/g'; }

# Variables that this program sets, and that the process that started it may have exported: children would inherit them.
unset_secrets() {
  unset agent_secret env_secret baked_agent_secret installed_secret earlier_secret credential token value fields line
}

hide_environment() { # No process that is started from here gets a secret of ours. The rest is its own.
  unset OPENCLAW_AGENT_SECRET OPENCLAW_AGENT_SECRET_FILE OPENCLAW_OPERATOR_KEY OPENCLAW_OPERATOR_KEY_FILE
  unset OPENCLAW_ENROLLMENT_CODE OPENCLAW_ENROLLMENT_CODE_FILE AGENT_JWT_KEYS DATABASE_URL SUPABASE_SECRET_KEYS
  unset OPENCLAW_SMTP_URL OPENCLAW_HEARTBEAT_URL OPENCLAW_MAIL_KEY
}

is_name() { # Whether $1 may be the word for all that is ours on a host. "openclaw" is other programs'.
  case $1 in '' | openclaw | [!abcdefghijklmnopqrstuvwxyz]* | *[!abcdefghijklmnopqrstuvwxyz0123456789-]*) return 1 ;; esac
  [ "${#1}" -le 31 ]
}

choose_name() { # Leaves that word in $name: $1, else OPENCLAW_NAME, else $2, else ours.
  name=${1:-${OPENCLAW_NAME:-}}
  if [ -n "$name" ]; then
    is_name "$name" || die 2 "Cannot use the name \"$(plain "$name")\": a letter and at most 30 of a-z, 0-9 and - are expected, and not \"openclaw\"" '--name fleet-agent'
  elif is_name "${2:-}"; then name=$2
  else name=openclaw-agent; fi
}

uuid() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n' |
    sed 's/^\(........\)\(....\).\(...\).\(...\)\(............\)$/\1-\2-4\3-a\4-\5/'
}

folder_of_credentials() {
  config=$HOME/.config
  case ${XDG_CONFIG_HOME:-} in /*) config=$XDG_CONFIG_HOME ;; esac
  [ "$(uname -s)" != Darwin ] || config="$HOME/Library/Application Support"
  printf '%s\n' "$config/$name"
}

# Reads JSON, or what fetch prints, and prints "name value" lines: curl-code and curl-failure; status, retry-after
# and date of the last reply's head; json, if an object and nothing else follows; its fields, a string after a quote.
read_reply() {
  LC_ALL=C awk -v head="${1:-1}" -v http="${1:-1}" '
    function ascii(hex,   i, code) { # What \uXXXX stands for, if a terminal may have it.
      for (i = 1; i <= 4; i++) code = code * 16 + index("0123456789abcdef", tolower(substr(hex, i, 1))) - 1
      return code >= 32 && code < 127 ? sprintf("%c", code) : ""
    }
    function string(   s, c) {
      for (p++; p <= n; p++) {
        c = substr(t, p, 1)
        if (c == "\"") { p++; return s }
        if (c == "\n" || c == "\t") break
        if (c == "\\") {
          c = substr(t, ++p, 1)
          if (c == "u" && substr(t, p + 1, 4) ~ /^[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]$/) {
            c = ascii(substr(t, p + 1, 4))
            if (c == "") c = "\\u"
            else p += 4
          }
          else if (c ~ /^[bfnrt]$/) c = "\\" c
          else if (c !~ /^["\\\/]$/) break
        }
        s = s c
      }
      bad = 1
    }
    function skip() { while (p <= n && index(" \t\r\n", substr(t, p, 1))) p++ }
    # Such as a shell can count with; below zero is zero.
    function whole(number) {
      if (number < 0) number = 0
      return number <= 999999999 ? sprintf("%d", number) : "999999999"
    }
    function found(path, value) { if (path ~ /^[a-z_.]+$/) out = out path " " value "\n" }
    function value(path, depth,   c, key, end) {
      if (depth > 16) bad = 1
      skip()
      c = substr(t, p, 1)
      if (c == "\"") { found(path, "\"" string()); return }
      if (c == "{" || c == "[") {
        end = c == "{" ? "}" : "]"
        p++
        skip()
        if (substr(t, p, 1) == end) { p++; return }
        while (!bad) {
          key = path "[]"
          if (end == "}") {
            skip()
            if (substr(t, p, 1) != "\"") break
            key = string()
            if (path != "") key = path "." key
            skip()
            if (substr(t, p++, 1) != ":") break
          }
          value(key, depth + 1)
          skip()
          c = substr(t, p++, 1)
          if (c == end) return
          if (c != ",") break
        }
        bad = 1
        return
      }
      c = substr(t, p, 40)
      if (match(c, /^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?)/)) {
        p += RLENGTH
        c = substr(c, 1, RLENGTH)
        found(path, c ~ /^[a-z]/ ? c : whole(c + 0))
      } else bad = 1
    }
    http && failure == "" && (p = index($0, "curl: (")) { failure = substr($0, p + 6) }
    head && /^HTTP\// { split($0, word, " "); status = word[2]; late = when = ""; inside = 1; next }
    inside {
      sub(/\r$/, "")
      if ($0 == "") inside = 0
      if (tolower($0) ~ /^retry-after:/) { late = $0; sub(/^[^:]*:[ \t]*/, "", late) }
      if (tolower($0) ~ /^date:/) { when = $0; sub(/^[^:]*:[ \t]*/, "", when) }
      next
    }
    { head = 0; t = t $0 "\n"; end = $0 }
    END {
      print ""
      if (http) {
        # What is cut off, because it is too long, has no end.
        if (end !~ /^curl [0-9]+$/) end = "curl 0"
        else t = substr(t, 1, length(t) - length(end) - 1)
        print "curl-code " substr(end, 6)
        print "curl-failure " substr(failure, 1, 300)
        print "status " (status ~ /^[0-9][0-9][0-9]$/ ? status : "000")
        print "date " (when ~ /^[A-Za-z0-9:, ]+$/ ? when : "")
        if (late ~ /^[0-9]+$/) print "retry-after " whole(late + 0)
      }
      n = length(t)
      p = 1
      skip()
      # Ours are a few hundred bytes. What is larger is not, nor worth the time.
      if (n > 16384 || substr(t, p, 1) != "{") exit
      value("", 0)
      skip()
      if (!bad && p > n && length(out) < 6000) printf "json yes\n%s", out
    }'
}

raw() { # Puts the field $1 of the reply into $value.
  value=''
  case $fields in *"
$1 "*) value=${fields#*"
$1 "} ;; *) return 1 ;; esac
  value=${value%%"
"*}
}

text() { # The same, if it is a string.
  raw "$1" || return 1
  case $value in '"'*) value=${value#?} ;; *) value=''; return 1 ;; esac
}

clamped() { # The same, if it is a number: at least $2, and at most a day.
  raw "$1" && whole "$value" || return 1
  [ "$value" -ge "$2" ] || value=$2
  [ "$value" -le 86400 ] || value=86400
}

# Asks the service for $1, with the body $2 if there is one, the session $3 if there is one, for at most $4 seconds
# and with the option $5 for curl. Everything that is secret goes to curl on its standard input.
request() {
  if [ "$ear" = open ]; then
    # Some shells would tell of a curl that was ended.
    fetch "$@" >&3 2>/dev/null &
    asking=$!
    await "$asking"
    asking=''
    fields=''
    printf '\n.\n' >&3
    while IFS= read -r line <&3 && [ "$line" != . ]; do
      fields="$fields$line
"
    done
  else
    fields=$(fetch "$@" 3>/dev/null; echo .)
  fi
  raw curl-code || value=2
  curl_code=$value failure=''
  if [ "$curl_code" -ne 0 ]; then
    raw curl-failure && failure=$value
    failure=$(plain "${failure:-curl ends with $curl_code}")
    fields=''
  fi
  raw status || value=000
  status=$value
}

is_loopback() { # Whether the URL $1 is of this host itself: localhost, 127.0.0.0/8 or ::1.
  authority=${1#*://}
  authority=${authority%%/*}
  case $authority in localhost | localhost:* | \[::1\] | \[::1\]:*) return 0 ;; 127.*) ;; *) return 1 ;; esac
  authority=${authority%%:*}.
  for octet in 1 2 3 4; do
    case ${authority%%.*} in '' | *[!0-9]* | ????*) return 1 ;; esac
    [ "${authority%%.*}" -le 255 ] || return 1
    authority=${authority#*.}
  done
  [ -z "$authority" ]
}

is_direct() { # A proxy has another loopback, and what is not encrypted is not for it to read.
  case $1 in http:*) return 0 ;; esac
  is_loopback "$1"
}

fetch() { # To the third descriptor goes the number of curl's process, so that it can be ended.
  {
    {
      printf 'url = "%s/functions/v1/%s"\n' "$url" "$1"
      if is_direct "$url"; then printf 'noproxy = "*"\n'; fi
      [ -z "$3" ] || printf 'header = "authorization: Bearer %s"\n' "$3"
      [ -z "$2" ] || printf 'header = "content-type: application/json"\ndata-binary = "%s"\n' \
        "$(escape "$2")"
    } | /bin/sh -c 'echo "$$" >&3; exec curl "$@"' sh -q -s -S -g -i -K - --max-time "${4:-15}" \
      --proto '=http,https' -A "openclaw/$version (sh)" ${5:+"$5"} 2>&1
    printf '\ncurl %s\n' "$?"
  } | dd bs=1 count=32768 2>/dev/null | read_reply
}

# A shell hears a signal while it waits, and not while it reads what another process prints. So that goes through a
# pipe of which this shell has both ends; where there can be none, a signal is heard after the reply.
open_ear() {
  ear=${TMPDIR:-/tmp}/openclaw-$instance_id
  if (umask 077 && mkfifo "$ear" && exec 3<>"$ear") 2>/dev/null; then
    exec 3<>"$ear"
    rm -f "$ear"
    ear=open
  else
    rm -f "$ear"
    ear=''
  fi
}

await() { # Waits for the process $1, through signals that do not end this one.
  while wait "$1"; outcome=$?; [ "$outcome" -gt 128 ] && kill -0 "$1" 2>/dev/null; do :; done
  return "$outcome"
}

hush() { # Ends the request that is under way.
  [ -n "$asking" ] || return 0
  kill "$asking" 2>/dev/null
  printf '\n' >&3
  IFS= read -r line <&3
  if whole "$line"; then kill "$line" 2>/dev/null; fi
  # What comes of it is not read any more.
  asking='' ear=''
}

ours() { # Whether the reply is our JSON, with the status $1.
  [ "$status" = "$1" ] && raw json
}

# Prints in one line what came instead of the expected reply.
what_came() {
  if [ -n "$failure" ]; then printf '%s\n' "no reply: $failure"
  elif raw json && text error; then
    problem=$value
    text error_description || value=''
    printf '%s\n' "$(plain "the server answers $status $problem: $value")"
  else
    case $status in
      3??) printf '%s\n' "it redirects (status $status), and that is not followed" ;;
      *) printf '%s\n' "what answers (status $status) is not openclaw, perhaps a proxy's page" ;;
    esac
  fi
}

# Buys a session. Sets $token, $interval, $refresh_in and $beat_in, or none of them.
shake_hands() {
  client="{\"version\":\"$version\",\"hostname\":\"$host_name\",\"os\":\"$os\",\"arch\":\"$arch\"}"
  credential="\"agent_id\":\"$agent_id\",\"agent_secret\":\"$agent_secret\""
  request handshake "{$credential,\"instance_id\":\"$instance_id\",\"client\":$client}" ''
  credential=''
  ours 200 || return 1
  clamped refresh_in 1 && new_refresh=$value || return 1
  clamped heartbeat_interval_seconds 1 && new_interval=$value || return 1
  clamped next_heartbeat_in 0 && new_beat=$value || return 1
  text token || return 1
  case $value in *[!A-Za-z0-9_.-]* | '') return 1 ;; esac
  token=$value refresh_in=$new_refresh interval=$new_interval beat_in=$new_beat
}

# Sends one heartbeat with the status $1, waiting at most $2 seconds. Sets $beat_in and $interval.
beat() {
  seq=$((seq + 1))
  request heartbeat "{\"status\":\"$1\",\"seq\":$seq,\"instance_id\":\"$instance_id\"}" "$token" "${2:-15}"
  ours 200 && raw ok && [ "$value" = true ] && clamped next_heartbeat_in 1 || return 1
  beat_in=$value
  if clamped heartbeat_interval_seconds 1; then interval=$value; fi
}

know_host() {
  case $(uname -s) in Linux) os=linux ;; Darwin) os=darwin ;; *) os='' ;; esac
  case $(uname -m) in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    armv6l | armv7l | i686 | i386 | riscv64 | ppc64le | s390x) arch=$(uname -m) ;;
    *) arch='' ;;
  esac
  host_name=$(uname -n | LC_ALL=C tr -c 'A-Za-z0-9._\n-' '-' | cut -c 1-255)
  host_name=${host_name:-unknown}
  instance_id=$(uuid)
  seq=0 token='' ear='' asking=''
}

# Reads url, agent_id and agent_secret from the file $1.
read_credentials() {
  fields=$(read_reply 0 <"$1"; echo .)
  text url || return 1
  url=$value
  text agent_id || return 1
  agent_id=$value
  text agent_secret || return 1
  agent_secret=$value
  case $url in *[\"\\\ ]* | '') return 1 ;; esac
  case $agent_id in *[!0-9a-f-]* | '') return 1 ;; esac
  case $agent_secret in *[!A-Za-z0-9_-]* | '') return 1 ;; esac
}

agent_main() {
  version='0.1.0'
  case ${1:-} in
    monitor) shift ;;
    --version) printf '%s\n' "$version"; return ;;
    *) die 2 'Cannot run: this agent has the command "monitor" only' "${0##*/} monitor" ;;
  esac
  given_name=''
  while [ $# -gt 0 ]; do
    case $1 in
      --name=*) given_name=${1#*=} ;;
      --name)
        given_name=${2:-openclaw}
        [ $# -eq 1 ] || shift
        ;;
      --quiet) ;; # It writes no line for what goes well.
      --log-file)
        [ -n "${2:-}" ] || die 2 'Cannot read the options: "--log-file" lacks its value' "${0##*/} monitor --log-file <file>"
        log_to "$2"
        shift
        ;;
      *) die 2 "Cannot read the options: unknown option \"$1\"" "${0##*/} monitor" ;;
    esac
    shift
  done
  unset_secrets
  hide_environment
  export LC_ALL=C
  # A file that is elsewhere may be called anything.
  case $(cd "$(dirname "$0")" 2>/dev/null && pwd) in
    /usr/local/bin | */.local/bin) choose_name "$given_name" "${0##*/}" ;;
    *) choose_name "$given_name" ;;
  esac
  credentials=$(folder_of_credentials)/credentials.json
  [ -r "$credentials" ] || die 1 "Cannot read \"$credentials\": there is no such file, or it is not this user's" 'run the installer again'
  read_credentials "$credentials" || die 1 "Cannot read \"$credentials\": it holds no credentials" 'run the installer again'
  know_host
  live
}

log_to() { # Appends to the file $1 what would go to standard error.
  umask 077
  (: >>"$1") 2>/dev/null || die 1 "Cannot write \"$1\"" 'look at the disk and its permissions'
  exec 2>>"$1"
  log_file=$1
}

# The agent's life. $now counts the seconds that this process was awake: a shell has no monotonic clock.
live() {
  now=0 interval=60 beat_at=0 refresh_at=0 not_before=0 failures=0 refusals=0 second_chance=no jumped_at=-60 sleeper='' reload=no
  started_at=$(date +%s)
  had_terminal=no
  ! has_terminal || had_terminal=yes
  trap farewell TERM INT
  trap hang_up HUP
  open_ear
  while :; do
    if [ -z "$token" ] || [ "$now" -ge "$refresh_at" ]; then
      measured shake_hands || { after_no_session; continue; }
      if [ "$second_chance" = no ]; then answers_again; fi
      [ "$refusals" -eq 0 ] || say 'the server accepts this agent again'
      refusals=0
      refresh_at=$((now + refresh_in))
      # A renewed session leaves the beats where they were, unless the server has another wish.
      [ "$beat_in" -eq 0 ] && [ "$beat_at" -gt "$now" ] || beat_at=$((now + beat_in))
    fi
    if [ "$now" -ge "$beat_at" ]; then
      measured beat healthy || { after_no_beat; continue; }
      answers_again
      second_chance=no
      beat_at=$((now + beat_in))
    fi
    if [ "$beat_at" -lt "$refresh_at" ]; then pass_until "$beat_at"; else pass_until "$refresh_at"; fi
  done
}

answers_again() {
  [ "$failures" -eq 0 ] || say 'the server answers again'
  failures=0
}

after_no_session() {
  if [ "$status" = 401 ] && raw json && text error && [ "$value" = invalid_credentials ]; then
    [ "$refusals" -gt 0 ] || say "the server refuses this agent: $(what_came); will keep retrying"
    refused_wait=60 count=0
    while [ "$count" -lt "$refusals" ] && [ "$refused_wait" -lt 3600 ]; do
      refused_wait=$((refused_wait * 4)) count=$((count + 1))
    done
    [ "$refused_wait" -le 3600 ] || refused_wait=3600
    refusals=$((refusals + 1))
    failures=0
    token='' beat_at=0
    not_before=$((now + $(random $((refused_wait * 8 / 10)) $((refused_wait * 12 / 10)))))
    pass_until "$not_before"
  else
    outage
  fi
}

after_no_beat() {
  if [ "$status" != 401 ] || ! raw json || ! text error; then outage; return; fi
  case $value in token_missing | token_invalid | token_expired | session_revoked) ;; *) outage; return ;; esac
  token=''
  if [ "$second_chance" = yes ]; then outage; return; fi
  second_chance=yes
  beat_at=0
  most=$interval
  [ "$most" -le 10 ] || most=10
  pass_until $((now + $(random 0 "$most")))
}

outage() {
  [ "$failures" -gt 0 ] || say "no heartbeat: $(what_came); trying again"
  most=$interval
  [ "$most" -le 60 ] || most=60
  least=0
  if [ "$failures" -gt 0 ]; then
    most=300
    case $failures in 1) most=5 ;; 2) most=10 ;; 3) most=20 ;; 4) most=40 ;; 5) most=80 ;; 6) most=160 ;; esac
    least=$(((most + 1) / 2))
  fi
  failures=$((failures + 1))
  outage_wait=$(random "$least" "$most")
  if clamped retry-after 0; then
    value=$(random "$value" $((value + value / 5)))
    not_before=$((now + value))
    [ "$outage_wait" -ge "$value" ] || outage_wait=$value
  fi
  pass_until $((now + outage_wait))
}

measured() { # Runs $@ and counts the time that it took.
  began=$(date +%s)
  if "$@"; then outcome=0; else outcome=1; fi
  took=$(($(date +%s) - began))
  # A wall clock that was set meanwhile says nothing.
  if [ "$took" -gt 0 ] && [ "$took" -le 20 ]; then now=$((now + took)); fi
  return "$outcome"
}

# Waits until the moment $1, in ticks.
pass_until() {
  until=$1
  while [ "$now" -lt "$until" ] && [ "$reload" = no ]; do
    tick=$((until - now))
    [ "$tick" -le 5 ] || tick=5
    sleep "$tick" &
    sleeper=$!
    wait "$sleeper"
    outcome=$?
    [ "$reload" = no ] || kill "$sleeper" 2>/dev/null
    sleeper=''
    [ "$reload" = no ] || break
    [ "$outcome" -eq 0 ] || [ "$outcome" -gt 128 ] || die 1 'Cannot wait: "sleep" fails' 'install "sleep" with the system'\''s package manager'
    now=$((now + tick))
    ahead=$(($(date +%s) - now - started_at))
    started_at=$((started_at + ahead))
    [ "$ahead" -lt 30 ] || woke
  done
  [ "$reload" = no ] || read_again
}

has_terminal() { [ -t 0 ] || [ -t 2 ]; }

hang_up() { # The terminal that this was started from is gone; else the credentials are to be read again.
  if [ "$had_terminal" = yes ] && ! has_terminal; then farewell; fi
  reload=yes
}

read_again() { # The credentials. With them begins another session; the last one ends, if it was another agent's.
  reload=no
  earlier_url=$url earlier_id=$agent_id earlier_secret=$agent_secret
  if [ -r "$credentials" ] && read_credentials "$credentials"; then
    if [ -n "$token" ] && [ "$earlier_url $earlier_id" != "$url $agent_id" ]; then
      new_url=$url url=$earlier_url
      beat stopping 3
      url=$new_url
    fi
    say 'the credentials were read again'
    token='' failures=0 refusals=0 second_chance=no beat_at=$now not_before=$now
  else
    url=$earlier_url agent_id=$earlier_id agent_secret=$earlier_secret
    say "Cannot read \"$credentials\" again: the earlier credentials stay in use"
  fi
  earlier_secret=''
}

# A wall clock that moved on without us was a host asleep: beat now, but not twice in a minute, and not before the
# time that a server was promised. The session has aged meanwhile.
woke() {
  refresh_at=$((refresh_at - ahead))
  soonest=$((jumped_at + 60))
  [ "$soonest" -ge "$now" ] || soonest=$now
  [ "$soonest" -ge "$not_before" ] || soonest=$not_before
  if [ "$until" -gt "$soonest" ] || [ "$beat_at" -gt "$soonest" ]; then jumped_at=$soonest; fi
  [ "$until" -le "$soonest" ] || until=$soonest
  [ "$beat_at" -le "$soonest" ] || beat_at=$soonest
}

farewell() {
  trap '' TERM INT HUP
  [ -z "$sleeper" ] || kill "$sleeper" 2>/dev/null
  hush
  [ -z "$token" ] || beat stopping 3
  exit 0
}

{ agent_main "$@"; }
