# Filled in by the engine (template_driver: golang). Addresses and the role are on the command line.
datacenter = "dc1"
leave_on_terminate = false
skip_leave_on_interrupt = true
disable_update_check = true
enable_script_checks = false
encrypt = "{{ secret "consul_gossip_key" }}"
acl {
  enabled = true
  default_policy = "deny"
  tokens {
    initial_management = "{{ secret "consul_management_token" }}"
    agent = "{{ secret "consul_agent_token" }}"
  }
}
