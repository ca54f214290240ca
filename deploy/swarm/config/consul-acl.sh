#!/bin/sh
# Policies and tokens, each made once: of the agents, of Muster, and what anybody may read (DNS).
set -eu
secret() { cat "/run/secrets/$1"; }

policy() { # NAME RULES
  consul acl policy read -name "$1" >/dev/null 2>&1 || consul acl policy create -name "$1" -rules "$2"
}
token() { # POLICY SECRET
  CONSUL_HTTP_TOKEN_FILE='' CONSUL_HTTP_TOKEN="$2" consul acl token read -self >/dev/null 2>&1 ||
    consul acl token create -description "$1" -policy-name "$1" -secret "$2" >/dev/null
}

consul acl token read -self >/dev/null # fails while there is no leader, and the whole is tried again
policy agents 'node_prefix "" { policy = "write" } service_prefix "" { policy = "read" }'
policy muster 'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" } node_prefix "muster:" { policy = "write" }
  agent_prefix "" { policy = "read" } session_prefix "" { policy = "write" } key_prefix "muster/" { policy = "write" }'
policy everybody 'service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }'
token agents "$(secret consul_agent_token)"
token muster "$(secret consul_muster_token)"
consul acl token update -id anonymous -policy-name everybody >/dev/null
echo "policies and tokens are there"
