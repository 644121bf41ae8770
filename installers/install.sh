#!/bin/sh
# Installs the openclaw agent on a host that has a shell and curl. "sh install.sh --help" tells how.
#
# Nothing here runs before the last line has arrived, so a download that was cut off does nothing: but for "set", all of
# it is one group of commands, which a shell reads to its end before it runs any of them. The secret travels through
# builtins and pipes only: never an argument, a trace, a file that others can read.
# shellcheck disable=SC2015 # "a && b || die" is to die when either fails.
# shellcheck disable=SC2034,SC2154 # what the two parts share is set in one and read in the other.
{ set +xva; }
{

values() { # What a release, or the service, writes into a copy of this file.
  version='0.1.0'
  baked_url=''
  baked_agent_id=''
  baked_agent_secret=''
  binary_folder=''
  binary_sums=''
}

names() { # Every name that this host sees, from the one word $name.
  unit=$name.service label=dev.openclaw.agent
  [ "$name" = openclaw-agent ] || label=dev.openclaw.agent.$name
  # The state folder is given to the service's user, and root believes no manifest that another user may write.
  system_manifest=/usr/local/lib/$name/install.json system_program=/usr/local/bin/$name
  system_state=/var/lib/$name private_state=/var/lib/private/$name root_state="/var/root/Library/Application Support/$name"
  user_program=$HOME/.local/bin/$name
  # The second name, beside the program: ours only as a link to it.
  short=openclaw
}

# The agent, and what the installer shares with it: kept as text, so that the one can write down the other.
agent_source() {
  # Builtins only: nothing may be started that would inherit the environment as it is.
  while IFS= read -r line; do printf '%s\n' "$line"; done <<'END_OF_AGENT'
@agents/agent.sh@
END_OF_AGENT
}

usage() {
  cat <<'END_OF_USAGE'
Installs the openclaw agent on this host, and shakes hands with its server.

Usage: install.sh [options]

@texts/usage.txt@
END_OF_USAGE
}

read_environment() { # And keeps it from every process that is started from here.
  env_url=${OPENCLAW_URL:-} env_id=${OPENCLAW_AGENT_ID:-} env_secret=${OPENCLAW_AGENT_SECRET:-} env_secret_file=${OPENCLAW_AGENT_SECRET_FILE:-}
  env_code=${OPENCLAW_ENROLLMENT_CODE:-} env_code_file=${OPENCLAW_ENROLLMENT_CODE_FILE:-}
  hide_environment
}

read_arguments() {
  flag_url='' flag_id='' flag_secret_file='' flag_code_file='' binary='' binary_url='' sha256='' mode=install
  flag_name='' second_name=ask script_agent=no service_wanted=yes dry_run=no yes=no
  # With a dash before it, what is given: an empty one takes away what an earlier installation has.
  flag_watch='' flag_probe_url='' flag_status_command='' flag_metrics_command=''
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
      --url | --agent-id | --agent-secret-file | --enrollment-code-file | --binary | --binary-url | --sha256 | --name | \
        --watch | --probe-url | --status-command | --metrics-command)
        [ $# -gt 0 ] || die 2 "Cannot read the options: \"$option\" lacks its value" '--help'
        argument=$1
        shift
        ;;
      --url=* | --agent-id=* | --agent-secret-file=* | --enrollment-code-file=* | --binary=* | --binary-url=* | --sha256=* | --name=* | \
        --watch=* | --probe-url=* | --status-command=* | --metrics-command=*)
        argument=${option#*=}
        option=${option%%=*}
        ;;
    esac
    case $option in
      --url) flag_url=$argument ;;
      --agent-id) flag_id=$argument ;;
      --agent-secret-file) flag_secret_file=$argument ;;
      --enrollment-code-file) flag_code_file=$argument ;;
      --binary) binary=$argument ;;
      --binary-url) binary_url=$argument ;;
      --sha256) sha256=$argument ;;
      --name) flag_name=${argument:-openclaw} ;;
      --second-name) second_name=yes ;;
      --no-second-name) second_name=no ;;
      --watch) flag_watch=-$argument ;;
      --probe-url) flag_probe_url=-$argument ;;
      --status-command) flag_status_command=-$argument ;;
      --metrics-command) flag_metrics_command=-$argument ;;
      --script-agent) script_agent=yes ;;
      --no-service) service_wanted=no ;;
      --uninstall) mode=uninstall ;;
      --dry-run) dry_run=yes ;;
      --yes) yes=yes ;;
      --help) mode=help ;;
      --version) mode=version ;;
      *) die 2 "Cannot read the options: unknown option \"$option\"" '--help' ;;
    esac
  done
  case $script_agent$binary$binary_url in
    no | yes) ;;
    yes*) die 2 'Cannot install two agents: --script-agent excludes --binary and --binary-url' '--help' ;;
  esac
  [ -z "$binary" ] || [ -z "$binary_url" ] || die 2 'Cannot install two agents: --binary excludes --binary-url' '--help'
  case $sha256 in *[!0-9a-fA-F]*) value=bad ;; *) value=${#sha256} ;; esac
  case $value in 0 | 64) ;; *) die 2 'Cannot read "--sha256": 64 hexadecimal digits are expected' '--help' ;; esac
  in_lower_case "$sha256"
  sha256=$value
  check_watch "${flag_watch#-}" "${flag_probe_url#-}"
  case $flag_status_command$flag_metrics_command in
    *[[:cntrl:]]*) die 2 'Cannot keep a command for the service: it has a control character' '--status-command /usr/local/bin/check' ;;
  esac
}

in_lower_case() { # Leaves $1, which is in hex, in $value.
  value=$1
  case $value in *[A-F]*) value=$(printf '%s' "$value" | tr 'A-F' 'a-f') ;; esac
}

# What the small agent watches: what is asked for now, else what the service that is there has.
choose_watched() {
  watch=${flag_watch#-} probe_url=${flag_probe_url#-}
  [ "$kind" = script ] || return 0
  case $flag_status_command$flag_metrics_command in
    *[!-]*) die 2 'Cannot keep a command for the small agent: it knows --watch and --probe-url only' 'install the program: --binary <file>' ;;
  esac
  for option in status-command metrics-command rotate-every progress-file back-in; do
    [ -z "$(option_before "$option")" ] || say "warning: the small agent has no --$option, which the service that is there has"
  done
  [ -n "$flag_watch" ] || watch=$(option_before watch)
  [ -n "$flag_probe_url" ] || probe_url=$(option_before probe-url)
  check_watch "$watch" "$probe_url"
}

option_before() { # The option --$1 in the service's definition, if it is ours.
  [ -n "$service_file" ] && is_ours "$service_file" || return 0
  sed -n "s/^ExecStart=.* \"--$1=\([^\"]*\)\".*/\1/p;s/^ *<string>--$1=\([^<]*\)<\/string>\$/\1/p" "$service_file" |
    if [ "$service" = launchd ]; then sed 's/&lt;/</g;s/&gt;/>/g;s/&amp;/\&/g'; else sed 's/%%/%/g;s/\$\$/$/g'; fi
}

options() { # What the small agent is started with, a line each.
  [ -z "$watch" ] || printf '%s\n' "--watch=$watch"
  [ -z "$probe_url" ] || printf '%s\n' "--probe-url=$probe_url"
}

need() { # Said without the tools that make a message plain: one of them may be the one that is missing.
  command -v "$1" >/dev/null 2>&1 && return
  printf 'error: Cannot install: "%s" is missing\nhint: install "%s" with the system'\''s package manager\n' "$1" "$1" >&2
  exit 1
}

