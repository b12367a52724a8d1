#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/dns/name.h"

// The names in the NS record sets of new zones. The world reaches us by them, so they should lead
// to the addresses that we serve.
namespace rota::server {

/// Reads --ns. @errors usage: names the one that is no host name.
Result<std::vector<dns::Name>> read_name_servers(const std::vector<std::string>& names);

/// The machine's full name where it has one, else ns.rota.invalid, which leads nowhere and says so.
dns::Name default_name_server();

/// Resolves every name and warns in the log about those that lead to none of our addresses. Takes
/// as long as the resolver takes (5 s at most), so it runs beside the serving.
/// @param dns_addresses  "192.0.2.1:53"; a wildcard stands for every address of the machine.
void check_name_servers(const std::vector<dns::Name>& names,
                        const std::vector<std::string>& dns_addresses, const std::stop_token& stop);

}  // namespace rota::server
