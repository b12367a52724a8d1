# An auto-scaling group whose instances join a rota, weighted DNS records at Route 53, and leave it before they go.
terraform {
  required_version = ">= 1.3"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.0"
    }
  }
}

data "aws_partition" "here" {}
data "aws_region" "here" {}
data "aws_caller_identity" "here" {}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_route53_zone" "made" {
  count = var.zone_id == "" ? 1 : 0
  name  = var.zone_name
}

locals {
  zone_id = var.zone_id == "" ? aws_route53_zone.made[0].zone_id : var.zone_id
}

resource "aws_iam_role" "instance" {
  name_prefix = "${var.name}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.${data.aws_partition.here.dns_suffix}" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "agent" {
  name = "rota-agent"
  role = aws_iam_role.instance.id
  policy = templatefile("${path.module}/../iam/agent.json", {
    partition   = data.aws_partition.here.partition
    region      = data.aws_region.here.name
    account     = data.aws_caller_identity.here.account_id
    zone_id     = local.zone_id
    record_name = var.record_name
    group       = var.name
  })
}

resource "aws_iam_instance_profile" "instance" {
  name_prefix = "${var.name}-"
  role        = aws_iam_role.instance.name
}

resource "aws_security_group" "door" {
  name_prefix = "${var.name}-"
  description = "The service behind ${var.record_name}"
  vpc_id      = var.vpc_id

  ingress {
    protocol    = "tcp"
    from_port   = var.port
    to_port     = var.port
    cidr_blocks = [var.client_cidr]
  }

  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_launch_template" "instance" {
  name_prefix            = "${var.name}-"
  image_id               = var.image_id == "" ? data.aws_ssm_parameter.image.insecure_value : var.image_id
  instance_type          = var.instance_type
  vpc_security_group_ids = [aws_security_group.door.id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.instance.arn
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  user_data = base64encode(templatefile("${path.module}/../cloud-init/agent.yaml", {
    zone_id        = local.zone_id
    record_name    = var.record_name
    address        = var.address
    ttl            = var.ttl
    port           = var.port
    health_path    = var.health_path
    application    = var.application
    package_url    = var.package_url
    package_sha256 = var.package_sha256
  }))
}

resource "aws_autoscaling_group" "rota" {
  name                = var.name
  vpc_zone_identifier = var.subnet_ids
  min_size            = var.size
  max_size            = var.max_size

  launch_template {
    id      = aws_launch_template.instance.id
    version = aws_launch_template.instance.latest_version
  }

  # An instance is in service when it is in its rota, and stays up until it has left and drained. CONTINUE also where it cannot say so:
  # a failure of DNS ends nothing and keeps nothing alive.
  initial_lifecycle_hook {
    name                 = "rota-join"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_LAUNCHING"
    default_result       = "CONTINUE"
    heartbeat_timeout    = 300
  }

  initial_lifecycle_hook {
    name                 = "rota-leave"
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    default_result       = "CONTINUE"
    heartbeat_timeout    = 300
  }

  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 90
      instance_warmup        = 120
    }
  }

  tag {
    key                 = "Name"
    value               = var.record_name
    propagate_at_launch = true
  }

  # Rights first: an instance without them cannot join, and at the end cannot leave.
  depends_on = [aws_iam_role_policy.agent]
}
