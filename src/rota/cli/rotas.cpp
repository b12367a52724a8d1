#include "rota/cli/rotas.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/cli/durations.h"
#include "rota/cli/members.h"
#include "rota/config/file.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/instance/address.h"

namespace rota::cli {
namespace {

constexpr std::size_t kLongestIdentifier = 128;

/// One rota's values as text; what is not said is the default's.
struct RotaText {
    std::string zone;
    std::string name;
    std::string type;
    std::string address;
    std::string weight;
    std::string ttl;
    std::string set_identifier;

    static constexpr std::array<std::string_view, 7> kKeys{
        "name", "zone", "type", "address", "weight", "ttl", "set-identifier"};

    std::string* find(std::string_view key) {
        const std::array<std::string*, 7> members{&name,   &zone, &type,          &address,
                                                  &weight, &ttl,  &set_identifier};
        const auto* const found = std::ranges::find(kKeys, key);
        return found == kKeys.end() ? nullptr
                                    : members.at(static_cast<std::size_t>(found - kKeys.begin()));
    }
};

RotaText defaults_of(const MemberOptions& options) {
    return {.zone = options.zone,
            .name = options.name,
            .type = options.type,
            .address = options.address,
            .weight = std::to_string(options.weight),
            .ttl = options.ttl,
            .set_identifier = options.set_identifier};
}

Result<agent::RotaConfig> check(const RotaText& text) {
    if (text.name.empty()) {
        return fail(ErrorKind::config, "a rota without a name: give --name");
    }
    if (text.zone.empty()) {
        return fail(
            ErrorKind::config,
            fmt::format("{}: give the hosted zone with --zone, by id or by name", text.name));
    }
    agent::RotaConfig rota;
    rota.zone = text.zone;
    rota.name = ROTA_TRY(dns::Name::parse(text.name));
    rota.address = ROTA_TRY(instance::parse_address_source(text.address));
    const bool is_ipv6 = instance::default_family(rota.address) == instance::Family::ipv6;
    rota.type = is_ipv6 ? dns::Type::aaaa : dns::Type::a;
    if (!text.type.empty()) {
        rota.type = ROTA_TRY(read_rota_type(text.type));
    }
    const auto family =
        rota.type == dns::Type::aaaa ? instance::Family::ipv6 : instance::Family::ipv4;
    if (!instance::can_give(rota.address, family)) {
        return fail(ErrorKind::config,
                    fmt::format("{}: address {} is for type {}, not {}", text.name, text.address,
                                is_ipv6 ? "AAAA" : "A", dns::to_string(rota.type)));
    }
    unsigned weight = 0;
    const char* const end = text.weight.data() + text.weight.size();
    const auto parsed = std::from_chars(text.weight.data(), end, weight);
    if (parsed.ec != std::errc{} || parsed.ptr != end || weight > kMostRotaWeight) {
        return fail(ErrorKind::config, fmt::format("{}: weight '{}' is not a number from 0 to {}",
                                                   text.name, text.weight, kMostRotaWeight));
    }
    rota.weight = static_cast<std::uint8_t>(weight);
    rota.ttl = ROTA_TRY(parse_duration("ttl", text.ttl));
    ROTA_CHECK(check_set_identifier(text.set_identifier));
    rota.set_identifier = text.set_identifier;
    return rota;
}

/// "name=www.example.com,weight=20" over the defaults.
Result<RotaText> parse_rota(const std::string& text, RotaText rota) {
    std::string_view rest = text;
    while (!rest.empty()) {
        const std::string_view pair = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
        const auto equals = pair.find('=');
        std::string* const into = rota.find(pair.substr(0, equals));
        if (equals == std::string_view::npos || into == nullptr) {
            return fail(ErrorKind::usage,
                        fmt::format("--rota {}: '{}' is not KEY=VALUE with one of the keys {}",
                                    text, pair, fmt::join(RotaText::kKeys, ", ")));
        }
        *into = pair.substr(equals + 1);
    }
    return rota;
}

Result<RotaText> read_rota(const config::Table& table, RotaText rota) {
    const std::vector<std::string> keys{RotaText::kKeys.begin(), RotaText::kKeys.end()};
    ROTA_CHECK(table.allow_only(keys));
    for (const config::Setting& setting : table.settings()) {
        if (setting.kind != config::Kind::text && setting.kind != config::Kind::integer) {
            return table.complain(setting, "expected a string or an integer");
        }
        *rota.find(setting.key) = setting.values.front();
    }
    return rota;
}

}  // namespace

Result<dns::Type> read_rota_type(const std::string& text) {
    const auto type = dns::type_from_string(text);
    if (!type || (*type != dns::Type::a && *type != dns::Type::aaaa)) {
        return fail(ErrorKind::config, fmt::format("type '{}' is neither A nor AAAA", text));
    }
    return *type;
}

Status check_set_identifier(const std::string& text) {
    if (text.size() > kLongestIdentifier) {
        return fail(
            ErrorKind::config,
            fmt::format("the set identifier is longer than {} characters", kLongestIdentifier));
    }
    return {};
}

Result<std::vector<agent::RotaConfig>> rotas_of(const MemberOptions& options,
                                                std::span<const config::Table> tables) {
    std::vector<agent::RotaConfig> rotas;
    const bool is_single = options.rotas.empty() && tables.empty();
    const RotaText defaults = defaults_of(options);
    if (is_single && !options.name.empty()) {
        rotas.push_back(ROTA_TRY(check(defaults)));
    }
    for (const std::string& text : options.rotas) {
        const RotaText rota = ROTA_TRY(parse_rota(text, defaults));
        rotas.push_back(ROTA_TRY(check(rota)));
    }
    for (const config::Table& table : tables) {
        const RotaText text = ROTA_TRY(read_rota(table, defaults));
        auto rota = check(text);
        if (!rota) {
            return fail(ErrorKind::config,
                        fmt::format("{}:{}: {}", table.file(), table.line(), rota.error().message));
        }
        rotas.push_back(*std::move(rota));
    }
    for (auto one = rotas.begin(); one != rotas.end(); ++one) {
        const bool is_twice = std::any_of(one + 1, rotas.end(), [one](const auto& other) {
            return one->name == other.name && one->type == other.type && one->zone == other.zone;
        });
        if (is_twice) {
            return fail(ErrorKind::config,
                        fmt::format("the rota {} {} in zone {} is named twice", one->name.to_text(),
                                    dns::to_string(one->type), one->zone));
        }
    }
    return rotas;
}

}  // namespace rota::cli