check_tools() {
  # A printf that is a program of its own would show the secret in the list of processes.
  case $(command -v printf) in /*) die 1 'Cannot install: "printf" is no builtin of this shell' 'run it with bash or dash' ;; esac
  for tool in awk cat chmod chown cmp cp curl cut date dd dirname grep head id ln ls mkdir mv od rm rmdir sed sleep sort tr uname; do
    need "$tool"
  done
  hash_tool=''
  for tool in sha256sum shasum; do
    [ -n "$hash_tool" ] || ! command -v "$tool" >/dev/null 2>&1 || hash_tool=$tool
  done
  [ -n "$hash_tool" ] || die 1 'Cannot install: "sha256sum" is missing' 'install "sha256sum" with the system'\''s package manager'
}

# The SHA-256 of what comes on standard input, in hex.
hash() {
  if [ "$hash_tool" = sha256sum ]; then sha256sum; else shasum -a 256; fi | { read -r digest rest; printf '%s\n' "$digest"; }
}

check_platform() {
  know_host
  own_id=$(id -u)
  if [ -z "$os" ] || [ -z "$arch" ]; then
    die 1 "Cannot install: the platform \"$(uname -s) $(uname -m)\" is not known" 'report it with the output of "uname -a"'
  fi
  # As the files of a release are named.
  case $arch in x86_64) platform=$os-x64 ;; aarch64) platform=$os-arm64 ;; *) platform=$os-$arch ;; esac
}

know_libc() { # Completes $platform, which only a program of a release needs.
  [ "$os" = linux ] || return 0
  case $(ldd --version 2>&1) in *musl*) platform=$os-musl-${platform#*-} ;; esac
}

check_home() {
  case ${HOME:-} in /*) ;; *) die 2 'Cannot install: HOME is not an absolute path' 'set HOME to the home folder of this user' ;; esac
  for folder in HOME XDG_CONFIG_HOME XDG_STATE_HOME; do
    eval "value=\${$folder:-}"
    case $value in *[[:cntrl:]]*) die 2 "Cannot install: $folder has a control character" "set $folder to a folder of this user" ;; esac
  done
  for folder in "$HOME" "${XDG_CONFIG_HOME:-}"; do
    is_utf8 "$folder" || die 2 "Cannot install into \"$folder\": a path in UTF-8 is expected" 'set HOME to the home folder of this user'
  done

  for name in HOME XDG_CONFIG_HOME XDG_STATE_HOME; do
    eval "value=\${$name:-}"
    case $value in
      /*)
        real "$value"
        eval "$name=\$value"
        ;;
    esac
  done
}

real() { # Leaves the one spelling of the path $1 in $value: without links, "//" and a "/" at its end.
  value=$1 rest=''
  while :; do
    while :; do case $value in ?*/) value=${value%/} ;; //*) value=${value#/} ;; *) break ;; esac; done
    [ ! -d "$value" ] || break
    rest=/${value##*/}$rest
    value=${value%/*}/
  done
  folder=$(cd -P "$value" 2>/dev/null && pwd -P) && value=$folder
  while :; do case $value in //*) value=${value#/} ;; *) break ;; esac; done
  value=${value%/}$rest
  value=${value:-/}
}

is_utf8() { # Whether nothing but ASCII is left of $1 once every sequence of UTF-8 is out of it.
  is_ascii "$1" || ! printf '%s\n' "$1" |
    sed "$(printf 's/[\302-\337][\200-\277]/./g;s/\340[\240-\277][\200-\277]/./g;s/\355[\200-\237][\200-\277]/./g
      s/[\341-\354\356\357][\200-\277][\200-\277]/./g;s/\360[\220-\277][\200-\277][\200-\277]/./g
      s/[\361-\363][\200-\277][\200-\277][\200-\277]/./g;s/\364[\200-\217][\200-\277][\200-\277]/./g')" |
    grep "$(printf '[\200-\377]')" >/dev/null
}

# Where everything goes. Root's service is that of the whole system.
choose_places() {
  service=none
  if [ "$os" = linux ] && [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; then
    if [ "$own_id" -eq 0 ]; then service=systemd-system
    elif systemctl --user show-environment >/dev/null 2>&1; then service=systemd-user; fi
  elif [ "$os" = darwin ] && command -v launchctl >/dev/null 2>&1; then
    service=launchd
  fi
  manager=$service
  [ "$service_wanted" = yes ] || service=none
  at_user_places
  # An installation of the whole system stays one, whatever is asked for now.
  case $manager/$own_id in
    systemd-system/* | launchd/0) [ "$service" = none ] && [ ! -e "$system_manifest" ] || at_system_places ;;
  esac
  place_service "$service"
}

at_system_places() {
  system=yes manifest=$system_manifest program=$system_program state=$system_state
  [ "$os" = linux ] || state=$root_state
  credentials=$state/credentials.json session=$state/session.json enrollment=$state/enrollment-id second=${program%/*}/$short
}

at_user_places() {
  system=no program=$user_program state=$(folder_of_credentials)
  manifest=$state/install.json credentials=$state/credentials.json session=$state/session.json enrollment=$state/enrollment-id
  [ "$os" != linux ] || session=$(state_home)/$name/session.json
  second=${program%/*}/$short
}

state_home() { # The XDG Base Directory Specification has a relative path passed over.
  case ${XDG_STATE_HOME:-} in /*) printf '%s\n' "$XDG_STATE_HOME" ;; *) printf '%s\n' "$HOME/.local/state" ;; esac
}

# A second installation, or a service left behind, would be a surprise.
check_kind() {
  [ ! -e "$manifest" ] && [ ! -h "$manifest" ] || check_readable
  value=$(folder_of_credentials)
  [ "$state" = "$value" ] || [ ! -e "$value/install.json" ] ||
    die 5 'Cannot install: this user has an installation without a service of the system' 'remove it first: --uninstall --no-service'
  earlier=$(manifest_field service)
  case $earlier in '' | none | "$service") ;; *) die 5 "Cannot install: the installation that is there has the service \"$(plain "$earlier")\"" 'remove it first: --uninstall' ;; esac
}

manifest_field() {
  [ ! -f "$manifest" ] || sed -n "s/^  \"$1\": \"\(.*\)\",\$/\1/p" "$manifest"
}

place_service() {
  service_file='' scope=''
  [ "$system" = yes ] || scope=--user
  case $1 in
    systemd-system) service_file=/etc/systemd/system/$unit ;;
    systemd-user) service_file=${state%/*}/systemd/user/$unit ;;
    launchd)
      service_file=$HOME/Library/LaunchAgents/$label.plist
      [ "$own_id" -ne 0 ] || service_file=/Library/LaunchDaemons/$label.plist
      ;;
  esac
}

check_url() { # Leaves $1 in $value, without what follows the host that we add ourselves.
  value=$1
  while :; do
    case $value in
      */) value=${value%/} ;;
      */functions/v1) value=${value%/functions/v1} ;;
      *) break ;;
    esac
  done
  # Refused: all but what RFC 3986 lets stand in a URL, and a user, a query and a fragment.
  case $value in *[!]A-Za-z0-9:/._~%!\$\&\'\(\)*+,\;=[-]*) return 1 ;; esac
  case $value in
    https://[A-Za-z0-9]* | https://\[*) ;;
    http://*) is_loopback "$value" || return 1 ;;
    *) return 1 ;;
  esac
  authority=${value#*://} port=''
  authority=${authority%%/*}
  case $authority in
    \[*\] | \[*\]:*)
      port=${authority#*\]}
      authority=${authority#?}
      case ${authority%%\]*} in '' | *[!0-9A-Fa-f:.]*) return 1 ;; esac
      ;;
    *[][]*) return 1 ;;
    *:*) port=:${authority#*:} ;;
  esac
  case ${port#:} in *[!0-9]* | ??????*) return 1 ;; esac
}

# Id and secret, or a code in their place, come from one layer together: flags, environment, this file, or what is
# installed already.
choose_credentials() {
  installed_url='' installed_id='' installed_secret='' newer_id='' newer_secret=''
  if [ -e "$credentials" ]; then
    read_credentials "$credentials" || die 5 "Cannot install: \"$credentials\" is there and holds no credentials" 'move it away'
    installed_url=$url installed_id=$agent_id installed_secret=$agent_secret
    # A program that was ended in the middle of a rotation leaves two identities: the server may take either.
    if text next_agent_id && is_uuid "$value"; then
      newer_id=$value
      text next_agent_secret && is_secret "$value" && newer_secret=$value || newer_id=''
    fi
  fi
  agent_id='' agent_secret='' code='' code_file=''
  if [ -n "$flag_id$flag_secret_file$flag_code_file" ]; then
    need_one "$flag_id$flag_secret_file" "$flag_code_file" '--agent-id and --agent-secret-file' '--enrollment-code-file'
    agent_id=$flag_id code_file=$flag_code_file
    [ -z "$flag_secret_file" ] || { read_line "$flag_secret_file" secret; agent_secret=$value; }
    [ -n "$code_file" ] || need_pair '--agent-id and --agent-secret-file'
  elif [ -n "$env_id$env_secret$env_secret_file$env_code$env_code_file" ]; then
    need_one "$env_id$env_secret$env_secret_file" "$env_code$env_code_file" 'OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET' OPENCLAW_ENROLLMENT_CODE
    need_no_file "$env_secret" "$env_secret_file" secret OPENCLAW_AGENT_SECRET
    need_no_file "$env_code" "$env_code_file" code OPENCLAW_ENROLLMENT_CODE
    agent_id=$env_id agent_secret=$env_secret code=$env_code code_file=$env_code_file
    [ -z "$env_secret_file" ] || { read_line "$env_secret_file" secret; agent_secret=$value; }
    [ -n "$code$code_file" ] || need_pair 'OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET'
  elif [ -n "$baked_agent_id" ]; then
    agent_id=$baked_agent_id agent_secret=$baked_agent_secret
  elif [ -n "$installed_id" ]; then
    agent_id=$installed_id agent_secret=$installed_secret
  else
    die 2 'Cannot install: no agent is named' 'give --url, --agent-id and --agent-secret-file, or OPENCLAW_URL, OPENCLAW_AGENT_ID and OPENCLAW_AGENT_SECRET, or --enrollment-code-file'
  fi
  env_secret='' baked_agent_secret='' env_code=''
  if [ -n "$code$code_file" ] && [ -n "$installed_id" ]; then
    say "this host is enrolled already, as the agent $installed_id: the enrollment code is not used"
    code='' code_file='' agent_id=$installed_id agent_secret=$installed_secret
  fi
  url=${flag_url:-${env_url:-${baked_url:-$installed_url}}}
  [ -n "$url" ] || die 2 'Cannot install: no server is named' 'give --url or OPENCLAW_URL'
  check_url "$url" || die 2 'Cannot use the URL: it is neither https nor a loopback address' '--url https://fleet.example.com'
  url=$value
  [ -z "$code_file" ] || { read_line "$code_file" code; code=$value; }
  if [ -n "$code" ]; then check_code; else check_identity; fi
}

need_pair() {
  [ -n "$agent_id" ] && [ -n "$agent_secret" ] ||
    die 2 "Cannot install: $1 are given together" 'give both, or neither'
}

need_one() { # $1 is what a layer has of an agent, and $2 of a code.
  [ -z "$1" ] || [ -z "$2" ] || die 2 "Cannot tell which agent this is: both $4 and $3 are given" 'give an agent, or a code'
}

need_no_file() {
  [ -z "$1" ] || [ -z "$2" ] || die 2 "Cannot tell which $3 to use: both $4_FILE and $4 are given" "unset $4"
}

read_line() { # Leaves in $value the first line of the file $1, which holds the $2; of standard input for a dash.
  value='' hint="name a file that holds the $2"
  if [ "$1" = - ] && [ "$2" = code ]; then
    [ ! -t 0 ] || die 2 'Cannot read the code from standard input: it is a terminal, which would show it' "$hint"
    IFS= read -r value || :
    trim "$value"
    [ -n "$value" ] || die 2 'Cannot read the code from standard input: it is empty' "$hint"
    return
  fi
  [ -e "$1" ] || die 4 "Cannot read \"$1\": there is no such file" "$hint"
  [ -r "$1" ] || die 3 "Cannot read \"$1\": this user may not read it" "$hint"
  [ "$2" != code ] || case $(ls -ldL "$1") in
    -???------*) ;;
    -*) say "warning: \"$1\" is open to other users: chmod 600 it" ;;
  esac
  { IFS= read -r value <"$1"; } 2>/dev/null || :
  trim "$value"
  [ -n "$value" ] || die 2 "Cannot read \"$1\": it is empty" "$hint"
}

trim() { # Leaves $1 in $value, without white space around it and the mark that Windows' editors put before UTF-8.
  value=${1#"$(printf '\357\273\277')"}
  while :; do
    case $value in
      [[:space:]]*) value=${value#?} ;;
      *[[:space:]]) value=${value%?} ;;
      *) break ;;
    esac
  done
}

check_identity() {
  trim "$agent_secret"
  agent_secret=$value
  trim "$agent_id"
  in_lower_case "$value"
  agent_id=$value
  is_uuid "$agent_id" || die 2 'Cannot use the agent id: it is not a UUID' '--agent-id 00000000-0000-4000-8000-000000000000'
  check_form "$agent_secret" ocs 'agent secret' secret
}

is_uuid() {
  x4='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
  # shellcheck disable=SC2254 # they are patterns
  case $1 in $x4$x4-$x4-$x4-$x4-$x4$x4$x4) ;; *) return 1 ;; esac
}

check_code() {
  trim "$code"
  code=$value
  check_form "$code" oce 'enrollment code' code
}

check_form() { # Whether $1 is built as a secret is, after the prefix $2. It is called $3, and in short $4.
  [ "${#1}" -eq 54 ] ||
    die 2 "Cannot use the $3: it has ${#1} characters, a $4 has 54" 'copy it whole'
  case $1 in
    "$2"_*[!A-Za-z0-9_-]*) value=bad ;;
    "$2"_???????????????????????????????????????????_??????) value=good ;;
    *) value=bad ;;
  esac
  [ "$value" = good ] || die 2 "Cannot use the $3: it is not of the form \"$2_..._...\"" 'copy it whole'
  value=$(printf '%s' "${1%???????}" | hash)
  value=$(printf '%.8s\n' "$value" | base64url)
  [ "${1#????????????????????????????????????????????????}" = "$value" ] ||
    die 2 "Cannot use the $3: its checksum does not fit: it was mistyped or cut" 'copy it whole'
}

base64url() { # Prints so what comes on standard input in hex.
  awk '{
    all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for (i = 1; i <= length($0); i += 3) {
      n = 0
      part = substr($0, i, 3)
      for (j = 1; j <= length(part); j++) n = n * 16 + index("0123456789abcdef", substr(part, j, 1)) - 1
      # 12 bits are two letters; what is short of that is filled up with zeros.
      if (length(part) == 1) n *= 4
      if (length(part) == 2) n *= 16
      if (length(part) > 1) text = text substr(all, int(n / 64) + 1, 1)
      text = text substr(all, n % 64 + 1, 1)
    }
    print text
  }'
}

check_installed() {
  [ -n "$installed_id" ] || return 0
  case $url/$agent_id/$agent_secret in
    "$installed_url/$installed_id/$installed_secret" | "$installed_url/$newer_id/$newer_secret") ;;
    *) die 5 "Cannot install: \"$credentials\" has other credentials, for the agent $installed_id" 'remove that agent first: --uninstall' ;;
  esac
  say "this agent is installed already: repairing what is missing"
}

entries() { # The files of the manifest: the hashes of each, or "null" if it changes, a space, and its path.
  sed -n '/^  "files": {$/,/^  }/{
    s/^    "\(.*\)": null,\{0,1\}$/null \1/
    t entry
    s/^    "\(.*\)": "\([0-9a-f]*\)",\{0,1\}$/\2 \1/
    t entry
    s/^    "\(.*\)": "\([0-9a-f]*\) \([0-9a-f]*\)",\{0,1\}$/\2,\3 \1/
    t entry
    d
    :entry
    s/\\\(["\\]\)/\1/g
    p
  }' "$manifest"
}

listed() { # What the manifest lists of the file $1: hashes, "null", or nothing.
  [ ! -f "$manifest" ] || entries | while IFS= read -r line; do
    [ "${line#* }" != "$1" ] || printf '%s\n' "${line%% *}"
  done
}

is_ours() { # Whether the file $1 is as the manifest lists it.
  [ -f "$1" ] && [ ! -h "$1" ] || return 1
  value=$(hash <"$1")
  case ,$(listed "$1"), in *",$value,"*) ;; *) return 1 ;; esac
}

is_own() { # Whether the file $1 is this user's, no link, and no other user may write to it.
  [ -f "$1" ] && [ ! -h "$1" ] || return 1
  # shellcheck disable=SC2012,SC2046 # its mode, the number of its names, and its owner
  set -- $(ls -ldn "$1")
  case $1 in -????-??-*) [ "$3" = "$own_id" ] ;; *) return 1 ;; esac
}

check_readable() { # Whether the manifest is to be believed.
  is_own "$manifest" || die 5 "Cannot use the manifest \"$manifest\": another user may have written it" 'look at it, and move it away if it is not needed'
  fields=$(read_reply 0 <"$manifest"; echo .)
  raw json && text agent_id && text program && text service && value="$value/" || value=''
  case $value in none/ | systemd-system/ | systemd-user/ | launchd/) ;; *) value='' ;; esac
  [ -n "$value" ] && grep '^  "folders": \[' "$manifest" >/dev/null && [ -n "$(entries)" ] ||
    die 5 "Cannot read the manifest \"$manifest\": it is not as an installer wrote it" 'look at it, and move it away if it is not needed'
}

check_file() { # Whether the file $1 may be written: not another's, in a folder that this user may write to.
  if [ -e "$1" ] || [ -h "$1" ]; then
    is_ours "$1" || die 5 "Cannot install: \"$1\" is there and this installer did not write it: $(whose "$1")" "$another_name"
  fi
  check_folder "${1%/*}"
}

another_name='--name fleet-agent, which takes another name for all that is installed'

whose() { # Whose the file $1 seems to be, in words.
  value=$(link_of "$1")
  case $value in
    */node_modules/openclaw/*) echo "npm's openclaw" ;;
    '') value=$(owner_of "$1"); echo "user ${value%:*}'s" ;;
    *) printf 'a link to "%s"\n' "$(plain "$value")" ;;
  esac
}

link_of() { # What the link $1 leads to; nothing, if it is not a link.
  [ -h "$1" ] || return 0
  value=$(ls -ld "$1")
  printf '%s\n' "${value#*" -> "}"
}

check_free() { # A first installation takes no folder $1 in which another program keeps something.
  [ ! -e "$manifest" ] && [ -d "$1" ] || return 0
  foreign=$(foreign_in "$1")
  [ -z "$foreign" ] || die 5 "Cannot install: \"$1\" has files of another program: $(plain "$foreign"), $(whose "$1/$foreign")" "$another_name"
}

foreign_in() { # The first file in the folder $1 that no installer, program or agent of ours keeps there.
  for file in "$1"/* "$1"/.[!.]*; do
    [ -e "$file" ] || [ -h "$file" ] || continue
    case ${file##*/} in
      credentials.json | session.json | install.json | enrollment-id | environment | monitor-*.lock | openclaw.log | openclaw.log.[123]) ;;
      credentials.json.* | session.json.* | install.json.* | enrollment-id.*) ;;
      *)
        printf '%s\n' "${file##*/}"
        return
        ;;
    esac
  done
}

