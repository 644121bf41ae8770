#!/bin/sh
# Written by openclaw. The agent of a host that has a shell and curl: it shakes hands, beats, says goodbye.
#
# shellcheck disable=SC2015 # "a && b || die" is to die when either fails.
# shellcheck disable=SC2034,SC2154,SC2317,SC2329 # the installer, which holds this file, uses the rest of it.
{ set +xva; log_file=''; }

say() { # Whatever of it is from elsewhere. A log file has no clock of its own beside it.
  if [ -n "$log_file" ]; then printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(plain "$*")" >&2
  else printf '%s\n' "$(plain "$*")" >&2; fi
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

is_ascii() { # Whether $1 has nothing but the printable characters of ASCII: most texts then need no other program.
  case $1 in *[!\ -~]*) return 1 ;; esac
}

# Without what a terminal would act on: C0, DEL, C1, and what turns the direction of writing.
plain() {
  if is_ascii "$1"; then
    printf '%s' "$1"
    return
  fi
  printf '%s' "$1" | LC_ALL=C tr -d '\000-\037\177' |
    LC_ALL=C sed "$(printf 's/\302[\200-\237]/?/g;s/\342\200[\216\217\250-\256]/?/g;s/\342\201[\246-\251]/?/g')"
}

escape() { # In quotes of JSON, of curl's configuration, and of systemd.
  rest=$1
  while :; do
    case $rest in *[\"\\]*) ;; *) break ;; esac
    part=${rest%%[\"\\]*}
    rest=${rest#"$part"}
    printf '%s\\%.1s' "$part" "$rest"
    rest=${rest#?}
  done
  printf '%s' "$rest"
}

# Variables that this program sets, and that the process that started it may have exported: children would inherit them.
unset_secrets() {
  unset agent_secret env_secret baked_agent_secret installed_secret earlier_secret credential token value fields line content rest part
  unset code env_code enrollment_id
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
  # shellcheck disable=SC2046 # sixteen bytes, in hex
  set -- $(od -An -N16 -tx1 /dev/urandom)
  printf '%s%s%s%s-%s%s-4%s%s-a%s%s-' "$1" "$2" "$3" "$4" "$5" "$6" "${7#?}" "$8" "${9#?}" "${10}"
  shift 10
  printf '%s%s%s%s%s%s\n' "$@"
}

folder_of_credentials() {
  config=$HOME/.config
  case ${XDG_CONFIG_HOME:-} in /*) config=$XDG_CONFIG_HOME ;; esac
  [ "$os" != darwin ] || config="$HOME/Library/Application Support"
  printf '%s\n' "$config/$name"
}

# A function of awk: the seconds since 1970 of an RFC 3339 time, or of a date in the three forms of RFC 9110; 0 for
# anything else. Two digits of a year are those of the year that is next to the one of the moment "near".
dates='
    function moment(text, near,   f, n, y, m, d, now) {
      n = split(text, f, /[^A-Za-z0-9]+/)
      if (text ~ /^[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] [0-9][0-9][0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT$/) {
        d = f[2]; m = f[3]; y = f[4]
      } else if (text ~ /^[A-Z][a-z]+day, [0-9][0-9]-[A-Z][a-z][a-z]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] GMT$/) {
        d = f[2]; m = f[3]; now = 1970 + int(near / 31556952); y = now - now % 100 + f[4]
        if (y > now + 50) y -= 100
        if (y < now - 50) y += 100
      } else if (text ~ /^[A-Z][a-z][a-z] [A-Z][a-z][a-z] [ 0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9] [0-9][0-9][0-9][0-9]$/) {
        d = f[3]; m = f[2]; y = f[7]; f[7] = f[6]; f[6] = f[5]; f[5] = f[4]
      } else if (text ~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]/) {
        sub(/T/, " ", text)
        split(text, f, /[^0-9]+/)
        y = f[1]; m = f[2]; d = f[3]; f[7] = f[6]; f[6] = f[5]; f[5] = f[4]
      } else return 0
      if (m ~ /^[A-Z]/) {
        m = index("JanFebMarAprMayJunJulAugSepOctNovDec", m)
        if (m % 3 != 1) return 0
        m = (m + 2) / 3
      }
      if (d < 1 || d > 31) return 0
      y += 0; m += 0
      if (m <= 2) { y--; m += 12 }
      return (365 * y + int(y / 4) - int(y / 100) + int(y / 400) + int((153 * (m - 3) + 2) / 5) + d - 719469) * 86400 + f[5] * 3600 + f[6] * 60 + f[7]
    }'

# Reads JSON, or what curl prints, and prints "name value" lines: curl-code and curl-failure; status, retry-after
# and date of the last reply's head, and its latency in milliseconds; json, if an object and nothing else follows; its
# fields, a string after a quote.
read_reply() {
  LC_ALL=C awk -v head="${1:-1}" -v http="${1:-1}" "$dates"'
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
    function found(path, value) { if (path ~ /^([a-z_.]+|failing\[\])$/) out = out path " " value "\n" }
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
        if (path == "uptimeMs" && c ~ /^[0-9]/) found("uptime", sprintf("%.0f", int(c / 1000)))
        found(path, c ~ /^[a-z]/ ? c : whole(c + 0))
      } else bad = 1
    }
    http && failure == "" && (p = index($0, "curl: (")) { failure = substr($0, p + 6) }
    # What a loader has to say comes before; curl itself begins with the reply.
    http && !begun && !/^HTTP\// && !/^curl [0-9]+$/ { next }
    { begun = 1 }
    head && /^HTTP\// { split($0, word, " "); status = word[2]; late = when = ""; inside = 1; next }
    inside {
      sub(/\r$/, "")
      if ($0 == "") inside = 0
      sub(/[ \t]+$/, "")
      if (tolower($0) ~ /^retry-after:/) { late = $0; sub(/^[^:]*:[ \t]*/, "", late) }
      if (tolower($0) ~ /^date:/) { when = $0; sub(/^[^:]*:[ \t]*/, "", when) }
      next
    }
    http && /^latency [0-9]+\.[0-9]+$/ { latency = sprintf("%.0f", substr($0, 9) * 1000); next }
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
        print "latency " latency
        print "date " (when ~ /^[A-Za-z0-9:, ]+$/ ? when : "")
        if (late !~ /^[0-9]+$/) {
          # The form of RFC 3339 is none of HTTP.
          now = late ~ /^[A-Z]/ && when ~ /^[A-Z]/ ? moment(when, 0) : 0
          late = now ? moment(late, now) - now : 0
        }
        if (late + 0 > 0) print "retry-after " whole(late + 0)
      }
      if (index(t, "\357\273\277") == 1) t = substr(t, 4)
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
request() { hear fetch "$@"; }

hear() { # Runs $@, which prints what came of a request.
  if [ "$ear" = open ]; then
    # Some shells would tell of a curl that was ended.
    "$@" >&3 2>/dev/null &
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
    fields=$("$@" 3>/dev/null; echo .)
  fi
  raw status || value=000
  answered=$value
  raw curl-code || value=2
  curl_code=$value failure=''
  raw latency || value=''
  latency=$value
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

fetch() {
  {
    authorities
    printf 'url = "%s/functions/v1/%s"\n' "$url" "$1"
    if is_direct "$url"; then printf 'noproxy = "*"\n'; fi
    # A proxy may pack what nobody asked it to.
    [ "$unpacks" = no ] || printf 'compressed\nheader = "accept-encoding: identity"\n'
    [ -z "$3" ] || printf 'header = "authorization: Bearer %s"\n' "$3"
    [ -z "$2" ] || printf 'header = "content-type: application/json"\ndata-binary = "%s"\n' \
      "$(escape "$2")"
  } | curl_reply -i --max-time "${4:-15}" ${5:+"$5"}
}

fetch_page() { # The page $1; what it says goes to $2.
  {
    authorities
    printf 'url = "%s"\n' "$(escape "$1")"
    if is_direct "$1"; then printf 'noproxy = "*"\n'; fi
  } | curl_reply -D - -o "$2" -w '\nlatency %{time_starttransfer}' --max-time "$page_seconds"
}

authorities() { # Else SSL_CERT_DIR or CURL_CA_BUNDLE would come first.
  [ -z "${SSL_CERT_FILE:-}" ] || printf 'cacert = "%s"\n' "$(escape "$SSL_CERT_FILE")"
}

# Reads what curl prints with $@ and its configuration on standard input. To the third descriptor goes the number of
# curl's process, so that it can be ended.
curl_reply() {
  {
    /bin/sh -c 'echo "$$" >&3; exec curl "$@"' sh -q -s -S -g -K - --proto '=http,https' \
      -A "openclaw/$version (sh)" "$@" 2>&1
    printf '\ncurl %s\n' "$?"
  } | dd ibs=1 obs=32768 count=32768 2>/dev/null | read_reply
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

client_text() { # What the service is told of this host.
  printf '%s' "{\"version\":\"$version\",\"hostname\":\"$host_name\",\"os\":\"${os:-unknown}\",\"arch\":\"${arch:-unknown}\"}"
}

# Buys a session. Sets $token, $interval, $refresh_in and $beat_in, or none of them.
shake_hands() {
  credential="\"agent_id\":\"$agent_id\",\"agent_secret\":\"$agent_secret\""
  request handshake "{$credential,\"instance_id\":\"$instance_id\",\"client\":$(client_text)}" ''
  credential=''
  ours 200 || return 1
  clamped refresh_in 1 && new_refresh=$value || return 1
  clamped heartbeat_interval_seconds 1 && new_interval=$value || return 1
  clamped next_heartbeat_in 0 && new_beat=$value || return 1
  text token || return 1
  case $value in *[!A-Za-z0-9_.-]* | '') return 1 ;; esac
  token=$value refresh_in=$new_refresh interval=$new_interval beat_in=$new_beat
}

# Sends one heartbeat with the status $1, waiting at most $2 seconds, with $message and $metrics. Sets $beat_in and
# $interval.
beat() { # $1 is the status, $2 the seconds for it, and $3 after how many an agent that stops means to be back.
  seq=$((seq + 1))
  body="\"status\":\"$1\",\"seq\":$seq,\"instance_id\":\"$instance_id\""
  [ -z "$metrics" ] || body="$body,\"metrics\":{$metrics}"
  [ -z "$message" ] || body="$body,\"message\":\"$(escape "$message")\""
  [ -z "${3:-}" ] || body="$body,\"back_in_seconds\":$3"
  request heartbeat "{$body}" "$token" "${2:-15}"
  ours 200 && raw ok && [ "$value" = true ] && clamped next_heartbeat_in 1 || return 1
  beat_in=$value
  if clamped heartbeat_interval_seconds 1; then interval=$value; fi
}

# Looks at the host and at what is watched. Sets $health, $message and $metrics.
observe() {
  health=healthy message='' metrics=''
  measure_host
  [ -z "$gateway_port" ] || watch_gateway
  [ -z "$probe_url" ] || probe_page
  [ -z "$message" ] || message=$(printf '%s' "$message" | LC_ALL=C tr -c '\040-\176' '?' | cut -c 1-500)
}

measure_host() {
  load='' up=''
  if [ -r /proc/loadavg ] && [ -r /proc/uptime ]; then
    read -r load value </proc/loadavg
    read -r up value </proc/uptime
  elif [ "$os" = darwin ]; then
    load=$(sysctl -n vm.loadavg 2>/dev/null | awk '{ print $2 }')
    up=$(sysctl -n kern.boottime 2>/dev/null | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    if whole "$up" || [ "${#up}" -eq 10 ]; then up=$(($(date +%s) - up)); fi
  fi
  metric load_1m "$load"
  metric uptime_seconds "${up%%.*}"
}

metric() { # What is not a number is left out.
  case $2 in '' | *[!0-9.]* | .* | *. | *.*.*) return 0 ;; esac
  metrics="$metrics${metrics:+,}\"$1\":$2"
}

judged() { # The status $1 and the message $2: the worst status counts, and every message.
  case $1/$health in unhealthy/* | degraded/healthy) health=$1 ;; esac
  [ -z "$2" ] || message="$message${message:+; }$2"
}

why_silent() {
  if [ "$curl_code" -eq 28 ]; then printf '%s\n' "did not answer within $page_seconds s"
  else printf 'cannot be reached\n'; fi
}

probe_page() {
  hear fetch_page "$probe_url" /dev/null
  case $answered in
    000) judged unhealthy "the probe $(why_silent)" ;;
    2??) ;;
    *) judged degraded "the probe answered $answered" ;;
  esac
  [ "$answered" = 000 ] || metric latency_ms "$latency"
}

# The AI gateway that npm calls openclaw: only one that says that it is ready is healthy.
watch_gateway() {
  hear fetch_page "http://127.0.0.1:$gateway_port/readyz" -
  if [ "$answered" = 000 ]; then judged unhealthy "the gateway $(why_silent)"; return; fi
  raw json && raw ready || value=''
  case $value in
    true | false) ready=$value/$answered ;;
    *) judged unhealthy "what answers at port $gateway_port (status $answered) is not the gateway"; return ;;
  esac
  failing=$(printf '%s\n' "$fields" | awk 'sub(/^failing\[\] "/, "") { printf "%s%s", n++ ? ", " : ": ", $0 }')
  # A page that is probed has the latency.
  [ -n "$probe_url" ] || metric latency_ms "$latency"
  raw uptime || value=''
  up=$value
  hear fetch_page "http://127.0.0.1:$gateway_port/startupz" -
  if [ -z "$up" ] && raw uptime; then up=$value; fi
  metric gateway_uptime_seconds "$up"
  raw json && text version || value=''
  gateway="the gateway${value:+ $(printf '%s' "$value" | cut -c 1-40)}"
  if [ "$ready" = true/200 ]; then judged healthy "$gateway is ready"
  else judged unhealthy "$gateway is not ready$failing"; fi
}

is_page() { # Whether $1 is an address of a page, without a password in it.
  case $1 in http://[!/]* | https://[!/]*) ;; *) return 1 ;; esac
  case $1 in *[![:graph:]]* | *[\"\\]*) return 1 ;; esac
  authority=${1#*://}
  case ${authority%%[/?#]*} in *@*) return 1 ;; esac
}

gateway_of() { # Leaves in $gateway_port the port that $1 names: "openclaw", or "openclaw:" and a port.
  case $1 in
    openclaw) gateway_port=18789 ;;
    openclaw:[1-9]*)
      gateway_port=${1#openclaw:}
      whole "$gateway_port" && [ "$gateway_port" -le 65535 ]
      ;;
    *) return 1 ;;
  esac
}

check_watch() { # $1 is what to watch, $2 the page to probe; either may be empty.
  gateway_port=''
  [ -z "$1" ] || gateway_of "$1" ||
    die 2 "Cannot watch \"$(plain "$1")\": openclaw or openclaw:<port> is expected" '--watch openclaw'
  [ -z "$2" ] || is_page "$2" ||
    die 2 'Cannot use the address of --probe-url: one like http://127.0.0.1:8080/health is expected' '--probe-url http://127.0.0.1:8080/health'
  probe_url=$2
}

check_back_in() { # Leaves in $back_in the seconds that $1 names, which may be empty.
  back_in=$1
  while :; do case $back_in in 0?*) back_in=${back_in#0} ;; *) break ;; esac; done
  case ${#1}/$back_in in 0/) return ;; [1-6]/*[!0-9]*) ;; [1-6]/*) [ "$back_in" -lt 1 ] || [ "$back_in" -gt 604800 ] || return 0 ;; esac
  die 2 "Cannot use \"$(plain "$1")\" for OPENCLAW_BACK_IN: a whole number of seconds from 1 to 604800 is expected" 'OPENCLAW_BACK_IN=120'
}

know_host() {
  # shellcheck disable=SC2046 # the system, the host's name and the machine
  set -- $(uname -snm)
  case ${1:-} in Linux) os=linux ;; Darwin) os=darwin ;; *) os='' ;; esac
  case ${3:-} in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    armv6l | armv7l | i686 | i386 | riscv64 | ppc64le | s390x) arch=$3 ;;
    *) arch='' ;;
  esac
  host_name=${2:-}
  case $host_name in *[!A-Za-z0-9._-]*) host_name=$(printf '%s' "$host_name" | LC_ALL=C tr -c 'A-Za-z0-9._-' '-') ;; esac
  host_name=$(printf '%.255s' "$host_name")
  host_name=${host_name:-unknown}
  instance_id=$(uuid)
  case $(curl -q -V 2>/dev/null) in *libz*) unpacks=yes ;; *) unpacks=no ;; esac
  seq=0 token='' ear='' asking='' message='' metrics='' page_seconds=5
}

# Reads url, agent_id and agent_secret from the file $1, which another user may have put there.
read_credentials() {
  [ -f "$1" ] || return 1
  fields=$(read_reply 0 <"$1"; echo .)
  text url || return 1
  url=$value
  text agent_id || return 1
  agent_id=$value
  text agent_secret || return 1
  agent_secret=$value
  # All that RFC 3986 lets stand in a URL: neither a quote of curl's configuration nor what a terminal acts on.
  case $url in *[!]A-Za-z0-9:/._~%!\$\&\'\(\)*+,\;=[-]*) return 1 ;; https://?* | http://?*) ;; *) return 1 ;; esac
  case $agent_id in *[!0-9a-f-]* | '') return 1 ;; esac
  case $agent_secret in *[!A-Za-z0-9_-]* | '') return 1 ;; esac
}

agent_main() {
  version='0.1.0'
  export LC_ALL=C
  command=${1:-} quiet=no once=no log='' given_name='' watched='' probed=''
  case $command in
    monitor | status) shift ;;
    --help | -h | --version) ;;
    *) die 2 'Cannot run: this agent has the commands "monitor" and "status" only' "${0##*/} --help" ;;
  esac
  read_options "$@"
  case $command in
    --help | -h) agent_usage; return ;;
    --version) printf '%s\n' "$version"; return ;;
  esac
  check_watch "$watched" "$probed"
  [ "$command" = status ] || check_back_in "${OPENCLAW_BACK_IN:-}"
  [ -z "$log" ] || log_to "$log"
  unset_secrets
  hide_environment
  # A file that is elsewhere may be called anything.
  case $(cd "$(dirname "$0")" 2>/dev/null && pwd) in
    /usr/local/bin | */.local/bin) choose_name "$given_name" "${0##*/}" ;;
    *) choose_name "$given_name" ;;
  esac
  know_host
  credentials=$(folder_of_credentials)/credentials.json
  [ -r "$credentials" ] || die 1 "Cannot read \"$credentials\": there is no such file, or it is not this user's" 'run the installer again'
  read_credentials "$credentials" || die 1 "Cannot read \"$credentials\": it holds no credentials" 'run the installer again'
  case $command/$once in
    status/*) show_status ;;
    */yes) beat_once ;;
    *) live ;;
  esac
}

