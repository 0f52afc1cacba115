# What the cloud server keeps lies on a disk of its own: a new release is a new node with the same disk.
resource "google_compute_disk" "data" {
  #checkov:skip=CKV_GCP_37:Google encrypts every disk with keys of its own. A customer's key would have to be kept outside and be there at every start, or the data are lost.
  project = var.project
  zone    = local.zone
  name    = "${var.name}-data"
  type    = "pd-balanced"
  size    = var.data_disk_gb
  # A restored one is as large as it was, or larger.
  snapshot = var.data_snapshot == "" ? null : var.data_snapshot
  labels   = local.labels

  depends_on = [google_project_service.needed]
}

# A snapshot is like a power cut, which the store outlives; edges refill what is newer from their outboxes.
resource "google_compute_resource_policy" "snapshots" {
  project = var.project
  region  = var.region
  name    = "${var.name}-snapshots"

  snapshot_schedule_policy {
    schedule {
      hourly_schedule {
        hours_in_cycle = var.snapshot_hours
        start_time     = "02:00"
      }
    }

    retention_policy {
      max_retention_days    = var.snapshot_keep_days
      on_source_disk_delete = "KEEP_AUTO_SNAPSHOTS"
    }

    snapshot_properties {
      labels            = local.labels
      storage_locations = [var.region]
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_compute_disk_resource_policy_attachment" "snapshots" {
  project = var.project
  zone    = local.zone
  disk    = google_compute_disk.data.name
  name    = google_compute_resource_policy.snapshots.name

  # A new disk has the same name and no policy.
  lifecycle {
    replace_triggered_by = [google_compute_disk.data.disk_id]
  }
}