check_unit() { # The manager may have a unit of our name from elsewhere, or the host a user.
  case $service in
    systemd-*) defined=$(systemd show -p FragmentPath "$unit" 2>/dev/null) && defined=${defined#FragmentPath=} || defined='' ;;
    launchd) defined=$(launchctl print "$(launchd_domain)/$label" 2>/dev/null | sed -n 's/^[[:space:]]*path = //p' | head -n 1) ;;
    *) return 0 ;;
  esac
  # shellcheck disable=SC3013 # every shell that this is tested under has it: a home may have two spellings
  [ ! "$defined" -ef "$service_file" ] || defined=''
  case $defined in '' | "$service_file") ;; *) die 5 "Cannot install: \"$unit\" is another service's, from \"$(plain "$defined")\"" "$another_name" ;; esac
  [ "$service" = systemd-system ] || return 0
  # The users that systemd makes for a running service have these numbers.
  user_id=$(id -u "$name" 2>/dev/null) || return 0
  [ "$user_id" -ge 61184 ] && [ "$user_id" -le 65519 ] ||
    die 5 "Cannot install: this host has a user \"$name\" ($user_id), and the service makes one of its own" "$another_name"
}

check_folder() {
  is_writable "$1" || die 1 "Cannot install: the folder \"$folder\" cannot be written to" 'run it as a user who may write there'
}

