#include "rota/cli/instance_settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/credentials.h"
#include "rota/aws/imds.h"
#include "rota/base/error.h"
#include "rota/base/near_miss.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/instance/address.h"
#include "rota/instance/instance_tags.h"
#include "rota/instance/user_data.h"

namespace rota::cli {
namespace {

struct Refusal {
    std::string_view key;
    std::string_view why;
};

constexpr std::string_view kCommand = "it is a command";
constexpr std::string_view kPath = "it is a path on this machine";
constexpr std::string_view kDoor = "it opens a port";
constexpr std::string_view kApi = "it leads to another API";

// Everything else is fine. A new option is decided on here: a test knows all of them.
constexpr std::array kRefused{
    Refusal{"agent-check", kDoor},
    Refusal{"drain-begin", kCommand},
    Refusal{"drain-end", kCommand},
    Refusal{"drain-file", kPath},
    Refusal{"endpoint-url", kApi},
    Refusal{"imds-v1", "it is needed to ask for it"},
    Refusal{"instance-settings", "it is needed to ask for it"},
    Refusal{"log-format", "it belongs to the machine"},
    Refusal{"metrics", kDoor},
    Refusal{"profile", "it chooses the keys"},
    Refusal{"region", kApi},
    Refusal{"set-identifier", "every instance of a group would have the same"},
    Refusal{"socket", kPath},
};

std::string refused(std::string_view key, std::string_view why) {
    return fmt::format(
        "{} is not taken from an instance's metadata, because {}: it belongs into "
        "/etc/rota/agent.toml",
        key, why);
}

/// Whether a value would make the agent run something.
bool is_command(std::string_view value) noexcept {
    return value.starts_with("exec:");
}

constexpr std::string_view kExec =
    "exec: is not taken from an instance's metadata, because it is "
    "a command: it belongs into /etc/rota/agent.toml";

/// Whether a value is an address as it stands: whoever may tag could put any into the rota.
bool is_literal_address(std::string_view key, std::string_view value) {
    if (key != "address") {
        return false;
    }
    const auto source = instance::parse_address_source(std::string{value});
    return source && source->kind == instance::AddressKind::literal;
}

constexpr std::string_view kLiteral =
    "a literal address is not taken from an instance's metadata, because it "
    "would put any address into the rota: public-ipv4, local-ipv4, ipv6 and interface:NAME are";

Status check_table(const config::Table& table) {
    for (const config::Setting& setting : table.settings()) {
        if (const std::string_view why = why_refused(setting.key); !why.empty()) {
            return table.complain(setting, refused(setting.key, why));
        }
        if (std::ranges::any_of(setting.values, is_command)) {
            return table.complain(setting, kExec);
        }
        if (std::ranges::any_of(setting.values, [&setting](const std::string& value) {
                return is_literal_address(setting.key, value);
            })) {
            return table.complain(setting, kLiteral);
        }
    }
    return {};
}

Result<config::Table> read_user_data(const std::string& text, std::span<const std::string> known) {
    const std::optional<std::string> toml = ROTA_TRY(instance::settings_in_user_data(text));
    if (!toml) {
        return config::Table{};
    }
    config::Table table = ROTA_TRY(config::parse(*toml, "user data"));
    constexpr std::array<std::string_view, 2> kTables{"rota", "health"};
    const std::vector<std::string> tables{kTables.begin(), kTables.end()};
    ROTA_CHECK(table.allow_only(known, tables));
    ROTA_CHECK(check_table(table));
    for (const std::string_view name : kTables) {
        for (const config::Table& element : table.tables(name)) {
            ROTA_CHECK(check_table(element));
        }
    }
    return table;
}

Result<TextSetting> check_tag(instance::InstanceTag tag, std::span<const std::string> known) {
    std::string origin = fmt::format("tag rota:{}", tag.name);
    if (std::ranges::find(known, tag.name) == known.end()) {
        const auto meant = near_miss(tag.name, known);
        return fail(ErrorKind::config,
                    fmt::format("{}: there is no such setting{}", origin,
                                meant ? fmt::format(", did you mean rota:{}?", *meant) : ""));
    }
    if (const std::string_view why = why_refused(tag.name); !why.empty()) {
        return fail(ErrorKind::config, fmt::format("{}: {}", origin, refused(tag.name, why)));
    }
    // Lists are separated by commas, so a command may stand behind one.
    if (is_command(tag.value) || tag.value.contains(",exec:") || tag.value.contains(" exec:")) {
        return fail(ErrorKind::config, fmt::format("{}: {}", origin, kExec));
    }
    if (is_literal_address(tag.name, tag.value)) {
        return fail(ErrorKind::config, fmt::format("{}: {}", origin, kLiteral));
    }
    return TextSetting{
        .key = std::move(tag.name), .value = std::move(tag.value), .origin = std::move(origin)};
}

}  // namespace

std::string_view why_refused(std::string_view key) noexcept {
    const auto* const found = std::ranges::find(kRefused, key, &Refusal::key);
    return found == kRefused.end() ? std::string_view{} : found->why;
}

Result<std::optional<FoundSettings>> ask_for_instance_settings(std::span<const std::string> known,
                                                               bool imds_v1, int tries) {
    const aws::Environment environment = ROTA_TRY(aws::read_environment());
    if (environment.imds_disabled) {
        return std::nullopt;
    }
    aws::ImdsOptions options;
    options.allow_v1 = imds_v1;
    options.tries = tries;
    if (!environment.imds_endpoint.empty()) {
        options.endpoint = environment.imds_endpoint;
    }
    aws::Imds imds{std::move(options)};
    return ROTA_TRY(
        find_instance_settings([&imds](std::string_view path) { return imds.get(path); }, known));
}

Result<FoundSettings> find_instance_settings(const instance::Metadata& metadata,
                                             std::span<const std::string> known) {
    FoundSettings found;
    if (const auto text = ROTA_TRY(metadata("user-data"))) {
        found.user_data = ROTA_TRY(read_user_data(*text, known));
        if (const auto why = instance::why_opaque(*text);
            !why.empty() && found.user_data.file().empty()) {
            found.remark = fmt::format("user data {}, so settings in it are not seen", why);
        }
    }
    for (instance::InstanceTag& tag : ROTA_TRY(instance::read_instance_tags(metadata))) {
        found.tags.push_back(ROTA_TRY(check_tag(std::move(tag), known)));
    }
    return found;
}

Status take_instance_settings(CLI::App& command, const FoundSettings& found,
                              std::vector<Given>* given) {
    ROTA_CHECK(fill_options_from(command, found.user_data, given));
    return fill_options_from(command, found.tags, given);
}

}  // namespace rota::cli
