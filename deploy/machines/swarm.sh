#!/bin/sh
# Makes machines with Docker one swarm; what is in it already stays. The first is the manager, the others workers:
#   vagrant up && vagrant ssh-config > ssh-config
#   SSH='ssh -F ssh-config' ./swarm.sh smgr=192.168.33.10 snode1=192.168.33.20,workload=service snode2=192.168.33.30,workload=database
set -eu

die() { echo "$*" >&2; exit 2; }
on() { host=$1; shift; ${SSH:-ssh} "$host" "$*" </dev/null; }
is_in() { [ "$(on "$1" docker info --format '{{.Swarm.LocalNodeState}}')" = active ]; }

[ $# -gt 0 ] || die "usage: $0 MANAGER=ADDRESS [WORKER=ADDRESS[,LABEL=VALUE]]..."
for machine in "$@"; do
  case $machine in ?*=[0-9]*.*) ;; *) die "$machine: expected NAME=ADDRESS or NAME=ADDRESS,LABEL=VALUE" ;; esac
done

manager=${1%%=*}
address=${1#*=}
address=${address%%,*}
is_in "$manager" || on "$manager" docker swarm init --advertise-addr "$address" >/dev/null
token=$(on "$manager" docker swarm join-token --quiet worker)

for machine in "$@"; do
  name=${machine%%=*}
  rest=${machine#*=}
  is_in "$name" || on "$name" docker swarm join --token "$token" --advertise-addr "${rest%%,*}" "$address:2377" >/dev/null
  case $rest in *,*) on "$manager" docker node update --label-add "${rest#*,}" "$(on "$name" docker info --format '{{.Swarm.NodeID}}')" >/dev/null ;; esac
done
on "$manager" docker node ls
