#!/usr/bin/env bash
# The first process of one host's namespaces (see lab.sh): builds its root, then runs sshd and reaps orphans.
set -euo pipefail
name=$1
mount -t tmpfs -o size=2g tmpfs /mnt # in a mount namespace of our own
mkdir /mnt/upper /mnt/work /mnt/root
root=/mnt/root
mount -t overlay overlay -o "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work" $root
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount --rbind /dev $root/dev
mount -t tmpfs -o size=1g tmpfs $root/dev/shm
mount -t tmpfs tmpfs $root/run
mkdir -p $root/run/sshd
mount -t tmpfs -o size=2g tmpfs $root/tmp
chmod 1777 $root/tmp
show() { # FROM TO: a folder of the machine, read-only
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
}
show "$VENV" "$VENV"
mkdir -p $root/shared
mount --bind "$LAB/shared" $root/shared

# A home as on a fresh machine: nothing in it but the key that opens the door.
home=$root/home/lab
sed -i 's,^\(root:.*:\)/root:,\1/home/lab:,' $root/etc/passwd
mkdir -p -m 700 $home/.ssh
cp "$LAB/key.pub" $home/.ssh/authorized_keys
if [ "$name" = lap ]; then
  cp "$LAB/key" $home/.ssh/key
  show "$PROJECT" /home/lab/gensweep
fi
# Ray logs in with `bash --login -i`, which reads .bashrc only where the profile says so, as it does on Debian.
echo '. ~/.bashrc' > $home/.profile
touch $home/.bashrc
if [ "$name" = lap ]; then echo "export PATH=$VENV/bin:\$PATH RAY_AUTH_MODE=token" > $home/.bashrc; fi
hostname "$name"
{ echo 127.0.0.1 localhost; tr ' ' '\n' <<< "$HOSTS" | sed 's/\(.*\):\(.*\)/\2 \1/'; } > $root/etc/hosts
touch "$LAB/$name.ready"
exec chroot $root /bin/bash -c 'cd /; /usr/sbin/sshd -D -e & while :; do wait -n || true; sleep 1 & wait $!; done'