agent_usage() {
  printf '%s\n' 'The openclaw agent of this host: it shakes hands, and sends heartbeats until it is told to stop.' '' \
    "Usage: ${0##*/} monitor [options]" "       ${0##*/} status" '' \
    '  --watch <program>   openclaw or openclaw:<port>: unhealthy unless the AI gateway of' \
    '                      that name on this host is ready' \
    '  --probe-url <url>   get this page before each beat: latency_ms, and degraded unless 2xx' \
    '  --once              one beat, then end' \
    '  --quiet             say only what is wrong' \
    '  --log-file <file>   write the lines to this file' \
    '  --help              print this' \
    '  --version           print the version' '' \
    'OPENCLAW_BACK_IN=<seconds> in the environment: when it is to be back, as a stop says it' '' \
    'Exit codes: 0 done, 1 failed or not online, 2 usage, 3 refused credentials, 6 unreachable'
}

read_options() {
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $command/$option in
      */--help | */-h | --*/--version) command=$option; continue ;;
      monitor/--quiet) quiet=yes; continue ;;
      */--name | */--name=*)
        given_name=${option#--name}
        given_name=${given_name#=}
        if [ "$option" = --name ] && [ $# -gt 0 ]; then
          given_name=$1
          shift
        fi
        [ -n "$given_name" ] || given_name=openclaw
        continue
        ;;
      monitor/--once) once=yes; continue ;;
      monitor/--log-file | monitor/--watch | monitor/--probe-url)
        [ -n "${1:-}" ] || die 2 "Cannot read the options: \"$option\" lacks its value" "${0##*/} --help"
        value=$1
        shift
        ;;
      monitor/--log-file=?* | monitor/--watch=?* | monitor/--probe-url=?*) value=${option#*=} ;;
      *) die 2 "Cannot read the options: unknown option \"$(plain "$option")\"" "${0##*/} --help" ;;
    esac
    case $option in
      --log-file*) log=$value ;;
      --watch*) watched=$value ;;
      --probe-url*) probed=$value ;;
    esac
  done
}

