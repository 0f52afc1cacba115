# What cloud-init does on the node, of variables and files alone: the tests render it without any provider.
locals {
  zone         = var.zone == "" ? "${var.region}-a" : var.zone
  data_device  = "fogline-data"
  certs_secret = "${var.name}-certs"
  token_secret = "${var.name}-first-token"
  # What a cloud server needs of the folder that `fogline certs init` makes; never private/. node/secrets.sh takes no others.
  cert_files = "ca.pem cloud.pem edges.json revoked.json"

  labels = {
    application = "fogline"
    node        = var.name
  }

  # Read by node/setup.sh and node/secrets.sh, and by everybody on the node.
  node_env = {
    FOGLINE_DATA_DEVICE    = "/dev/disk/by-id/google-${local.data_device}"
    FOGLINE_CERTS_SECRET   = "projects/${var.project}/secrets/${local.certs_secret}"
    FOGLINE_TOKEN_SECRET   = "projects/${var.project}/secrets/${local.token_secret}"
    FOGLINE_RELEASE_URL    = var.release_url
    FOGLINE_RELEASE_SHA256 = var.release_sha256
    FOGLINE_NODE_URL       = var.node_url
    FOGLINE_NODE_SHA256    = var.node_sha256
  }

  # Stronger than /etc/fogline/cloud.ini, which install.sh writes and people change.
  cloud_settings = {
    FOGLINE_CLOUD_HTTP_HOST  = length(var.dashboard_source_ranges) > 0 ? "0.0.0.0" : "127.0.0.1"
    FOGLINE_CLOUD_HTTP_TOKEN = "always"
    FOGLINE_LINK_LISTEN_HOST = "0.0.0.0"
    FOGLINE_LINK_TLS         = "on"
    FOGLINE_LINK_CERTS_DIR   = "/etc/fogline/certs"
  }

  node_files = {
    "/usr/local/lib/fogline-node/install.sh" = { mode = "0755", text = file("${path.module}/../deploy/install.sh") }
    "/usr/local/lib/fogline-node/setup.sh"   = { mode = "0755", text = file("${path.module}/node/setup.sh") }
    "/usr/local/lib/fogline-node/secrets.sh" = { mode = "0755", text = file("${path.module}/node/secrets.sh") }
    "/usr/local/lib/fogline-node/google.sh"  = { mode = "0644", text = file("${path.module}/node/google.sh") }
    "/etc/fogline-node/node.env" = {
      mode = "0644"
      text = join("", [for key, value in local.node_env : "${key}='${value}'\n"])
    }
    "/etc/systemd/system/fogline-cloud.service.d/10-node.conf" = {
      mode = "0644"
      text = join("", concat(["[Service]\n"], [for key, value in local.cloud_settings : "Environment=${key}=${value}\n"]))
    }
    "/etc/systemd/system/fogline-node.service"         = { mode = "0644", text = file("${path.module}/node/fogline-node.service") }
    "/etc/systemd/system/fogline-node-secrets.service" = { mode = "0644", text = file("${path.module}/node/fogline-node-secrets.service") }
    "/etc/systemd/system/fogline-node-secrets.timer"   = { mode = "0644", text = file("${path.module}/node/fogline-node-secrets.timer") }
  }

  # yamlencode and base64: no file can break the YAML around it.
  cloud_config = {
    package_update = true
    packages       = ["ca-certificates", "curl", "xz-utils"]
    write_files = [for path, its in local.node_files : {
      path        = path
      owner       = "root:root"
      permissions = its.mode
      encoding    = "b64"
      content     = base64encode(its.text)
    }]
    runcmd = [
      ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "--no-block", "fogline-node.service"],
    ]
  }

  user_data = "#cloud-config\n${yamlencode(local.cloud_config)}"
}