above() { # Leaves in $value the folder that the absolute path $1 is in.
  value=${1%/*}
  value=${value:-/}
}

is_writable() { # Whether the folder $1 can be written to, or made. Sets $folder to it, or to the first one above it that is there.
  folder=$1
  while [ ! -e "$folder" ] && [ ! -h "$folder" ]; do above "$folder"; folder=$value; done
  [ -d "$folder" ] && [ -w "$folder" ]
}

# A code is worth as many agents as it has uses: a host that would forget its own with the next start has no place to
# enroll.
check_lasting() {
  fault='it cannot be written to'
  # Some shells' "-w" is true for root, whatever the folder.
  if is_writable "$state" && mkdir "$folder/.$name-$$" 2>/dev/null && rmdir "$folder/.$name-$$"; then
    fault=$(transience_of "$(cd -P "$folder" && pwd -P)")
  fi
  [ -z "$fault" ] || die 2 "Cannot enroll: \"$state\" is no place that lasts: $fault" "mount a volume there: docker run -v openclaw-agent:$state ..."
}

transience_of() { # What keeps the files in the folder $1 from being there after the next start; nothing, where that is not known.
  case $(file_system_of "$1") in
    tmpfs | ramfs) echo 'it is in memory, and gone after the next start' ;;
    overlay) ! is_container || echo "it is in the container's own file system, and goes with the container" ;;
  esac
}

# The type of the innermost mount that holds the folder $1, by proc(5); of several at one place, the last one counts. Only
# Linux tells it.
file_system_of() {
  [ ! -r /proc/self/mountinfo ] || folder=$1 awk '
    {
      point = unescaped($5)
      if (point != "/" && ENVIRON["folder"] != point && index(ENVIRON["folder"], point "/") != 1) next
      if (length(point) < longest) next
      longest = length(point)
      for (i = 7; i < NF && $i != "-"; i++) continue
      kind = $(i + 1)
    }
    END { print kind }
    function unescaped(text,   out, code) { # A space, a tab, a line break and a backslash are written as three octal digits.
      while (match(text, /\\[0-7][0-7][0-7]/)) {
        code = substr(text, RSTART + 1, 1) * 64 + substr(text, RSTART + 2, 1) * 8 + substr(text, RSTART + 3, 1)
        out = out substr(text, 1, RSTART - 1) sprintf("%c", code)
        text = substr(text, RSTART + 4)
      }
      return out text
    }' /proc/self/mountinfo
}

is_container() { # By the marks that Docker, Podman and Kubernetes put into one.
  [ -n "${KUBERNETES_SERVICE_HOST:-}" ] || [ -e /.dockerenv ] || [ -e /run/.containerenv ]
}

check_places() {
  # The unit has it started by env, which would take such a path for a variable.
  case $service/$program in systemd-user/*=*) die 2 "Cannot install into \"$HOME\": a service cannot start what has an equals sign in its path" '--no-service' ;; esac
  [ -z "$code" ] || check_lasting
  check_folder "$state"
  check_unit
  # systemd gives this folder, with all that is in it, to the agent's user.
  if [ "$service" = systemd-system ]; then
    for key in operator-key jwt-keys.json; do
      [ ! -e "$state/$key" ] || die 5 "Cannot install: \"$state\" has the keys of a server, \"$key\"" "move the server's data: openclaw-server serve --data /var/lib/openclaw-server"
    done
  fi
  check_free "$state"
  check_free "${session%/*}"
  check_folder "${manifest%/*}"
  check_file "$program"
  [ -z "$service_file" ] || check_file "$service_file"
}

has_second() { [ "$(link_of "$second")" = "${program##*/}" ]; }

find_other() { # Sets $other to the first file of the short name that is not ours: on the PATH, or beside the program.
  other='' rest=$PATH:${program%/*}:
  while [ -n "$rest" ] && [ -z "$other" ]; do
    folder=${rest%%:*} rest=${rest#*:}
    [ -n "$folder" ] || continue
    if [ "$folder/$short" = "$second" ] && has_second; then continue; fi
    # Not in "~/", which a shell does not read as a home in a PATH.
    if [ -e "$folder/$short" ] || [ -h "$folder/$short" ]; then other=$folder/$short; fi
  done
}

settle_second_name() { # The short name, where somebody asks for it and nobody else has it.
  find_other
  if [ -n "$other" ]; then
    say "\"$other\" is another program's ($(whose "$other")): it stays, and this agent is only \"${program##*/}\""
  elif [ "$second_name" = ask ] && [ "$is_first" = yes ] && [ "$yes" = no ] && [ -t 0 ]; then
    printf 'May it be called "%s", too? [y/N] ' "$short" >&2
    read -r answer || answer=''
    case $answer in [yY]*) second_name=yes ;; esac
  fi
  if [ "$second_name" = no ]; then drop_second_name
  elif [ "$second_name" = yes ] && [ -z "$other" ] && ! has_second; then
    ln -s "${program##*/}" "$second" || say "warning: Cannot make \"$second\""
  fi
}

drop_second_name() {
  ! has_second || rm -f "$second" || say "warning: Cannot remove \"$second\""
}

# Which program is installed, and what proves its origin.
choose_program() {
  kind=script keep_program=no
  source_of_sums=''
  [ "$script_agent" = no ] || return 0
  if [ -n "$binary" ]; then
    [ -f "$binary" ] && [ -r "$binary" ] || die 4 "Cannot read \"$binary\": there is no such file, or this user may not read it" 'name a program with --binary'
    kind=binary
    source_of_sums=$(dirname "$binary")/SHA256SUMS
    binary_name=${binary##*/}
  else
    if [ -z "$binary_url" ] && [ -n "$binary_folder" ]; then
      know_libc
      ! sum_of "$binary_sums" "openclaw-$platform" || binary_url=$binary_folder/openclaw-$platform
    fi
    [ -n "$binary_url" ] || { keep_binary; return 0; }
    check_url "$binary_url" || die 2 'Cannot use the binary URL: it is neither https nor a loopback address' '--binary-url https://example.com/openclaw'
    kind=binary
    binary_name=${binary_url##*/}
    case $binary_url in http://*) source_of_sums=${binary_url%/*}/SHA256SUMS ;; esac
  fi
  [ -n "$sha256" ] || ! sum_of "$binary_sums" "$binary_name" || sha256=$value
  if [ -z "$sha256" ] && [ -n "$source_of_sums" ]; then
    if [ -n "$binary" ]; then value=$(cat "$source_of_sums" 2>/dev/null || :)
    else value=$(curl -q -f -s -g --max-time 15 --noproxy '*' --proto '=http' -- "$source_of_sums" | dd bs=1 count=65536 2>/dev/null); fi
    sum_of "$value" "$binary_name" || value=''
    sha256=$value
  fi
  [ -n "$sha256" ] || die 2 "Cannot verify \"$binary_name\": its SHA-256 is not known" 'give it with --sha256, from somewhere else than the program'
}

keep_binary() { # No program is named: the one that is there is no worse than the small agent.
  [ "$(manifest_field program)" = binary ] && may_run "$program" || return 0
  kind=binary keep_program=yes sha256=$(hash <"$program")
}

may_run() { # Whether the program $1 is the one that the manifest lists, no other user may change it, and it starts.
  is_own "$1" && is_ours "$1" && "$1" --version >/dev/null 2>&1
}

sum_of() { # The sum of the file $2 in $1, which is like a SHA256SUMS.
  value=$(printf '%s\n' "$1" | awk -v name="$2" 'NR == 1 { sub(/^\357\273\277/, "") } { sub(/\r$/, ""); sub(/^\*/, "", $2) } $2 == name && length($1) == 64 && $1 !~ /[^0-9a-f]/ { print $1; exit }')
  [ -n "$value" ]
}

# The seconds since 1970 of an RFC 3339 time or an HTTP date.
moment() {
  printf '%s\n' "$1" | awk "$dates"'{ at = moment($0, 0); if (at > 0) printf "%.0f\n", at }'
}

offset() { # Says how far this clock is from the time $1, if that is more than a minute.
  there=$(moment "$1")
  case $there in '' | *[!0-9]*) return ;; esac
  ahead=$(($(date +%s) - there))
  if [ "$ahead" -gt 60 ]; then printf '%s\n' "this host's clock is $ahead s ahead of the server's"
  elif [ "$ahead" -lt -60 ]; then printf '%s\n' "this host's clock is $((-ahead)) s behind the server's"; fi
}

try_credentials() {
  [ -z "$newer_id" ] || agent_id=$newer_id agent_secret=$newer_secret
  if shake_hands || { [ -n "$newer_id" ] && is_refused && try_older; }; then
    text server_time && value=$(offset "$value")
    [ -z "$value" ] || say "warning: $value"
    text agent.name || value=''
    agent_name=$(plain "$value")
    say "shook hands with $url as \"$agent_name\" ($agent_id)"
    return 0
  fi
  is_refused || no_answer 'shake hands with'
  stop_asking 3 "Cannot shake hands with $url: the agent is unknown or revoked, or its secret is wrong" 'ask the operator of the server'
}

try_older() { # The identity beside which there is a newer one, as the program does.
  agent_id=$installed_id agent_secret=$installed_secret
  shake_hands
}

is_refused() { [ "$status" = 401 ] && raw json && text error && [ "$value" = invalid_credentials ]; }

no_answer() { # Dies of what came when this was to $1 the server.
  case $curl_code in
    0) stop_asking 6 "Cannot $1 $url: $(what_came)" 'check the URL, and the proxies on the way' ;;
    35 | 51 | 58 | 59 | 60 | 66 | 77 | 80 | 83 | 90 | 91)
      # Nothing secret is sent: whatever answers is asked for the time only.
      tls_failure=$failure late=''
      request health '' '' 15 -k
      raw date && late=$(offset "$value")
      [ -z "$late" ] || stop_asking 6 "Cannot $1 $url: TLS fails, and $late" 'set the clock of this host'
      stop_asking 6 "Cannot $1 $url: TLS fails: $tls_failure" 'check the certificate; SSL_CERT_FILE names further authorities'
      ;;
    *) stop_asking 6 "Cannot reach $url: $failure" 'check the URL, the network and the proxy' ;;
  esac
}