tell() { [ "$quiet" = yes ] || say "$@"; }

beat_once() {
  shake_hands || not_done 'shake hands with'
  observe
  beat "$health" || not_done 'send a heartbeat to'
}

not_done() {
  [ "$status" != 401 ] || ! raw json || die 3 "Cannot $1 $url: $(what_came)" 'ask the operator of the server'
  die 6 "Cannot $1 $url: $(what_came)" 'check the URL, the network and the proxy'
}

show_status() { # Ends with 0 if the server calls the agent online.
  shake_hands || not_done 'shake hands with'
  text agent.name || value=''
  printf 'agent     %s (%s)\nserver    %s\n' "$(plain "$value")" "$agent_id" "$url"
  request heartbeat '' "$token"
  ours 200 && text agent.liveness || not_done 'see the agent at'
  liveness=$(plain "$value")
  text agent.last_seen_at || value=never
  printf 'liveness  %s\nlast beat %s, wanted every %s s\n' "$liveness" "$(plain "$value")" "$interval"
  [ "$liveness" = online ]
}

log_to() { # Appends to the file $1 what would go to standard error.
  umask 077
  ! is_planted "$1" || die 1 "Cannot write \"$1\": it is a link in a folder of another user" 'name another file'
  (: >>"$1") 2>/dev/null || die 1 "Cannot write \"$1\"" 'look at the disk and its permissions'
  exec 2>>"$1"
  log_file=$1
}

