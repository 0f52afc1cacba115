variable "project" {
  description = "Id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project's id has 6 to 30 lower-case letters, digits and hyphens; not its name, not its number."
  }
}

variable "region" {
  description = "Where everything lies: node, address, disks, snapshots, secrets."
  type        = string
  default     = "europe-west3"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region looks like europe-west3."
  }
}

variable "zone" {
  description = "Zone of the region, for node and data disk; empty = its zone a."
  type        = string
  default     = ""

  validation {
    condition     = var.zone == "" || can(regex("^${var.region}-[a-z]$", var.zone))
    error_message = "A zone is one of the region: its name, a hyphen and a letter."
  }
}

variable "name" {
  description = "Name of the node; begins the name of everything that belongs to it. Two nodes in one project need two names."
  type        = string
  default     = "fogline"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,18}[a-z0-9]$", var.name))
    error_message = "A name has 4 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "machine_type" {
  description = "Size of the node. The smallest that is enough for some hundred households has 2 GB of memory; x86-64, for the release holds programs for it."
  type        = string
  default     = "e2-small"

  validation {
    condition     = can(regex("^(e2|n1|n2|n2d|n4|c2|c2d|c3|c3d|t2d)-[a-z0-9-]+$", var.machine_type)) && var.machine_type != "e2-micro"
    error_message = "A machine type of x86-64 with 2 GB of memory or more, e.g. e2-small (not t2a, c4a: those are arm64)."
  }
}

variable "boot_image" {
  description = "Exactly which Ubuntu 24.04 the node starts from. No family: two applies shall give the same node. Not Debian's image on Google Compute: it has no cloud-init."
  type        = string

  validation {
    condition     = can(regex("^projects/ubuntu-os-cloud/global/images/ubuntu-(minimal-)?2404-noble-amd64-v[0-9]{8}[a-z]?$", var.boot_image))
    error_message = "One image of Ubuntu 24.04 for amd64, with its date: projects/ubuntu-os-cloud/global/images/ubuntu-2404-noble-amd64-vYYYYMMDD. README.md has the command that finds it."
  }
}

variable "data_disk_gb" {
  description = "Size of the disk that holds all that the cloud server keeps. It can grow (with the next start of the node), never shrink."
  type        = number
  default     = 20

  validation {
    condition     = var.data_disk_gb >= 10 && var.data_disk_gb <= 65536 && floor(var.data_disk_gb) == var.data_disk_gb
    error_message = "A data disk has 10 to 65536 whole GB."
  }
}

variable "data_snapshot" {
  description = "Name of a snapshot that the data disk is made from; empty = a blank one. Another word here replaces the disk and the node: what is on the disk now is gone, but for its snapshots."
  type        = string
  default     = ""

  validation {
    condition     = var.data_snapshot == "" || can(regex("^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$", var.data_snapshot))
    error_message = "The name of a snapshot, as `gcloud compute snapshots list` shows it."
  }
}

variable "snapshot_hours" {
  description = "Hours between two snapshots of the data disk. Below the edges' edge.outbox_keep_hours (24), so that they refill what a restored snapshot lacks."
  type        = number
  default     = 12

  validation {
    condition     = contains([1, 2, 3, 4, 6, 8, 12], var.snapshot_hours)
    error_message = "Hours between snapshots divide a day and are at most half of one: 1, 2, 3, 4, 6, 8 or 12."
  }
}

variable "snapshot_keep_days" {
  description = "Days for which snapshots are kept, also when the disk is gone."
  type        = number
  default     = 14

  validation {
    condition     = var.snapshot_keep_days >= 1 && var.snapshot_keep_days <= 365
    error_message = "Snapshots are kept for 1 to 365 days."
  }
}

variable "subnet_range" {
  description = "Private addresses of the node's own subnet. Only the node is in it."
  type        = string
  default     = "10.63.27.0/29"

  validation {
    condition     = can(cidrnetmask(var.subnet_range)) && try(tonumber(split("/", var.subnet_range)[1]), 0) >= 16
    error_message = "A range of IPv4 addresses of /16 to /29, e.g. 10.63.27.0/29."
  }
}

