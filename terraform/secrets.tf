# Containers only. Terraform keeps what it knows of a secret's version in its state, so it knows none: you put the certificates in,
# the node puts the first token in, and each of both can do nothing else.
resource "google_secret_manager_secret" "certs" {
  project   = var.project
  secret_id = local.certs_secret
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret" "first_token" {
  project   = var.project
  secret_id = local.token_secret
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_iam_member" "node_reads_certs" {
  project   = var.project
  secret_id = google_secret_manager_secret.certs.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.node.member
}

resource "google_secret_manager_secret_iam_member" "node_adds_token" {
  project   = var.project
  secret_id = google_secret_manager_secret.first_token.secret_id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = google_service_account.node.member
}

resource "google_secret_manager_secret_iam_member" "operator_adds_certs" {
  for_each = var.operators

  project   = var.project
  secret_id = google_secret_manager_secret.certs.secret_id
  role      = "roles/secretmanager.secretVersionAdder"
  member    = each.key
}

resource "google_secret_manager_secret_iam_member" "operator_reads_token" {
  for_each = var.operators

  project   = var.project
  secret_id = google_secret_manager_secret.first_token.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.key
}
