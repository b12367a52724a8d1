output "name_servers" {
  description = "What the parent of the zone must point at."
  value       = var.zone_id == "" ? aws_route53_zone.made[0].name_servers : []
}

output "zone_id" {
  value = local.zone_id
}
