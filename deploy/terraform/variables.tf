variable "name" {
  description = "Of the auto-scaling group; what belongs to it is named after it."
  type        = string
  default     = "rota"
}

variable "zone_name" {
  description = "The zone to make, such as example.com; its parent must delegate to it (output name_servers). Not used with zone_id."
  type        = string
  default     = ""
}

variable "zone_id" {
  description = "A hosted zone that is there already."
  type        = string
  default     = ""
}

variable "record_name" {
  description = "The name that clients ask for, such as www.example.com."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9_.-]*[a-z0-9]$", var.record_name))
    error_message = "In lower case and without a dot at the end: so the IAM policy compares it."
  }
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  description = "Public ones for address public-ipv4, with automatic public addresses."
  type        = list(string)
}

variable "address" {
  description = "What clients are sent to: public-ipv4 or local-ipv4."
  type        = string
  default     = "public-ipv4"
}

variable "client_cidr" {
  description = "Who may connect to the service."
  type        = string
  default     = "0.0.0.0/0"
}

variable "port" {
  type    = number
  default = 80
}

variable "health_path" {
  type    = string
  default = "/"
}

variable "ttl" {
  description = "Seconds; 30 or less lets a drain end within a spot notice."
  type        = number
  default     = 30
}

variable "image_id" {
  description = "Amazon Linux 2023 unless given."
  type        = string
  default     = ""
}

variable "instance_type" {
  type    = string
  default = "t3.micro"
}

variable "package_url" {
  description = "Where the instances get rota's package: the rpm for Amazon Linux, the deb for Debian and Ubuntu."
  type        = string
}

variable "package_sha256" {
  type = string
}

variable "application" {
  description = "One line of shell that sets up what the instances serve; a page that tells who answers unless given."
  type        = string
  default     = "dnf install -y nginx && hostname >/usr/share/nginx/html/index.html && systemctl enable --now nginx"
}

variable "size" {
  type    = number
  default = 3
}

variable "max_size" {
  description = "Route 53 answers with at most 100 weighted records of one name."
  type        = number
  default     = 6
}
