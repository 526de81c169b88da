#!/usr/bin/env bash
# Four hosts on this one machine, to try cluster.yaml without a cloud: `lap` (10.77.0.9), where a user types `ray up`,
# and head, w1, w2 (10.77.0.1 to .3). Each has network, process, mount, UTS and IPC namespaces of its own, a root that is
# an overlay over this machine's, private /tmp and /dev/shm, and sshd. /shared is one folder for all, as NFS would be.
#
#   lab.sh up                 start them; what an earlier lab left, whatever became of it, is cleaned away first
#   lab.sh enter HOST CMD...  run a command in one, as root
#   lab.sh kill HOST          kill -9 every process of one but its sshd: what ran there is dead, the host is there
#   lab.sh down               stop them, and leave nothing
#
#   PROJECT  checkout shown to `lap` as ~/gensweep, read-only; default: the one this file is in
#   VENV     Python environment shown to every host where it is here, read-only; default: $PROJECT/.venv
#   LAB      state: keys, logs, /shared; default: a folder of /tmp named after the checkout, so that labs do not meet
#
# Needs root, and Debian's openssh-server, rsync and iproute2; `up` ends with status 77 where hosts cannot be made. Nothing
# touches this machine's own network, and the hosts see no other.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export PROJECT=${PROJECT:-$(cd "$here/../.." && pwd)}
export VENV=${VENV:-$(cd "$PROJECT/.venv" && pwd -P)}
id=gensweep-$(printf %s "$PROJECT" | cksum | cut -d' ' -f1)
export LAB=${LAB:-/tmp/$id}
export HOSTS="lap:10.77.0.9 head:10.77.0.1 w1:10.77.0.2 w2:10.77.0.3"

skip() { echo "no lab here: $1"; exit 77; }

# A process of the host is known by its network namespace, which no other process of the machine is in.
pids() { ip netns pids "$id-$1" 2> /dev/null || true; }
init() { # the first process of the host
  for p in $(pids "$1"); do
    if [ "$(awk '/^NSpid/ {print $3}' "/proc/$p/status" 2> /dev/null)" = 1 ]; then echo "$p"; fi
  done
}

up() {
  [ "$(id -u)" = 0 ] || skip "only root may make hosts"
  for tool in ip rsync ssh-keygen /usr/sbin/sshd; do
    command -v "$tool" > /dev/null || skip "no $tool (apt-get install openssh-server rsync iproute2)"
  done
  down
  mkdir -p "$LAB/shared"
  ip netns add "$id-switch" 2> /dev/null || skip "network namespaces are not allowed"
  unshare --pid --fork --mount --uts --ipc true 2> /dev/null || skip "namespaces are not allowed"
  ssh-keygen -q -t ed25519 -N '' -f "$LAB/key"
  ip -n "$id-switch" link add br0 type bridge
  ip -n "$id-switch" link set br0 up
  for entry in $HOSTS; do start "${entry%%:*}" "${entry##*:}"; done
  for entry in $HOSTS; do
    name=${entry%%:*}
    for _ in $(seq 100); do [ -e "$LAB/$name.ready" ] && break; sleep 0.1; done
    [ -e "$LAB/$name.ready" ] || { echo "$name did not start:"; cat "$LAB/$name.log"; down; exit 1; }
  done
}

start() { # NAME ADDRESS
  ip netns add "$id-$1"
  ip -n "$id-switch" link add "v-$1" type veth peer name eth0 netns "$id-$1"
  ip -n "$id-switch" link set "v-$1" master br0 up
  ip -n "$id-$1" addr add "$2/24" dev eth0
  ip -n "$id-$1" link set eth0 up
  ip -n "$id-$1" link set lo up
  setsid ip netns exec "$id-$1" unshare --pid --fork --kill-child --mount --uts --ipc --propagation private \
    "$here/host.sh" "$1" > "$LAB/$1.log" 2>&1 < /dev/null &
}

enter() {
  name=$1 p=$(init "$1")
  shift
  [ -n "$p" ] || { echo "$name is not up: lab.sh up"; exit 1; }
  # Its standard input stays ours; its environment is that of a login, not of whoever calls.
  exec nsenter -t "$p" -a --root="/proc/$p/root" --wd="/proc/$p/root/home/lab" \
    env -i HOME=/home/lab TERM=dumb LANG=C.UTF-8 bash --login -c '"$@"' - "$@"
}

kill_host() {
  first=$(init "$1")
  for p in $(pids "$1"); do
    [ "$p" = "$first" ] || [ "$(cat "/proc/$p/comm" 2> /dev/null)" = sshd ] || kill -9 "$p" 2> /dev/null || true
  done
}

down() {
  for entry in $HOSTS switch:; do
    name=${entry%%:*}
    for p in $(pids "$name"); do kill -9 "$p" 2> /dev/null || true; done
    ip netns del "$id-$name" 2> /dev/null || true
  done
  rm -rf "$LAB"
}

case ${1:-} in
  up | enter | down) "$@" ;;
  kill) kill_host "$2" ;;
  *) sed -n '2,/^set/{/^set/!p}' "$0"; exit 2 ;;
esac
