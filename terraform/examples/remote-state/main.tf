# The node with its state in a bucket, for more than one person. Make the bucket once (README.md, remote state), then:
#   terraform init -backend-config=bucket=BUCKET
terraform {
  required_version = "~> 1.9"

  # The bucket is said at init: a backend's settings know no variables. It locks the state while somebody applies.
  backend "gcs" {
    prefix = "fogline"
  }

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }
}

variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "boot_image" {
  description = "Exactly which Ubuntu 24.04 the node starts from."
  type        = string
}

variable "edge_source_ranges" {
  description = "Addresses from which edges reach the link."
  type        = list(string)
  default     = []
}

variable "release_url" {
  description = "Fogline's release."
  type        = string
}

variable "release_sha256" {
  description = "Its SHA-256."
  type        = string
}

variable "node_url" {
  description = "Node.js for linux-x64."
  type        = string
}

variable "node_sha256" {
  description = "Its SHA-256."
  type        = string
}

module "node" {
  source = "../.."

  project            = var.project
  boot_image         = var.boot_image
  edge_source_ranges = var.edge_source_ranges
  release_url        = var.release_url
  release_sha256     = var.release_sha256
  node_url           = var.node_url
  node_sha256        = var.node_sha256
}

output "node" {
  description = "All that the module says."
  value       = module.node
}
