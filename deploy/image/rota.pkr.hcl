# An image with rota installed, for Packer: Amazon Linux 2023 with the rpm of `./dev package`. It has no configuration, and so serves every
# group: each says what it is by user data (../cloud-init/image.toml) or by its instances' tags (rota:zone, rota:name and so on).
packer {
  required_plugins {
    amazon = {
      source  = "github.com/hashicorp/amazon"
      version = ">= 1.2"
    }
  }
}

variable "package" {
  description = "The rpm."
  type        = string
}

variable "region" {
  type    = string
  default = "eu-central-1"
}

source "amazon-ebs" "al2023" {
  region        = var.region
  instance_type = "t3.micro"
  ssh_username  = "ec2-user"
  ami_name      = "rota-{{timestamp}}"
  imds_support  = "v2.0"

  source_ami_filter {
    owners      = ["amazon"]
    most_recent = true
    filters = {
      name                = "al2023-ami-2023.*-x86_64"
      virtualization-type = "hvm"
    }
  }

  metadata_options {
    http_tokens = "required"
  }
}

build {
  sources = ["source.amazon-ebs.al2023"]

  provisioner "file" {
    source      = var.package
    destination = "/tmp/rota.rpm"
  }

  # Enabled, not started: the machine that builds the image is no member. With the first boot of an instance it joins, last of all.
  provisioner "shell" {
    inline = [
      "sudo dnf install -y /tmp/rota.rpm",
      "sudo systemctl enable rota-agent",
      "rm /tmp/rota.rpm",
      # An order to stay out would be one for every instance of the image.
      "sudo rm -f /var/lib/rota-agent/drain",
    ]
  }
}
