#!/bin/sh
# Stands in for systemctl where no systemd runs: does with a unit what systemd would, as far as root in a mount
# namespace of its own can. What it is told to do is written to $SYSTEMCTL_STATE/log; with $SYSTEMCTL_STATE/deaf there,
# it does and answers nothing, as where its bus cannot be reached.
set -eu
state=$SYSTEMCTL_STATE
[ ! -e "$state/deaf" ] || { echo 'Failed to connect to bus: No such file or directory' >&2; exit 1; }
case $* in *is-active* | *show\ *) ;; *) printf '%s\n' "$*" >>"$state/log" ;; esac
for word; do case $word in *.service) name=${word%.service} ;; esac; done
[ -n "${name:-}" ] || name=$(cat "$state/name" 2>/dev/null || echo openclaw-agent)
printf '%s\n' "$name" >"$state/name"
unit=/etc/systemd/system/$name.service
if [ "$1" = --user ]; then
  shift
  unit=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/$name.service
fi

running() { [ -f "$state/pid" ] && kill -0 "$(cat "$state/pid")" 2>/dev/null; }

stop() {
  running || return 0
  kill -TERM "$(cat "$state/pid")"
  # As long as systemd waits by default.
  tries=900
  while running && [ "$tries" -gt 0 ]; do
    tries=$((tries - 1))
    sleep 0.1
  done
  if running; then return 1; fi
  rm -f "$state/pid"
}

setting() { sed -n "s/^$1=//p" "$unit"; }

# DynamicUser= with StateDirectory=: an existing folder is moved to /var/lib/private and given to the user.
migrate() {
  [ -h "/var/lib/$name" ] || {
    mkdir -p /var/lib/private
    mv "/var/lib/$name" "/var/lib/private/$name"
    ln -s "private/$name" "/var/lib/$name"
  }
  # As systemd does: what is below is looked at only if the folder itself is somebody else's.
  [ "$(stat -c %u "/var/lib/private/$name")" = 61234 ] || chown -R 61234:61234 "/var/lib/private/$name"
  # It is traversed by way of a bind mount there; here the way has to be open.
  chmod 711 /var/lib/private
}

start() {
  named=$(setting Environment | sed 's/^"\(OPENCLAW_NAME=[^"]*\)" .*$/\1/')
  environment=$(setting Environment | sed 's/^"OPENCLAW_NAME=[^"]*" //;s/" "XDG_STATE_HOME=.*$//;s/^"//;s/"$//;s/%%/%/g;s/\\\(.\)/\1/g')
  if [ "$(setting DynamicUser)" = yes ]; then
    migrate
    # shellcheck disable=SC2016 # it is expanded by the inner shell
    setsid unshare -m sh -c '
      mount --bind / / && mount -o remount,ro,bind /
      mount -t tmpfs none /tmp && mount -t tmpfs none /home && mount -t tmpfs none /root
      exec env -i "$1" "$3" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin setpriv --reuid=61234 \
        --regid=61234 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all sh -c "exec $2"
    ' sh "$environment" "$(setting ExecStart)" "$named" >>"$state/journal" 2>&1 </dev/null &
  else
    # What systemd reads between quotes, a shell reads almost alike.
    # shellcheck disable=SC2016 # they are for sed
    command=$(setting ExecStart | sed 's/%%/%/g;s/\$\$/\\$/g;s/`/\\`/g')
    setsid env -i "$named" "$environment" HOME="$HOME" PATH="$PATH" PYTHONPATH="${PYTHONPATH:-}" sh -c "exec $command" >>"$state/journal" 2>&1 </dev/null &
  fi
  printf '%s\n' "$!" >"$state/pid"
}

case $1 in
  show-environment | daemon-reload | enable) ;;
  is-active)
    shown=inactive code=3
    if running; then shown=active code=0; fi
    case $* in *--quiet*) ;; *) echo "$shown" ;; esac
    exit "$code"
    ;;
  show)
    # "-p ActiveState", in one word or two.
    case $* in
      *FragmentPath*)
        # A package's unit of the name lies in $state/elsewhere.
        for file in "$unit" "$(cat "$state/elsewhere" 2>/dev/null)"; do
          [ ! -f "$file" ] || { printf 'FragmentPath=%s\n' "$file" && exit; }
        done
        echo FragmentPath=
        exit
        ;;
      *ActiveState*) ;;
      *) exit 64 ;;
    esac
    if running; then echo ActiveState=active; else echo ActiveState=inactive; fi
    ;;
  restart)
    # Once, so that a second attempt shows what the first one left behind.
    [ ! -e "$state/fail" ] || { rm "$state/fail" && exit 1; }
    stop
    start
    ;;
  stop | disable) stop ;;
  *) exit 64 ;;
esac