stop_asking() { # As die does, after an undo if something was done.
  [ "$enrolling" = no ] || give_up "$@"
  die "$@"
}

begin_enrollment() { # The id, by which the server knows this host again: that of an earlier run, or a new one.
  enrolling=no reached='' telling=no
  [ -n "$code" ] || return 0
  enrollment_id=''
  ! is_own "$enrollment" || IFS= read -r enrollment_id <"$enrollment" || :
  case $enrollment_id in *[!A-Za-z0-9_-]*) enrollment_id='' ;; esac
  [ "${#enrollment_id}" -eq 43 ] || enrollment_id=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n' | base64url)
  [ "${#enrollment_id}" -eq 43 ] || die 1 'Cannot enroll: there are no random bytes' 'look at /dev/urandom'
  [ "$dry_run" = yes ] || telling=yes
  tell_failures
  came_to started
}

came_to() { # Tells the server so, where a code is used. $2 is why it came no further.
  reached=$1
  [ "$telling" = yes ] || return 0
  detail=$(plain "${2:-}" | LC_ALL=C tr -c '\040-\176' '?' | cut -c 1-500)
  case $detail in *"$code"* | *"${agent_secret:-$code}"*) detail='' ;; esac
  value=false
  [ -z "${2:-}" ] || value=true
  request enroll/progress "{\"code\":\"$code\",\"enrollment_id\":\"$enrollment_id\",\"step\":\"$1\",\"failed\":$value,\"detail\":\"$(escape "$detail")\"}" '' 2
  # An installation does not wait for what tells of it: the first call that fails is the last.
  [ "$status" = 204 ] || telling=no
}

tell_failures() { # From here on, what this dies of is told to the server, too.
  die() {
    say "error: $2"
    [ -z "${3:-}" ] || say "hint: $3"
    came_to "$reached" "$2"
    exit "$1"
  }
}

enroll() { # Gets an agent for the code. Whatever ends this run, the next one gets the same agent.
  enrolling=yes
  put_manifest
  put "$enrollment" 600 enrollment_text
  lasting="$manifest
$enrollment"
  request enroll "{\"code\":\"$code\",\"enrollment_id\":\"$enrollment_id\",\"client\":$(client_text)}" ''
  take_agent || not_enrolled
  under_lock put_credentials
  lasting="$manifest
$credentials"
  say "enrolled at $url as \"$agent_name\" ($agent_id)"
  came_to enrolled
  try_credentials
  rm -f "$enrollment" || cannot_write "$enrollment"
  enrolling=no
}

enrollment_text() { printf '%s\n' "$enrollment_id"; }

take_agent() { # The agent and its secret from the reply, if they are what they should be.
  ours 201 && text agent.id && is_uuid "$value" && agent_id=$value || return 1
  text agent.name && agent_name=$(plain "$value") || return 1
  text agent_secret && is_secret "$value" && agent_secret=$value || return 1
}

is_secret() {
  case $1 in
    ocs_*[!A-Za-z0-9_-]*) return 1 ;;
    ocs_???????????????????????????????????????????_??????) ;;
    *) return 1 ;;
  esac
}

not_enrolled() {
  if is_refused; then
    forget_enrollment
    give_up 3 "Cannot enroll at $url: the code is unknown, expired, used up or revoked" 'ask the operator of the server for another code'
  fi
  if [ "$status" = 409 ] && raw json && text error && [ "$value" = conflict ]; then
    value=$(what_came)
    forget_enrollment
    give_up 5 "Cannot enroll at $url: $value" 'ask the operator of the server, who may remove agents or raise their limit'
  fi
  no_answer 'enroll at'
}

forget_enrollment() { # The server has no agent for this id.
  lasting=''
  rm -f "$enrollment"
}

# From here on things are touched. What is done is noted, the last first, and undone if a step fails.
noted() { undo="$1
$undo"; }

give_up() { # exit code, what is wrong, what to do
  hush
  [ "$handed_over" = yes ] || take_back
  die "$@"
  exit 1
}

cannot_write() {
  give_up 1 "Cannot write \"$1\"" 'look at the disk and its permissions'
}

take_back() {
  # An ignored signal would be ignored by every child, too.
  trap : INT TERM HUP
  printf '%s' "$undo" | while IFS= read -r step; do
    case $step in
      'part '*)
        places_aside "${step#part }"
        drop "$new" "$old.openclaw-new"
        drop_aside
        ;;
      'file '*) lasts "${step#file }" || rm -f "${step#file }" ;;
      'kept '*)
        # A rename between two names of one file changes nothing.
        places_aside "${step#kept }"
        lasts "${step#kept }" || [ ! -e "$old" ] || move "$old" "${step#kept }"
        rm -f "$old"
        ;;
      lock) [ "$own_lock" = no ] || rm -f "$lock" ;;
      'mode '*) [ -n "$lasting" ] || restore_mode "${step#mode }" ;;
      'folder '*) rmdir "${step#folder }" 2>/dev/null || : ;;
      service) stop_service ;;
      program) ! may_run "$program" || "$program" service uninstall --name "$name" ${scope:+"$scope"} >&2 || : ;;
      restart) start_service >&2 || : ;;
    esac
  done
  undo=''
  say 'what was done has been undone'
  [ -z "$lasting" ] || if lasts "$credentials"; then say 'this host stays enrolled: run the installer again, the code is not needed any more'
  else say 'the id of this enrollment stays: run the installer again with the same code'; fi
}

# Whether the file $1 outlives an undo: the server may have made an agent for it.
lasts() { has_line "$lasting" "$1"; }

has_line() { # Whether a line of $1 is $2.
  case "
$1
" in *"
$2
"*) return 0 ;; *) return 1 ;; esac
}

restore_mode() { # As "ls -l" shows it, and a path.
  set -- "${1#* }" "$(printf '%s' "$1" | sed 's/^.\(...\)\(...\)\(...\).*/u=\1,g=\2,o=\3/;s/-//g')"
  chmod "$2" "$1" 2>/dev/null || :
}

make_folder() { # The folder $1 and those above it.
  [ ! -d "$1" ] || return 0
  above "$1"
  make_folder "$value"
  noted "folder $1"
  mkdir "$1" 2>/dev/null || give_up 1 "Cannot make the folder \"$1\"" 'look at the disk and its permissions'
  # Every user runs the programs of a system; what a user has is the user's.
  [ "$system" = no ] || [ "$1" = "$state" ] || chmod 755 "$1"
}

# Writes the lines that $3 prints to the file $1 with the mode $2, whole or not at all. Says nothing if it is there already.
put() {
  clear_way "$1"
  content=$("$3") && (set -C && printf '%s\n' "$content" >"$new") 2>/dev/null && printf '%s\n' "$content" | cmp -s - "$new" &&
    { [ "$2" = 600 ] || chmod "$2" "$new"; } || cannot_write "$1"
  content=''
  replace "$1"
}

