# Google's addresses from which a tunnel of Identity-Aware Proxy comes.
locals {
  iap_range = "35.235.240.0/20"
}

resource "google_project_service" "needed" {
  for_each = toset(["compute.googleapis.com", "iap.googleapis.com", "iam.googleapis.com", "secretmanager.googleapis.com"])

  project            = var.project
  service            = each.key
  disable_on_destroy = false
}

resource "google_compute_network" "node" {
  project                         = var.project
  name                            = var.name
  description                     = "Only Fogline's cloud node is in it."
  auto_create_subnetworks         = false
  delete_default_routes_on_create = false

  depends_on = [google_project_service.needed]
}

resource "google_compute_subnetwork" "node" {
  project                  = var.project
  region                   = var.region
  name                     = var.name
  network                  = google_compute_network.node.id
  ip_cidr_range            = var.subnet_range
  private_ip_google_access = true

  # A tenth of the flows, every 15 minutes: enough to see who came, and next to free.
  log_config {
    aggregation_interval = "INTERVAL_15_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

resource "google_compute_address" "node" {
  project      = var.project
  region       = var.region
  name         = var.name
  address_type = "EXTERNAL"
  description  = "Edges know the node by it; it stays when the node is replaced."

  depends_on = [google_project_service.needed]
}

resource "google_compute_firewall" "ssh" {
  project                 = var.project
  name                    = "${var.name}-ssh"
  description             = "ssh through Identity-Aware Proxy; nobody else reaches port 22."
  network                 = google_compute_network.node.id
  direction               = "INGRESS"
  source_ranges           = [local.iap_range]
  target_service_accounts = [google_service_account.node.email]

  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}

resource "google_compute_firewall" "link" {
  count = length(var.edge_source_ranges) > 0 ? 1 : 0

  project                 = var.project
  name                    = "${var.name}-link"
  description             = "Edges: heartbeats and data, mutual TLS."
  network                 = google_compute_network.node.id
  direction               = "INGRESS"
  source_ranges           = var.edge_source_ranges
  target_service_accounts = [google_service_account.node.email]

  allow {
    protocol = "tcp"
    ports    = ["63270", "63271"]
  }
}

resource "google_compute_firewall" "dashboard" {
  count = length(var.dashboard_source_ranges) > 0 ? 1 : 0

  project                 = var.project
  name                    = "${var.name}-dashboard"
  description             = "The page and the API, which demand a token."
  network                 = google_compute_network.node.id
  direction               = "INGRESS"
  source_ranges           = var.dashboard_source_ranges
  target_service_accounts = [google_service_account.node.email]

  allow {
    protocol = "tcp"
    ports    = ["5006"]
  }
}
