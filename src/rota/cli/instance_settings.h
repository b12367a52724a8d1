#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/instance/address.h"

namespace CLI {
class App;
}

// Settings that an instance has from the one who launched it: in its user data and in its tags.
// With them one image serves every group. They say what the instance is to be in DNS, and no more:
// nothing in them runs a command, opens a port, names a file or leads to another API.
// docs/install.md has the rules.
namespace rota::cli {

/// What was found, as it was found.
struct FoundSettings {
    config::Table user_data;  ///< "user data", empty when it has none for rota
    std::vector<TextSetting> tags;
    std::string remark;  ///< why there may be less than was meant: "user data is compressed"
};

/// Asks the metadata service for both, as it is reached by the environment. 404 is nothing.
/// @returns nothing where the metadata service is turned off.
/// @errors as find_instance_settings(); config: of the environment.
Result<std::optional<FoundSettings>> ask_for_instance_settings(std::span<const std::string> known,
                                                               bool imds_v1, int tries);

/// The same with the metadata given.
/// @param known  the agent's keys, to tell a mistake from a setting that is refused.
/// @errors config: names the tag or "user data:LINE", and the key: unknown, not to be had from
/// there, a command; and the metadata's own.
Result<FoundSettings> find_instance_settings(const instance::Metadata& metadata,
                                             std::span<const std::string> known);

/// Gives the options that are still without a value theirs, from user data before tags.
/// @errors config: names the tag or "user data:LINE", and the key.
Status take_instance_settings(CLI::App& command, const FoundSettings& found,
                              std::vector<Given>* given);

/// Why a setting is not taken from an instance's metadata; empty when it is.
std::string_view why_refused(std::string_view key) noexcept;

}  // namespace rota::cli