# Sets $new and $old: where what is to become the file $1 is made, and where what was there is kept. The service's user
# owns the state folder, once it has run, and may put a link there at any moment. So neither is in that folder: both
# are in folders of root's beside it, and root does nothing in it but rename.
places_aside() {
  new=$1.openclaw-new old=$1.openclaw-old
  ! is_in_users_folder "$1" || new=$state.openclaw-new/${1##*/} old=$state.openclaw-old/${1##*/}
}

is_in_users_folder() { case $service/$1 in systemd-system/"$state"/*) ;; *) return 1 ;; esac; }

drop_aside() { # The folders beside that of the service's user, if nothing is left in them.
  [ "$system" = no ] || rmdir "$state.openclaw-new" "$state.openclaw-old" 2>/dev/null || :
}

drop() { # Removes each of the files $@ that is there.
  for file in "$@"; do
    [ ! -e "$file" ] && [ ! -h "$file" ] || rm -f "$file"
  done
}

move() { # Moves the file $1 into the place of $2, which in the folder of the service's user may be a link by now.
  if is_in_users_folder "$2"; then mv -f "$1" "${2%/*}/."; else mv -f "$1" "$2"; fi
}

clear_way() { # For $new and $old of the file $1: no more than names of ours for what is not in its place.
  places_aside "$1"
  drop "$new" "$old" "$old.openclaw-new"
  noted "part $1"
  for folder in "${new%/*}" "${old%/*}"; do [ -d "$folder" ] || mkdir "$folder" || cannot_write "$1"; done
}

replace() { # Moves $new into its place, $1.
  places_aside "$1"
  if [ -f "$1" ] && cmp -s "$1" "$new" && [ "$(mode_of "$1")" = "$(mode_of "$new")" ]; then
    rm -f "$new"
    return 0
  fi
  # Nothing is moved into a folder that a link in its place leads to.
  [ ! -d "$1" ] || cannot_write "$1"
  # What is replaced in the folder of the service's user stays readable for it.
  ! is_in_users_folder "$1" || chown "$(owner_of "$state/.")" "$new" || cannot_write "$1"
  if [ -e "$1" ]; then
    noted "kept $1"
    backups="$backups$old
"
    ln "$1" "$old" 2>/dev/null || copy_aside "$1" || cannot_write "$1"
  else noted "file $1"; fi
  move "$new" "$1" || cannot_write "$1"
  changed=yes
  say "wrote $1"
}

copy_aside() { # Where there are no hard links. A copy is not the whole file before its name says so.
  ! is_in_users_folder "$1" && cp -p "$1" "$old.openclaw-new" 2>/dev/null && mv -f "$old.openclaw-new" "$old" && return 0
  rm -f "$old.openclaw-new"
  return 1
}

mode_of() { set -- "$(ls -ld "$1")"; printf '%.10s\n' "$1"; }

# shellcheck disable=SC2012 # stat has other options on every system.
owner_of() {
  # shellcheck disable=SC2046 # its mode, the number of its names, its owner and group
  set -- $(ls -ldn "$1")
  printf '%s:%s\n' "$3" "$4"
}

# The folders that the installation makes: those that are not there yet, and those that an earlier run made.
plan_folders() {
  folders=''
  [ ! -f "$manifest" ] || folders=$(folders_listed)
  for file in "$credentials" "$manifest" "$program" "$service_file"; do
    [ -n "$file" ] || continue
    above "$file"
    folder=$value
    while [ ! -d "$folder" ] || [ "$folder" = "$state" ]; do
      has_line "$folders" "$folder" || folders="${folders:+$folders
}$folder"
      above "$folder"
      folder=$value
    done
  done
  # The deepest first: so they can be removed in this order.
  folders=$(printf '%s\n' "$folders" | LC_ALL=C sort -r)
}

folders_listed() {
  sed -n '/^  "folders": \[$/,/^  \]/{
    /^    ".*",\{0,1\}$/!d
    s/^    "\(.*\)",\{0,1\}$/\1/
    s/\\\(["\\]\)/\1/g
    p
  }' "$manifest"
}

# Sets the hashes that the manifest lists: of the files as they are to be, and, until they are, as they are.
take_hashes() {
  program_before=$(hash_of "$program") service_before=$(hash_of "$service_file")
  program_hash=$sha256 service_hash=''
  if [ "$kind" = script ]; then
    program_hash=$(program_text | hash)
    [ -z "$service_file" ] || service_hash=$(service_text | hash)
  fi
}

hash_of() { [ ! -f "$1" ] || hash <"$1"; }

entry() { # The line of the manifest for the file $1, which has one of the hashes that follow, or changes.
  set -- "$1" "${2:-${3:-}}" "${3:-}"
  [ "$2" != "$3" ] || set -- "$1" "$2" ''
  value=null
  [ -z "$2" ] || value="\"$2${3:+ $3}\""
  printf '%s    "%s": %s' "$separator" "$(escape "$1")" "$value"
  separator=',
'
}

entries_text() {
  separator=''
  entry "$program" "$program_hash" "$program_before"
  # A program's own installation adds its definition to the list.
  [ -z "$service_hash$service_before" ] || entry "$service_file" "$service_hash" "$service_before"
  entry "$credentials"
  [ "$enrolling" = no ] || entry "$enrollment"
  [ "$service" != launchd ] || entry "$state/openclaw.log"
}

manifest_text() {
  printf '{\n  "version": "%s",\n  "written_by": "install.sh",\n' "$version"
  printf '  "url": "%s",\n  "agent_id": "%s",\n  "program": "%s",\n  "service": "%s",\n  "files": {\n' "$url" "$agent_id" "$kind" "$service"
  entries_text
  printf '\n  },\n  "folders": [\n'
  printf '%s\n' "$folders" | sed 's/["\\]/\\&/g;s/.*/    "&"/;$!s/$/,/'
  printf '  ]\n}\n'
}

credentials_text() {
  printf '{\n  "version": 1,\n  "url": "%s",\n  "agent_id": "%s",\n  "agent_secret": "%s"\n}\n' "$url" "$agent_id" "$agent_secret"
}

program_text() { printf '%s\n' "$agent"; }

put_program() {
  case $kind/$keep_program in
    script/*)
      put "$program" 755 program_text
      "$program" --version >/dev/null 2>&1 || give_up 1 "Cannot run \"$program\": the system does not start it" \
        'choose a HOME on a file system that is mounted without "noexec"'
      ;;
    binary/no)
      get_program
      replace "$program"
      ;;
  esac
}

get_program() { # As $program.openclaw-new, verified.
  clear_way "$program"
  if [ -z "$binary" ]; then fetch_program
  elif ! cat "$binary" >"$program.openclaw-new" 2>/dev/null; then
    cat "$binary" >/dev/null 2>&1 || give_up 1 "Cannot read \"$binary_name\": it breaks off" 'look at the disk that it is on'
    cannot_write "$program"
  fi
  sum=$({ hash <"$program.openclaw-new"; } 2>/dev/null)
  [ "$sum" = "$sha256" ] || give_up 1 "Cannot verify \"$binary_name\": its SHA-256 is $sum, $sha256 is expected" 'fetch it again; if that does not help, tell its publisher'
  chmod 755 "$program.openclaw-new"
  "$program.openclaw-new" --version >/dev/null 2>&1 || give_up 1 "Cannot run \"$binary_name\" on $platform" 'install the agent that needs no binary: --script-agent'
  came_to downloaded
}

fetch_program() { # Waited for, so that this shell hears a signal meanwhile.
  set -- -q -f -s -S -L -g --connect-timeout 15 --speed-limit 1 --speed-time 60 -o "$program.openclaw-new"
  case $binary_url in http://*) set -- "$@" --proto '=http' ;; *) set -- "$@" --proto '=https' ;; esac
  if is_direct "$binary_url"; then set -- "$@" --noproxy '*'; fi
  [ -z "${SSL_CERT_FILE:-}" ] || set -- "$@" --cacert "$SSL_CERT_FILE"
  if [ "$ear" = open ]; then
    curl "$@" -- "$binary_url" >/dev/null 2>&3 &
    asking=$!
    wait "$asking"
    curl_code=$?
    asking=''
    printf '\n' >&3
    failure=''
    while IFS= read -r line <&3 && [ -n "$line" ]; do failure="$failure
$line"; done
    # Other lines that curl printed there do not belong to the next request.
    open_ear
  else
    failure=$(curl "$@" -- "$binary_url" 2>&1 >/dev/null)
    curl_code=$?
  fi
  case $curl_code in
    0) ;;
    23) cannot_write "$program" ;;
    *)
      # What a loader has to say comes before.
      case $failure in *'curl: '*) failure=${failure#*curl: } ;; *) failure='' ;; esac
      failure=${failure%%"
"*}
      give_up 6 "Cannot fetch \"$binary_name\": $(plain "${failure:-curl ends with $curl_code}")" 'check the URL, the network and the proxy' ;;
  esac
}

template() { # The text of the service's definition, with @NAME@ for each value.
  case $service in
    systemd-system) cat <<'END_OF_TEMPLATE'
@units/openclaw.service@
END_OF_TEMPLATE
    ;;
    systemd-user) cat <<'END_OF_TEMPLATE'
@units/openclaw.user.service@
END_OF_TEMPLATE
    ;;
    launchd) cat <<'END_OF_TEMPLATE'
@units/dev.openclaw.agent.plist@
END_OF_TEMPLATE
    ;;
  esac
}

# Prints standard input with each @NAME@ as the variable fill_NAME, which awk reads as it is.
fill() {
  awk '{
    out = ""
    while (match($0, /@[A-Z]+@/)) {
      out = out substr($0, 1, RSTART - 1) ENVIRON["fill_" substr($0, RSTART + 1, RLENGTH - 2)]
      $0 = substr($0, RSTART + RLENGTH)
    }
    print out $0
  }'
}

service_text() { # In a process of its own, for what it exports.
  (
    export fill_NAME fill_LABEL fill_PROGRAM fill_OPTIONS fill_CONFIG fill_STATE fill_ENVIRONMENT fill_LOG fill_HOME
    fill_NAME=$name fill_LABEL=$label
    case $service in
      launchd)
        fill_OPTIONS=$(options | xml_text | sed 's/.*/    <string>&<\/string>/')
        fill_OPTIONS=${fill_OPTIONS:+"
$fill_OPTIONS"}
        fill_PROGRAM=$(xml "$program") fill_LOG=$(xml "$state/openclaw.log") fill_HOME=$(xml "$HOME")
        [ "$system" = no ] || fill_HOME=/var/root
        ;;
      *)
        fill_OPTIONS=$(options | sed 's/%/%%/g;s/\$/$$/g;s/.*/ "&"/' | tr -d '\n')
        fill_PROGRAM=$(escape "$program" | sed 's/%/%%/g;s/\$/$$/g')
        fill_CONFIG=$(escape "${state%/*}" | sed 's/%/%%/g')
        fill_STATE=$(escape "$(state_home)" | sed 's/%/%%/g')
        fill_ENVIRONMENT=$(printf '%s' "$state/environment" | sed 's/%/%%/g')
        ;;
    esac
    template | fill
  )
}

xml() { printf '%s' "$1" | xml_text; }

xml_text() { sed 's/&/\&amp;/g;s/</\&lt;/g;s/>/\&gt;/g'; }

put_service() { [ -z "$service_file" ] || put "$service_file" 644 service_text; }

launchd_domain() { if [ "$own_id" -eq 0 ]; then echo system; else echo "gui/$own_id"; fi; }

systemd() { if [ "$service" = systemd-user ]; then systemctl --user "$@"; else systemctl "$@"; fi; }

service_link() { # What "enable" makes of the unit.
  case $service in
    systemd-system) printf '%s\n' "/etc/systemd/system/multi-user.target.wants/$unit" ;;
    systemd-user) printf '%s\n' "${service_file%/*}/default.target.wants/$unit" ;;
  esac
}

