#include "rota/dns/service_params.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/dns/value_text.h"
#include "rota/dns/wire.h"

namespace rota::dns {

namespace {

using Octets = std::vector<std::uint8_t>;

enum Key : std::uint16_t {
    mandatory = 0,
    alpn = 1,
    no_default_alpn = 2,
    port = 3,
    ipv4hint = 4,
    ech = 5,
    ipv6hint = 6,
    invalid = 65535,
};

constexpr std::size_t kIpv4Octets = 4;
constexpr std::size_t kIpv6Octets = 16;

constexpr std::array<std::string_view, 7> kKeyNames{"mandatory", "alpn", "no-default-alpn", "port",
                                                    "ipv4hint",  "ech",  "ipv6hint"};

std::unexpected<Error> refuse_params(std::string_view explanation, std::string_view value) {
    return refuse_value("InvalidSvcParams", explanation, value);
}

/// A named key by its name, others as keyNNNNN without leading zeros.
std::optional<std::uint16_t> key_from_text(std::string_view text) {
    const auto* const named = std::ranges::find(kKeyNames, text);
    if (named != kKeyNames.end()) {
        return static_cast<std::uint16_t>(named - kKeyNames.begin());
    }
    if (!text.starts_with("key") || text.substr(3).starts_with('0')) {
        return std::nullopt;
    }
    const auto number = parse_number(text.substr(3), Key::invalid - 1, "", text);
    if (!number || *number < kKeyNames.size()) {
        return std::nullopt;
    }
    return static_cast<std::uint16_t>(*number);
}

std::string key_to_text(std::uint16_t key) {
    return key < kKeyNames.size() ? std::string{kKeyNames[key]} : fmt::format("key{}", key);
}

std::vector<std::string_view> split_commas(std::string_view list) {
    std::vector<std::string_view> items;
    for (std::size_t at = 0; at <= list.size();) {
        const std::size_t comma = std::min(list.find(',', at), list.size());
        items.push_back(list.substr(at, comma - at));
        at = comma + 1;
    }
    return items;
}

/// Appendix A.1: within a list, `\,` is a comma and `\\` a backslash.
std::optional<std::vector<std::string>> split_value_list(std::string_view list) {
    std::vector<std::string> items(1);
    for (std::size_t at = 0; at < list.size(); ++at) {
        if (list[at] == ',') {
            items.emplace_back();
            continue;
        }
        if (list[at] == '\\') {
            ++at;
            if (at == list.size() || (list[at] != ',' && list[at] != '\\')) {
                return std::nullopt;
            }
        }
        items.back().push_back(list[at]);
    }
    return items;
}

std::optional<Octets> alpn_from_text(std::string_view text) {
    const auto ids = split_value_list(text);
    if (!ids) {
        return std::nullopt;
    }
    WireWriter out;
    for (const auto& id : *ids) {
        if (id.empty() || id.size() > 255) {
            return std::nullopt;
        }
        out.u8(static_cast<std::uint8_t>(id.size())).octets(as_octets(id));
    }
    return out.take();
}

std::optional<Octets> mandatory_from_text(std::string_view text) {
    std::vector<std::uint16_t> keys;
    for (const auto word : split_commas(text)) {
        const auto key = key_from_text(word);
        if (!key || *key == Key::mandatory) {
            return std::nullopt;
        }
        keys.push_back(*key);
    }
    std::ranges::sort(keys);
    if (std::ranges::adjacent_find(keys) != keys.end()) {
        return std::nullopt;
    }
    WireWriter out;
    for (const auto key : keys) {
        out.u16(key);
    }
    return out.take();
}

std::optional<Octets> hints_from_text(std::string_view text, std::size_t size) {
    WireWriter out;
    for (const auto word : split_commas(text)) {
        const auto address = parse_address(word, size);
        if (!address) {
            return std::nullopt;
        }
        out.octets(*address);
    }
    return out.take();
}

std::optional<Octets> port_from_text(std::string_view text) {
    const auto number = parse_number(text, 65535, "", text);
    if (!number) {
        return std::nullopt;
    }
    return WireWriter{}.u16(static_cast<std::uint16_t>(*number)).take();
}

/// Nothing when `text` is not of the key's form.
std::optional<Octets> param_from_text(std::uint16_t key, std::string_view text) {
    switch (key) {
        case Key::mandatory:
            return mandatory_from_text(text);
        case Key::alpn:
            return alpn_from_text(text);
        case Key::no_default_alpn:
            return text.empty() ? std::optional{Octets{}} : std::nullopt;
        case Key::port:
            return port_from_text(text);
        case Key::ipv4hint:
            return hints_from_text(text, kIpv4Octets);
        case Key::ipv6hint:
            return hints_from_text(text, kIpv6Octets);
        case Key::ech:
            return text.empty() ? std::nullopt : from_base64(text);
        default:
            return Octets{as_octets(text).begin(), as_octets(text).end()};
    }
}

Result<std::pair<std::uint16_t, Octets>> read_param(std::string_view word, std::string_view value) {
    const std::size_t equals = word.find('=');
    const auto key = key_from_text(word.substr(0, equals));
    if (!key) {
        return refuse_params(fmt::format("Unknown key {}", word.substr(0, equals)), value);
    }
    std::string text;
    if (equals != std::string_view::npos) {
        std::string_view rest = word.substr(equals + 1);
        if (rest.starts_with('"')) {
            text = ROTA_TRY(take_quoted(rest));
            if (!rest.empty()) {
                return refuse_params("Text after a closing quotation mark", value);
            }
        } else {
            text = ROTA_TRY(unescape(rest));
        }
    }
    auto octets = param_from_text(*key, text);
    if (!octets) {
        return refuse_params(fmt::format("Not a value for {}", key_to_text(*key)), value);
    }
    return std::pair{*key, *std::move(octets)};
}

Status check_consistency(const std::map<std::uint16_t, Octets>& params, std::string_view value) {
    if (params.contains(Key::no_default_alpn) && !params.contains(Key::alpn)) {
        return refuse_params("no-default-alpn needs alpn", value);
    }
    const auto listed = params.find(Key::mandatory);
    if (listed == params.end()) {
        return {};
    }
    WireReader keys{listed->second};
    while (keys.remaining() > 0) {
        const std::uint16_t key = keys.u16();
        if (!params.contains(key)) {
            return refuse_params(fmt::format("The mandatory key {} is missing", key_to_text(key)),
                                 value);
        }
    }
    return {};
}

std::string addresses_to_text(WireReader in, std::size_t size) {
    std::vector<std::string> words;
    while (in.remaining() >= size) {
        words.push_back(address_to_text(in.octets(size)));
    }
    return fmt::format("{}", fmt::join(words, ","));
}

std::string alpn_to_text(WireReader in) {
    std::vector<std::string> ids;
    while (in.remaining() > 0) {
        std::string id;
        for (const std::uint8_t octet : in.octets(in.u8())) {
            if (octet == ',' || octet == '\\') {
                id.push_back('\\');
            }
            id.push_back(static_cast<char>(octet));
        }
        ids.push_back(std::move(id));
    }
    return quote(fmt::format("{}", fmt::join(ids, ",")));
}

std::string mandatory_to_text(WireReader in) {
    std::vector<std::string> words;
    while (in.remaining() > 0) {
        words.push_back(key_to_text(in.u16()));
    }
    return fmt::format("{}", fmt::join(words, ","));
}

/// Text that reads back as the same octets when they are a value of the key, and as something else
/// or nothing when they are not.
std::string param_to_text(std::uint16_t key, std::span<const std::uint8_t> octets) {
    WireReader in{octets};
    switch (key) {
        case Key::mandatory:
            return mandatory_to_text(in);
        case Key::alpn:
            return alpn_to_text(in);
        case Key::port:
            return fmt::to_string(in.u16());
        case Key::ipv4hint:
            return addresses_to_text(in, kIpv4Octets);
        case Key::ipv6hint:
            return addresses_to_text(in, kIpv6Octets);
        case Key::ech:
            return quote(to_base64(octets));
        default:
            return quote({reinterpret_cast<const char*>(octets.data()), octets.size()});
    }
}

}  // namespace

Result<std::vector<std::uint8_t>> service_params_from_text(std::span<const std::string_view> words,
                                                           std::string_view value) {
    std::map<std::uint16_t, Octets> params;
    for (const auto word : words) {
        auto [key, octets] = ROTA_TRY(read_param(word, value));
        if (!params.emplace(key, std::move(octets)).second) {
            return refuse_params(fmt::format("Repeated key {}", key_to_text(key)), value);
        }
    }
    ROTA_CHECK(check_consistency(params, value));
    WireWriter out;
    for (const auto& [key, octets] : params) {
        out.u16(key).u16(static_cast<std::uint16_t>(octets.size())).octets(octets);
    }
    return out.take();
}

Result<std::string> service_params_to_text(std::span<const std::uint8_t> params) {
    WireReader in{params};
    std::string text;
    int last = -1;
    while (in.remaining() > 0) {
        const std::uint16_t key = in.u16();
        const auto octets = in.octets(in.u16());
        if (!in.ok() || key <= last) {
            return fail(ErrorKind::bad_input, "service parameters that are cut short or unordered");
        }
        last = key;
        text += " " + key_to_text(key);
        if (!octets.empty()) {
            text += "=" + param_to_text(key, octets);
        }
    }
    return text;
}

}  // namespace rota::dns