variable "allow_public" {
  description = "What may be open to very wide ranges, 0.0.0.0/0 among them: \"edges\" (the link, which has mutual TLS), \"dashboard\" (the page, plain HTTP with a token)."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.allow_public, ["edges", "dashboard"])) == 0
    error_message = "Only \"edges\" and \"dashboard\" can be made public."
  }
}

variable "edge_source_ranges" {
  description = "Addresses from which edges reach the link, as IPv4 ranges. Empty = no edge reaches this node."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.edge_source_ranges : can(cidrnetmask(range))])
    error_message = "IPv4 ranges like 203.0.113.7/32."
  }

  validation {
    condition = contains(var.allow_public, "edges") || alltrue([
      for range in var.edge_source_ranges : try(tonumber(split("/", range)[1]), 0) >= 8
    ])
    error_message = "A range wider than /8 (0.0.0.0/0 is the world) opens the link to strangers: name the edges' addresses, or say allow_public = [\"edges\"]."
  }
}

variable "dashboard_source_ranges" {
  description = "Addresses from which the page is opened at http://ADDRESS:5006, as IPv4 ranges. Empty = through a tunnel only. Without TLS a token can be read on the way."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for range in var.dashboard_source_ranges : can(cidrnetmask(range))])
    error_message = "IPv4 ranges like 203.0.113.7/32."
  }

  validation {
    condition = contains(var.allow_public, "dashboard") || alltrue([
      for range in var.dashboard_source_ranges : try(tonumber(split("/", range)[1]), 0) >= 8
    ])
    error_message = "A range wider than /8 (0.0.0.0/0 is the world) opens the page to strangers: name your addresses, use the tunnel, or say allow_public = [\"dashboard\"]."
  }
}

variable "operators" {
  description = "Who may ssh to the node, read the first token and hand over certificates, beside the project's owners: e.g. user:ada@example.org. They need roles/compute.viewer in the project too."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for who in var.operators : can(regex("^(user|group|serviceAccount):[^@ ]+@[^@ ]+$", who))])
    error_message = "An operator is user:, group: or serviceAccount: with an address; never allUsers."
  }
}

variable "release_url" {
  description = "Fogline's release, made by `npm run release`: https://… or gs://BUCKET/OBJECT (the node may read that bucket)."
  type        = string

  validation {
    condition     = can(regex("^(https://[^\\s'\"]+|gs://[a-z0-9][a-z0-9._-]+/[^\\s'\"]+)-linux-x64\\.tar\\.gz$", var.release_url))
    error_message = "https:// or gs://, and a name that ends in -linux-x64.tar.gz: a release made on Linux for x86-64."
  }
}

variable "release_sha256" {
  description = "Its SHA-256, as in the .sha256 file beside it. Another one is not installed."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.release_sha256))
    error_message = "64 lower-case hex digits: the first word of the .sha256 file."
  }
}

variable "node_url" {
  description = "Node.js for linux-x64 as a tar, of the major version that made the release: https://… or gs://BUCKET/OBJECT."
  type        = string

  validation {
    condition     = can(regex("^(https://[^\\s'\"]+|gs://[a-z0-9][a-z0-9._-]+/[^\\s'\"]+)\\.(tar\\.gz|tar\\.xz|tgz)$", var.node_url))
    error_message = "https:// or gs://, and a name that ends in .tar.gz, .tgz or .tar.xz."
  }
}

variable "node_sha256" {
  description = "Its SHA-256, as in the SHASUMS256.txt beside it."
  type        = string

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.node_sha256))
    error_message = "64 lower-case hex digits: the first word of its line in SHASUMS256.txt."
  }
}

variable "deletion_protection" {
  description = "Nobody deletes the node, terraform neither, until this is false again. It stands in the way of a new release too: that is a new node."
  type        = bool
  default     = false
}
