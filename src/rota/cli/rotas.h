#pragma once

#include <span>
#include <string>
#include <vector>

#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/config/file.h"
#include "rota/dns/types.h"

// Which rotas an instance belongs to, read from what the options and the configuration file say of
// them.
namespace rota::cli {

struct MemberOptions;

inline constexpr unsigned kMostRotaWeight = 255;

/// A or AAAA. @errors config: names the text.
Result<dns::Type> read_rota_type(const std::string& text);

/// @errors config: longer than Route 53 takes.
Status check_set_identifier(const std::string& text);

/// The rotas of checked-in options: top-level values are the defaults of each.
Result<std::vector<agent::RotaConfig>> rotas_of(const MemberOptions& options,
                                                std::span<const config::Table> tables);

}  // namespace rota::cli
