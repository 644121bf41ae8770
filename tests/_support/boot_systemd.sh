#!/bin/sh
# Boots a systemd of its own on a copy of this host that is thrown away: what it writes goes to memory. It shares
# the host's network and $1, a folder. It is started in namespaces of its own: unshare -mpiuCf <this file> <folder>.
set -eu
shared=$1

mount --make-rprivate /
space=$shared/copy
mkdir "$space"
mount -t tmpfs -o mode=755 none "$space"
mkdir "$space/upper" "$space/work" "$space/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$space/upper,workdir=$space/work" "$space/root"
cd "$space/root"
mount -t proc none proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs -o mode=755 none dev
for one in null zero full random urandom tty; do
  : >"dev/$one"
  mount --bind "/dev/$one" "dev/$one"
done
mkdir dev/pts dev/shm dev/mqueue
mount -t tmpfs none dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 none dev/pts
mount -t mqueue none dev/mqueue
ln -s pts/ptmx dev/ptmx
mount -t sysfs -o ro none sys
mount -t cgroup2 none sys/fs/cgroup
for one in run tmp var/lib var/log; do
  mount -t tmpfs -o mode=755 none "$one"
done
chmod 1777 tmp dev/shm
mkdir -p ".$shared" run/lock
mount --bind "$shared" ".$shared"

# Nothing of what the host itself has installed is started, and nothing of openclaw's is there yet.
rm -rf etc/systemd/system usr/local/bin/openclaw-agent
mkdir -p etc/systemd/system
for one in systemd-udevd systemd-udev-trigger systemd-resolved systemd-timesyncd systemd-networkd systemd-logind \
  systemd-modules-load getty@tty1 systemd-remount-fs; do
  ln -s /dev/null "etc/systemd/system/$one.service"
done
: >etc/machine-id
: >etc/fstab

mkdir run/host-root
pivot_root . run/host-root
# What systemd mounts for a service in a namespace of its own, credentials, has to arrive here. In a container it takes
# for granted that somebody saw to that.
exec env -i container=openclaw-test PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  sh -c 'umount -l /run/host-root && mount --make-rshared / && exec /lib/systemd/systemd --unit=basic.target --log-target=journal' \
  </dev/null >/dev/null 2>&1
