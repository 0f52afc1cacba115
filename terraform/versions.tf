terraform {
  # 1.9: a validation may look at another variable. Whoever applies brings a Terraform of their own, so a range, below 2.
  required_version = "~> 1.9"

  # Exactly the one that provider-table.json was made of. A newer one: change PROVIDER in scripts/provider-table.ts, run it, test, say it here.
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "6.50.0"
    }
  }
}