is_running() {
  case $service in
    systemd-*) systemd is-active --quiet "$unit" ;;
    launchd) launchctl print "$(launchd_domain)/$label" >/dev/null 2>&1 ;;
    *) return 1 ;;
  esac
}

is_stopped() { # Whether the service is known to run no more: one that cannot be asked may well run.
  case $service in
    systemd-*) case $(systemd show -p ActiveState "$unit" 2>/dev/null) in ActiveState=inactive | ActiveState=failed) ;; *) return 1 ;; esac ;;
    launchd) command -v launchctl >/dev/null 2>&1 && ! is_running ;;
  esac
}

start_service() {
  case $service in
    systemd-*)
      systemd daemon-reload && systemd enable "$unit" || return
      ! is_running || { systemd stop "$unit" && announce_return; }
      systemd restart "$unit"
      ;;
    launchd)
      if is_running; then boot_out; announce_return; else boot_out; fi
      launchctl bootstrap "$(launchd_domain)" "$service_file"
      ;;
  esac
}

announce_return() { # The agent has said that it stops; this says that it is not for long. Should it stay away, that is told.
  [ -z "$token" ] || beat stopping 3 120 || say "warning: $url was not told that the agent will be back"
}

stop_service() {
  case $service in
    systemd-*) systemd disable --now "$unit" ;;
    launchd) boot_out ;;
  esac >/dev/null 2>&1
}

boot_out() { # launchd says that it is done before it is.
  launchctl bootout "$(launchd_domain)/$label" 2>/dev/null
  tries=25
  while [ "$tries" -gt 0 ] && is_running; do
    tries=$((tries - 1))
    sleep 1
  done
}

# What the server reports of the agent: sets $liveness and $seen.
look() {
  liveness='' seen=''
  request heartbeat '' "$token"
  ours 200 && text agent.liveness || return 1
  liveness=$value
  raw agent.last_seen_at || value=''
  seen=$value
}

needs_environment() { # Whether the service lacks what this shell has.
  of_environment='the service does not see HTTPS_PROXY and SSL_CERT_FILE of this shell: set them for it, too'
  [ "$service" != none ] && [ -n "${HTTPS_PROXY:-${https_proxy:-}}${SSL_CERT_FILE:-}" ]
}

go_online() {
  look || give_up 6 "Cannot see the agent at $url: $(what_came)" 'try again later'
  seen_before=$seen hint='install without: --no-service'
  if [ "$service" = none ]; then
    beat healthy || give_up 6 "Cannot send a heartbeat to $url: $(what_came)" 'try again later'
  elif [ "$is_complete" = yes ] && is_running; then
    seen_before=none
  elif [ "$kind" = binary ]; then
    hand_over
  elif [ "$changed" = yes ] || ! is_running; then
    noted service
    if needs_environment; then
      say "$of_environment"
      hint="$of_environment, or install without: --no-service"
    fi
    start_service >&2 || give_up 1 "Cannot start the service \"$service\"" "look at what it printed above, or $hint"
  else
    seen_before=none
  fi
  tries=30
  while ! look || [ "$liveness" != online ] || [ "$seen" = "$seen_before" ]; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || give_up 1 "Cannot see the agent online: the server says \"$liveness\"" "look at the log of the service, or $hint"
    sleep 1
  done
  if [ "$service" = none ]; then say "the server took a first heartbeat of \"$agent_name\""
  else say "the server reports \"$agent_name\" as online"; fi
}

# The program installs itself and its service. It reads the secret from its standard input.
hand_over() {
  if [ "$keep_program" = yes ]; then runner=$program
  else
    get_program
    runner=$program.openclaw-new
  fi
  # An agent that a code was given for is not removed with the program.
  [ "$is_first" = no ] || [ -n "$lasting" ] || noted program
  set -- service install --name "$name" ${scope:+"$scope"} --url "$url" --agent-id "$agent_id" --agent-secret-file -
  [ -z "$flag_watch" ] || set -- "$@" "--watch=${flag_watch#-}"
  [ -z "$flag_probe_url" ] || set -- "$@" "--probe-url=${flag_probe_url#-}"
  [ -z "$flag_status_command" ] || set -- "$@" "--status-command=${flag_status_command#-}"
  [ -z "$flag_metrics_command" ] || set -- "$@" "--metrics-command=${flag_metrics_command#-}"
  printf '%s\n' "$agent_secret" | "$runner" "$@" >&2
  ended=$?
  if [ "$ended" -ne 0 ]; then
    take_back
    [ "$ended" -lt 64 ] || ended=1
    came_to "$reached" "Cannot install the service: the program ends with $ended"
    exit "$ended"
  fi
  changed=yes
  came_to installed
  # The files of an earlier installation are gone: there is nothing to go back to.
  [ "$is_first" = yes ] && [ -z "$lasting" ] || handed_over=yes
}

confirm() { # Asks $1. Without a terminal, starting this was the answer.
  [ "$yes" = no ] && [ -t 0 ] || return 0
  printf '%s [y/N] ' "$1" >&2
  read -r answer || answer=''
  case $answer in [yY]*) ;; *) die 1 'Cancelled: nothing was changed' '' ;; esac
}

install() {
  choose_places
  choose_credentials
  undo='' backups='' changed=no handed_over=no is_complete=no is_first=no lasting=''
  begin_enrollment
  check_kind
  check_installed
  check_places
  choose_program
  choose_watched
  [ -n "$code" ] || try_credentials
  if [ "$dry_run" = yes ]; then
    for file in "$manifest" "$credentials" "$program" "$service_file"; do
      [ -z "$file" ] || printf 'would write %s\n' "$file"
    done
    return
  fi
  came_to checked
  if [ -n "$code" ]; then confirm "Enroll this host at $url, and install the agent to $program?"
  else confirm "Install the agent \"$agent_name\" to $program?"; fi
  plan_folders
  [ -e "$manifest" ] || is_first=yes
  take_hashes
  if [ "$kind" = binary ] && [ "$service" != none ] && [ "$earlier" = "$service" ] && [ -n "$installed_id" ] &&
    is_ours "$service_file" && [ "$program_before" = "$program_hash" ] &&
    [ -z "$flag_watch$flag_probe_url$flag_status_command$flag_metrics_command" ]; then is_complete=yes; fi
  open_ear
  trap "give_up 1 'Cannot go on: it was interrupted' ''" INT TERM HUP
  # A service that was there already runs again in the end, with its former files.
  [ "$service" = none ] || [ "$earlier" != "$service" ] || [ "$is_complete" = yes ] || [ ! -e "$service_file" ] ||
    noted restart
  [ -z "$code" ] || enroll
  [ "$is_complete" = yes ] || put_files
  go_online
  came_to online
  # What is done stays done, whatever signal comes now.
  trap : INT TERM HUP
  printf '%s' "$backups" | while IFS= read -r file; do rm -f "$file"; done
  drop_aside
  if [ "$kind" = script ] || [ "$service" = none ]; then settle_manifest; fi
  trap - INT TERM HUP
  settle_second_name
  report
}

put_manifest() {
  # The manifest comes first: whatever ends this run, what it wrote is known to the next one.
  make_folder "$state"
  value=$(mode_of "$state/.")
  case $value in
    drwx------) ;;
    *)
      noted "mode $value $state"
      chmod 700 "$state" || cannot_write "$state"
      ;;
  esac
  make_folder "${manifest%/*}"
  manifest_mode=600
  [ "$system" = no ] || manifest_mode=644
  put "$manifest" "$manifest_mode" manifest_text
}

put_files() {
  put_manifest
  # A run that was killed after it had stored its agent leaves this.
  drop "$enrollment"
  make_folder "${program%/*}"
  if [ "$kind" = binary ] && [ "$service" != none ]; then return; fi
  [ -z "$service_file" ] || make_folder "${service_file%/*}"
  under_lock put_credentials
  put_program
  put_service
  came_to installed
}

put_credentials() { has_other_secret || put "$credentials" 600 credentials_text; }

# Does $1 under the lock under which the program changes the credentials file: flock(2) of an empty file beside it, which
# goes with the lock. Where there is no flock(1), it is done without.
under_lock() {
  command -v flock >/dev/null 2>&1 || { "$1"; return; }
  lock=$credentials.openclaw-lock own_lock=no tries=35
  noted lock
  until try_lock "$1"; do
    [ "$tries" -lt 35 ] || say "another process is changing \"$credentials\": waiting for it"
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || give_up 5 "Cannot write \"$credentials\": another process is changing it" 'run the installer again later'
    sleep 1
  done
}

try_lock() { # Fails where another process has it.
  ! make_lock || own_lock=yes
  [ ! -h "$lock" ] && { [ -f "$lock" ] || [ ! -e "$lock" ]; } || cannot_write "$credentials"
  # shellcheck disable=SC2094 # it is locked, and neither read nor written
  {
    # Its holder may have removed it since it was opened here.
    # shellcheck disable=SC3013 # every shell that this is tested under has it
    if flock -n 9 2>/dev/null && [ "$lock" -ef /dev/fd/9 ]; then
      own_lock=yes
      "$1"
      rm -f "$lock"
      own_lock=no
    else
      own_lock=no
      false
    fi
  } 9<"$lock"
}

make_lock() { # Fails if the file is there. The service's own user needs it, too.
  is_in_users_folder "$lock" || { (set -C && : >"$lock") 2>/dev/null; return; }
  clear_way "$lock"
  : >"$new" && chown "$(owner_of "$state/.")" "$new" || cannot_write "$credentials"
  ln "$new" "${lock%/*}/." 2>/dev/null
  value=$?
  rm -f "$new"
  return "$value"
}

