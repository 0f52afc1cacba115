# Who the node is, and who may come to it. The account has no role in the project: two secrets and the buckets of its sources.
resource "google_service_account" "node" {
  project      = var.project
  account_id   = "${var.name}-node"
  display_name = "Fogline cloud node ${var.name}"

  depends_on = [google_project_service.needed]
}

locals {
  # Buckets that the node fetches its release and its Node.js from; none where both come by https.
  source_buckets = toset([
    for url in [var.release_url, var.node_url] : split("/", trimprefix(url, "gs://"))[0] if startswith(url, "gs://")
  ])
}

resource "google_storage_bucket_iam_member" "sources" {
  for_each = local.source_buckets

  bucket = each.key
  role   = "roles/storage.objectViewer"
  member = google_service_account.node.member
}

resource "google_compute_instance_iam_member" "ssh" {
  for_each = var.operators

  project       = var.project
  zone          = local.zone
  instance_name = google_compute_instance.node.name
  role          = "roles/compute.osAdminLogin"
  member        = each.key

  lifecycle {
    replace_triggered_by = [google_compute_instance.node.instance_id]
  }
}

resource "google_iap_tunnel_instance_iam_member" "ssh" {
  for_each = var.operators

  project  = var.project
  zone     = local.zone
  instance = google_compute_instance.node.name
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.key

  lifecycle {
    replace_triggered_by = [google_compute_instance.node.instance_id]
  }
}

# OS Login wants it of everybody who logs in to a machine with an account of its own.
resource "google_service_account_iam_member" "ssh" {
  for_each = var.operators

  service_account_id = google_service_account.node.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.key
}
