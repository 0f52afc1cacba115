# Another start-up (a new release, another address for the page to listen on) is another node: cloud-init runs once in its life.
resource "terraform_data" "startup" {
  triggers_replace = sha256(local.user_data)
}

resource "google_compute_instance" "node" {
  #checkov:skip=CKV_GCP_38:Google encrypts every disk with keys of its own, and the boot disk holds nothing that could not be made again.
  #checkov:skip=CKV_GCP_40:Edges in homes reach the node over the internet. The firewall names who may, and the link is mutual TLS.
  project                   = var.project
  zone                      = local.zone
  name                      = var.name
  description               = "Fogline's cloud server."
  machine_type              = var.machine_type
  labels                    = local.labels
  deletion_protection       = var.deletion_protection
  allow_stopping_for_update = true
  can_ip_forward            = false

  boot_disk {
    auto_delete = true

    initialize_params {
      image  = var.boot_image
      size   = 15
      type   = "pd-balanced"
      labels = local.labels
    }
  }

  attached_disk {
    source      = google_compute_disk.data.id
    device_name = local.data_device
    mode        = "READ_WRITE"
  }

  network_interface {
    subnetwork = google_compute_subnetwork.node.id

    access_config {
      nat_ip       = google_compute_address.node.address
      network_tier = "PREMIUM"
    }
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  # The scope says what could be asked for; what is granted is in identity.tf and secrets.tf.
  service_account {
    email  = google_service_account.node.email
    scopes = ["cloud-platform"]
  }

  scheduling {
    automatic_restart   = true
    on_host_maintenance = "MIGRATE"
    preemptible         = false
    provisioning_model  = "STANDARD"
  }

  # Everybody on the node reads this: nothing in it is secret.
  metadata = {
    enable-oslogin         = "TRUE"
    block-project-ssh-keys = "TRUE"
    serial-port-enable     = "FALSE"
    user-data              = local.user_data
  }

  lifecycle {
    replace_triggered_by = [terraform_data.startup, google_compute_disk.data.disk_id]
  }

  depends_on = [
    google_secret_manager_secret_iam_member.node_reads_certs,
    google_secret_manager_secret_iam_member.node_adds_token,
    google_storage_bucket_iam_member.sources,
  ]
}