# Whether a program keeps a secret in the credentials file that is not this run's to lose: it has put it there meanwhile,
# or is in the middle of a rotation.
has_other_secret() {
  [ -n "$installed_id" ] && [ -e "$credentials" ] || return 1
  fields=$(read_reply 0 <"$credentials"; echo .)
  text agent_secret && [ "$value" = "$installed_secret" ] || return 0
  text next_agent_secret && [ "$value" != "$agent_secret" ]
}

settle_manifest() { # Takes a replaced file off the list. If this fails, it stays listed, which does no harm.
  [ "${program_before:-$program_hash} ${service_before:-$service_hash}" != "$program_hash $service_hash" ] || return 0
  program_before='' service_before=''
  rm -f "$manifest.openclaw-new"
  (set -C && manifest_text >"$manifest.openclaw-new") 2>/dev/null && chmod "$manifest_mode" "$manifest.openclaw-new" &&
    mv -f "$manifest.openclaw-new" "$manifest" || say "warning: Cannot write \"$manifest\" again"
}

report() {
  [ "$changed" = yes ] || printf 'nothing had to be changed\n'
  for file in "$manifest" "$credentials" "$program" "$service_file"; do
    [ -z "$file" ] || printf 'installed %s\n' "$file"
  done
  printf 'to undo it: run this installer, or the one without a secret at %s/functions/v1/install?shell=%s, with --uninstall\n' "$url" bash
  if [ "$service" = none ]; then
    printf 'to start the agent: %s"%s" monitor%s\n' "$(own_variables)" "$program" "$(monitor_options)"
    [ "$service_wanted" = no ] || printf 'there is no systemd or launchd here: have it started at boot by what there is\n'
  elif [ "$kind" = script ] && needs_environment; then printf '%s\n' "$of_environment"; fi
  [ "$service" != systemd-user ] || printf 'to keep it running while you are logged out: loginctl enable-linger\n'
  offer_deletion
}

monitor_options() { # As a shell reads them.
  [ -n "$watch$probe_url${flag_status_command#-}${flag_metrics_command#-}" ] || return 0
  {
    options
    [ -z "${flag_status_command#-}" ] || printf '%s\n' "--status-command=${flag_status_command#-}"
    [ -z "${flag_metrics_command#-}" ] || printf '%s\n' "--metrics-command=${flag_metrics_command#-}"
  } | sed "s/'/'\\\\''/g;s/.*/ '&'/" | tr -d '\n'
}

own_variables() { # What the agent needs in its environment, where cron starts it, to find its files.
  case $os/$system in linux/no) ;; *) return 0 ;; esac
  own_variable XDG_CONFIG_HOME "${XDG_CONFIG_HOME:-}" .config
  own_variable XDG_STATE_HOME "${XDG_STATE_HOME:-}" .local/state
}

own_variable() { # The variable $1 with the value $2, if that is not the usual one, $3 in the home.
  case $2 in "$HOME/$3") ;; /*) printf "%s='%s' " "$1" "$(printf '%s' "$2" | sed "s/'/'\\\\''/g")" ;; esac
}

offer_deletion() {
  [ -n "$baked_agent_id" ] && [ -f "$0" ] && grep "^  baked_agent_secret='ocs_" "$0" >/dev/null 2>&1 || return 0
  if [ "$yes" = no ] && [ -t 0 ]; then
    printf 'Delete "%s", which holds the secret? [y/N] ' "$0" >&2
    read -r answer || answer=''
    case $answer in [yY]*) yes=yes ;; esac
  fi
  if [ "$yes" = yes ] && rm -f "$0"; then printf 'deleted "%s", which held the secret\n' "$0"
  else printf 'delete "%s": it holds the secret\n' "$0"; fi
}

uninstall() {
  choose_places
  if [ ! -f "$manifest" ] && [ "$system" = yes ]; then at_user_places; fi
  [ -e "$manifest" ] || [ -h "$manifest" ] || die 4 "Cannot uninstall: there is no \"$manifest\" of this agent" 'run it as the user who installed it'
  check_readable
  read_manifest
  check_manifest
  check_removal
  if [ "$dry_run" = yes ]; then
    printf '%s\n' "$files" | sed 's/^/would remove /'
    return
  fi
  confirm "Remove the agent from $state?"
  if [ "$service" != none ] && [ "$(manifest_field program)" = binary ] && may_run "$program"; then
    "$program" service uninstall --name "$name" ${scope:+"$scope"} >&2 || {
      outcome=$?
      # A program that was killed has no exit code of its own.
      [ "$outcome" -lt 64 ] || outcome=1
      exit "$outcome"
    }
  else remove_all; fi
  # What a run that was killed has left.
  for file in "$credentials" "$enrollment"; do
    places_aside "$file"
    drop "$new" "$old"
  done
  drop_aside
  printf '%s\n' "$files" | sed 's/^/removed /'
  printf '%s' "$kept" | sed 's/^/kept, because it was changed: /'
}

remove_all() {
  stop_service
  is_stopped || die 1 "Cannot stop the service \"$service\": it still runs, or cannot be asked" 'stop it, then run the installer again with --uninstall'
  say_goodbye
  drop_second_name
  # A run that was killed leaves it.
  rm -f "$credentials.openclaw-lock"
  # The manifest is the last of them: until then, a run that failed or was interrupted can be repeated.
  remove "$(printf '%s\n' "$files" | grep -F -x -v -e "$manifest")"
  link=$(service_link)
  if [ -h "$link" ]; then
    remove "$link"
    rmdir "${link%/*}" 2>/dev/null || :
  fi
  remove "$manifest"
  [ ! -h "$state" ] || { rm -f "$state" && rmdir "$private_state"; } 2>/dev/null
  printf '%s\n' "$folders" | while IFS= read -r folder; do rmdir "$folder" 2>/dev/null || :; done
  case $service in systemd-*) systemd daemon-reload ;; esac
  [ "$service" != none ] || printf 'an agent that was started by hand still runs: stop it, too\n'
}

remove() { # The files in the lines of $1.
  printf '%s\n' "$1" | while IFS= read -r file; do
    rm -f "$file" "$file.openclaw-new" "$file.openclaw-old" "$file.openclaw-old.openclaw-new" 2>/dev/null
    for file in "$file" "$file.openclaw-new" "$file.openclaw-old"; do cannot_remove "$file"; done
  done || exit
}

cannot_remove() { # Dies if the file $1 is there.
  [ ! -e "$1" ] && [ ! -h "$1" ] || die 1 "Cannot remove \"$1\": this user may not" 'run it as the user who installed it, or as root'
}

check_removal() {
  printf '%s\n' "$files" | while IFS= read -r file; do
    [ -w "${file%/*}" ] || cannot_remove "$file"
  done || exit
}

# Sets $service, $files and $folders, as the manifest has them, and $kept: what is not as it was installed.
read_manifest() {
  service=$(manifest_field service) files='' kept=''
  place_service "$service"
  # What a program has installed has its folders, too.
  folders="$state
${session%/*}
$(folders_listed)"
  while IFS= read -r line; do
    file=${line#* }
    if [ "${line%% *}" = null ] || { [ ! -e "$file" ] && [ ! -h "$file" ]; } || is_ours "$file"; then files="$files$file
"
    else kept="$kept$file
"; fi
  done <<END_OF_ENTRIES
$(entries)
END_OF_ENTRIES
  files=$files$manifest
}

# Nothing is removed but what this installer or the program itself writes.
check_manifest() {
  bad=$(unknown_paths)
  [ -z "$bad" ] || die 5 "Cannot uninstall: \"$manifest\" lists what no installer writes: $(plain "$bad")" 'remove it by hand'
}

unknown_paths() { # What the manifest lists, and neither an installer nor the program writes.
  printf '%s\n' "$files" "$kept" | while IFS= read -r file; do
    case $file in
      */../*) printf '%s ' "$file" ;;
      '' | "$manifest" | "$credentials" | "$enrollment" | "$program" | "$service_file" | "$session" | "$state/openclaw.log") ;;
      "${session%/*}"/monitor-*.lock) ;;
      *) printf '%s ' "$file" ;;
    esac
  done
  printf '%s\n' "$folders" | while IFS= read -r folder; do
    case $state/ in "$folder"/*) continue ;; esac
    case $session in "$folder"/*) continue ;; esac
    case ${program%/*}/ in "$folder"/*) continue ;; esac
    case ${service_file%/*}/ in "$folder"/*) continue ;; esac
    case ${manifest%/*}/ in "$folder"/*) continue ;; esac
    [ -z "$folder" ] || printf '%s ' "$folder"
  done
}

say_goodbye() {
  if ! read_credentials "$credentials" 2>/dev/null; then
    say "warning: the server was not told that the agent stops: \"$credentials\" holds no credentials"
  elif shake_hands && beat stopping; then
    say "told $url that the agent stops"
  else
    say "warning: $url was not told that the agent stops"
  fi
  agent_secret=''
}

main() {
  unset agent
  # Without it, the rest would call functions that are not there.
  agent=$(agent_source) && eval "${agent%'{ agent_main'*}" && command -v farewell >/dev/null 2>&1 || {
    printf 'error: Cannot install: the shell cannot read what this installer brings along\n' >&2
    printf 'hint: set TMPDIR to a folder that can be written to\n' >&2
    exit 1
  }
  unset_secrets
  values
  read_environment
  export LC_ALL=C
  umask 077
  read_arguments "$@"
  case $mode in
    help) usage; return ;;
    version) printf '%s\n' "$version"; return ;;
  esac
  check_tools
  check_home
  check_platform
  choose_name "$flag_name"
  names
  "$mode"
}

main "$@"
}
