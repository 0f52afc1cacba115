locals {
  page          = "http://${google_compute_address.node.address}:5006"
  node_flags    = "${var.name} --project=${var.project} --zone=${local.zone}"
  certs_command = "tar -C ca -cz ${local.cert_files} | gcloud secrets versions add ${local.certs_secret} --project=${var.project} --data-file=-"
}

output "address" {
  description = "The node's static address: edges find the cloud here, and it is the name in its certificate."
  value       = google_compute_address.node.address
}

output "dashboard_url" {
  description = "The page, and what it takes to open it there."
  value = length(var.dashboard_source_ranges) > 0 ? local.page : join("", [
    "${local.page} is shut: use tunnel_command, or set dashboard_source_ranges to your address ",
    "(dashboard_source_ranges = [\"YOUR.ADDRESS/32\"]; for 0.0.0.0/0 also allow_public = [\"dashboard\"])",
  ])
}

output "tunnel_command" {
  description = "Run it, leave it running, open http://127.0.0.1:5006."
  value       = "gcloud compute ssh ${local.node_flags} --tunnel-through-iap -- -N -L 5006:127.0.0.1:5006"
}

output "ssh_command" {
  description = "A shell on the node, through Identity-Aware Proxy."
  value       = "gcloud compute ssh ${local.node_flags} --tunnel-through-iap"
}

output "first_token_command" {
  description = "The first token for the page. The node has put it there when it was set up; take it, then destroy the version."
  value       = "gcloud secrets versions access latest --secret=${local.token_secret} --project=${var.project}"
}

output "certificate_commands" {
  description = "Once, on a machine that you trust and that keeps the folder ca: the cloud's certificate. The node has it within two minutes."
  value = join("\n", [
    "npx fogline certs init --host ${google_compute_address.node.address} --dir ca",
    local.certs_command,
  ])
}

output "edge_bundle_commands" {
  description = "A bundle for an edge: made in the folder ca, then told to the node. Carry edge-1.pem to the edge."
  value = join("\n", [
    "npx fogline certs edge edge-1 --any-household --out edge-1.pem --dir ca",
    local.certs_command,
  ])
}

output "node_log_command" {
  description = "What the node said while it was set up."
  value       = "gcloud compute ssh ${local.node_flags} --tunnel-through-iap --command='sudo journalctl -u fogline-node -u fogline-node-secrets -u fogline-cloud -n 100'"
}
