#!/bin/sh
# Makes the secrets of all stacks on a manager, at random; those that are there already stay as they are.
# NAME=VALUE sets one that an image knows already:
#   ./secrets.sh voting_db_password=postgres nk_arango_password=openSesame
set -eu

uuid() { cat /proc/sys/kernel/random/uuid; }
key() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }

create() { # NAME VALUE
  if docker secret inspect "$1" >/dev/null 2>&1; then
    echo "$1: is there"
  else
    printf %s "$2" | docker secret create "$1" - >/dev/null
    echo "$1: made"
  fi
}

for given in "$@"; do
  case $given in
    ?*=?*) create "${given%%=*}" "${given#*=}" ;;
    *)
      echo "$given: expected NAME=VALUE" >&2
      exit 2
      ;;
  esac
done
create consul_gossip_key "$(key)"
for name in consul_management_token consul_agent_token consul_muster_token; do create "$name" "$(uuid)"; done
for name in kong_pg_password muster_http_token muster_swarm_secret grafana_admin_password \
  nk_arango_password voting_db_password; do create "$name" "$(key | tr +/ -_)"; done