# Whether another user may have put $1 there for this one to write through: a link, or a second name of a file.
is_planted() {
  [ -e "$1" ] || [ -h "$1" ] || return 1
  # shellcheck disable=SC2012,SC2046 # the owner of the folder, and the mode, number of names and owner of what is there
  set -- $(ls -ldn "$(dirname "$1")/." | awk '{ print $3 }') $(ls -ldn "$1" | awk '{ print $1, $2, $3 }')
  case $2/$3 in
    l*) set -- "$1" "$4" ;;
    -*/1) return 1 ;;
    -*) set -- "$1" ;;
    *) return 1 ;;
  esac
  for owner in "$@"; do case $owner in 0 | "$(id -u)") ;; *) return 0 ;; esac; done
  return 1
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
  told_health=healthy
  tell "watching over agent $agent_id at $url"
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
      measured observe
      tell_health
      measured beat "$health" || { after_no_beat; continue; }
      answers_again
      second_chance=no
      beat_at=$((now + beat_in))
    fi
    if [ "$beat_at" -lt "$refresh_at" ]; then pass_until "$beat_at"; else pass_until "$refresh_at"; fi
  done
}

tell_health() { # Where the host is, too, and not at every beat.
  [ "$health" != "$told_health" ] || return 0
  told_health=$health
  if [ "$health" = healthy ]; then tell "the host is healthy${message:+: $message}"
  else say "the host is $health${message:+: $message}"; fi
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
  what='no heartbeat'
  if raw json && text error && [ "$value" = invalid_request ]; then what='the server does not take what this agent sends'; fi
  [ "$failures" -gt 0 ] || say "$what: $(what_came); trying again"
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
      new_url=$url url=$earlier_url message='' metrics=''
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
  message='' metrics=''
  [ -z "$token" ] || beat stopping 3 "$back_in"
  exit 0
}

{ agent_main "$@"; }
