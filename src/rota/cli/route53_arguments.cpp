#include "rota/cli/route53_arguments.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/cli/options.h"
#include "rota/dns/rdata.h"
#include "rota/dns/types.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"

namespace rota::cli {
namespace {

constexpr std::uint32_t kMaxTtl = 2147483647;

struct VerbRule {
    Route53Verb verb;
    std::string_view name;
    std::string_view arguments;  ///< as the user reads them; optional ones in brackets
    std::string_view purpose;
};

constexpr std::string_view kRecordArguments =
    "HOSTED_ZONE_ID NAME TYPE VALUES [TTL] [IDENTIFIER] [WEIGHT] [COMMENT]";
constexpr std::string_view kAliasArguments =
    "HOSTED_ZONE_ID NAME TYPE ALIAS_HOSTED_ZONE_ID ALIAS_DNS_NAME [IDENTIFIER] [WEIGHT] [COMMENT]";

constexpr std::array<VerbRule, 11> kVerbs{{
    {Route53Verb::ls, "ls", "", "List all hosted zones"},
    {Route53Verb::create, "create", "ZONE_NAME [CALLER_REFERENCE] [COMMENT]",
     "Create a hosted zone and show its name servers"},
    {Route53Verb::delete_zone, "delete_zone", "HOSTED_ZONE_ID", "Delete a hosted zone"},
    {Route53Verb::get, "get", "HOSTED_ZONE_ID [TYPE] [NAME] [MAXITEMS]",
     "Show the record sets of a zone"},
    {Route53Verb::add_record, "add_record", kRecordArguments,
     "Add a record set; the same one being there already is success"},
    {Route53Verb::del_record, "del_record", kRecordArguments,
     "Delete a record set that is exactly as given; none being there is success"},
    {Route53Verb::change_record, "change_record", kRecordArguments,
     "Replace a record set, deleting the old and adding the new in one change"},
    {Route53Verb::add_alias, "add_alias", kAliasArguments,
     "Add an alias; the same one being there already is success"},
    {Route53Verb::del_alias, "del_alias", kAliasArguments,
     "Delete an alias that is exactly as given; none being there is success"},
    {Route53Verb::change_alias, "change_alias", kAliasArguments,
     "Replace an alias, deleting the old and adding the new in one change"},
    {Route53Verb::help, "help", "[COMMAND]", "Show the commands, or one command's arguments"},
}};

const VerbRule* rule_of(std::string_view name) {
    const auto* const rule = std::ranges::find(kVerbs, name, &VerbRule::name);
    return rule == kVerbs.end() ? nullptr : rule;
}

std::string called_like(const VerbRule& rule) {
    return fmt::format("{}{}{}", rule.name, rule.arguments.empty() ? "" : " ", rule.arguments);
}

/// The arguments of one command, by the names in its rule.
class Arguments {
public:
    Arguments(const VerbRule& rule, std::span<const char* const> given)
        : rule_{rule}, given_{given} {}

    [[nodiscard]] std::unexpected<Error> wrong(std::string_view problem) const {
        return fail(ErrorKind::usage,
                    fmt::format("{}: {}; usage: {}", rule_.name, problem, called_like(rule_)));
    }

    /// All required ones are there and not empty, and none is too many.
    [[nodiscard]] Status check() const {
        const std::vector<std::string_view> names = split(rule_.arguments);
        if (given_.size() > names.size()) {
            return wrong(fmt::format("{} arguments are more than the {} it takes", given_.size(),
                                     names.size()));
        }
        for (std::size_t i = 0; i < names.size(); ++i) {
            const bool is_required = !names[i].starts_with('[');
            if (is_required && i >= given_.size()) {
                return wrong(fmt::format("{} is missing", names[i]));
            }
            if (is_required && std::string_view{given_[i]}.empty()) {
                return wrong(fmt::format("{} is empty (did the request that was to give it fail?)",
                                         names[i]));
            }
            if (i < given_.size() && !route53::is_sendable(given_[i])) {
                return wrong(fmt::format("{} has characters that cannot be sent", names[i]));
            }
        }
        return {};
    }

    [[nodiscard]] std::string at(std::size_t index) const {
        return index < given_.size() ? given_[index] : "";
    }

    [[nodiscard]] bool has(std::size_t index) const { return index < given_.size(); }

private:
    static std::vector<std::string_view> split(std::string_view words) {
        std::vector<std::string_view> names;
        while (!words.empty()) {
            const std::size_t end = std::min(words.find(' '), words.size());
            names.push_back(words.substr(0, end));
            words.remove_prefix(std::min(end + 1, words.size()));
        }
        return names;
    }

    const VerbRule& rule_;
    std::span<const char* const> given_;
};

bool is_zone_id(std::string_view id) {
    const std::string_view bare = route53::strip_id_prefix(id);
    const auto is_plain = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !bare.empty() && bare.size() <= 32 && std::ranges::all_of(bare, is_plain);
}

Result<std::string> zone_id_of(const Arguments& arguments, std::size_t index) {
    std::string id = arguments.at(index);
    if (!is_zone_id(id)) {
        return arguments.wrong(fmt::format("'{}' is not a hosted zone id", id));
    }
    return std::string{route53::strip_id_prefix(id)};
}

/// Commas separate the values, but not those within quotes.
std::vector<std::string> split_values(std::string_view text) {
    std::vector<std::string> values(1);
    bool is_quoted = false;
    bool is_escaped = false;
    for (const char c : text) {
        if (c == '"' && !is_escaped) {
            is_quoted = !is_quoted;
        }
        is_escaped = c == '\\' && !is_escaped;
        if (c == ',' && !is_quoted) {
            values.emplace_back();
        } else {
            values.back() += c;
        }
    }
    return values;
}

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

/// Zone, name and type, which all record and alias commands begin with.
Result<dns::Type> read_owner(Route53Command& into, const Arguments& arguments) {
    into.zone_id = ROTA_TRY(zone_id_of(arguments, 0));
    into.record_set.name = arguments.at(1);
    if (const std::string problem = route53::name_problem(into.record_set.name); !problem.empty()) {
        return arguments.wrong(problem);
    }
    into.record_set.type = upper(arguments.at(2));
    const std::optional<dns::Type> type = dns::type_from_string(into.record_set.type);
    if (!type) {
        return arguments.wrong(
            fmt::format("'{}' is not a record type of Route 53", arguments.at(2)));
    }
    return *type;
}

/// What a value must look like before it is sent. What is deleted may be older than our rules, so
/// there only addresses are judged: they tell when an argument is missing and the rest has moved
/// up.
Status check_values(const Route53Command& command, dns::Type type, const Arguments& arguments) {
    const bool is_address = type == dns::Type::a || type == dns::Type::aaaa;
    for (const std::string& value : command.record_set.values) {
        if (value.empty()) {
            return arguments.wrong("VALUES has an empty value");
        }
        if (command.verb == Route53Verb::del_record && !is_address) {
            continue;
        }
        if (const auto octets = dns::rdata_from_text(type, value); !octets) {
            return arguments.wrong(fmt::format("'{}' is no value of type {} ({})", value,
                                               command.record_set.type, octets.error().message));
        }
    }
    return {};
}

Status read_ttl(Route53Command& into, const Arguments& arguments, std::size_t index) {
    const std::string text = arguments.has(index) ? arguments.at(index) : "600";
    const auto ttl = parse_number<std::uint32_t>(text);
    if (!ttl || *ttl > kMaxTtl) {
        return arguments.wrong(
            fmt::format("TTL '{}' is not a number of seconds from 0 to {}", text, kMaxTtl));
    }
    into.record_set.ttl = fmt::to_string(*ttl);
    return {};
}

Status read_routing(Route53Command& into, const Arguments& arguments, std::size_t index) {
    if (!arguments.has(index)) {
        return {};
    }
    const std::string identifier = arguments.at(index);
    const std::string weight = arguments.at(index + 1);
    if (identifier.empty() && weight.empty() && !arguments.at(index + 2).empty()) {
        return {};  // `… 60 "" "" comment`: the way to give a comment alone
    }
    if (identifier.empty()) {
        return arguments.wrong("IDENTIFIER is empty (did the request that was to give it fail?)");
    }
    if (!arguments.has(index + 1)) {
        return arguments.wrong(fmt::format("IDENTIFIER '{}' is given without WEIGHT", identifier));
    }
    const auto number = parse_number<std::uint32_t>(weight);
    if (!number || *number > 255) {
        return arguments.wrong(fmt::format("WEIGHT '{}' is not a number from 0 to 255", weight));
    }
    if (identifier.size() > 128) {
        return arguments.wrong("IDENTIFIER has more than 128 characters");
    }
    into.record_set.set_identifier = identifier;
    into.record_set.weight = fmt::to_string(*number);
    return {};
}

Status read_record(Route53Command& into, const Arguments& arguments) {
    const dns::Type type = ROTA_TRY(read_owner(into, arguments));
    into.record_set.values = split_values(arguments.at(3));
    into.record_set.has_resource_records = true;
    ROTA_CHECK(check_values(into, type, arguments));
    ROTA_CHECK(read_ttl(into, arguments, 4));
    ROTA_CHECK(read_routing(into, arguments, 5));
    into.comment = arguments.at(7);
    return {};
}

Status read_alias(Route53Command& into, const Arguments& arguments) {
    ROTA_CHECK(read_owner(into, arguments));
    route53::AliasTarget alias;
    alias.hosted_zone_id = ROTA_TRY(zone_id_of(arguments, 3));
    alias.dns_name = arguments.at(4);
    if (const std::string problem = route53::name_problem(alias.dns_name); !problem.empty()) {
        return arguments.wrong(problem);
    }
    into.record_set.alias = std::move(alias);
    ROTA_CHECK(read_routing(into, arguments, 5));
    into.comment = arguments.at(7);
    return {};
}

Status read_get(Route53Command& into, const Arguments& arguments) {
    into.zone_id = ROTA_TRY(zone_id_of(arguments, 0));
    into.type = arguments.at(1);
    into.name = arguments.at(2);
    if (const std::string text = arguments.at(3); !text.empty()) {
        into.max_items = parse_number<std::uint32_t>(text);
        if (!into.max_items || *into.max_items == 0) {
            return arguments.wrong(fmt::format("MAXITEMS '{}' is not a number from 1", text));
        }
    }
    return {};
}

Status read_verb(Route53Command& into, const Arguments& arguments) {
    switch (into.verb) {
        case Route53Verb::ls:
            return {};
        case Route53Verb::create:
            into.zone_name = arguments.at(0);
            into.caller_reference = arguments.at(1);
            into.comment = arguments.at(2);
            return {};
        case Route53Verb::delete_zone:
            into.zone_id = ROTA_TRY(zone_id_of(arguments, 0));
            return {};
        case Route53Verb::get:
            return read_get(into, arguments);
        case Route53Verb::add_record:
        case Route53Verb::del_record:
        case Route53Verb::change_record:
            return read_record(into, arguments);
        case Route53Verb::add_alias:
        case Route53Verb::del_alias:
        case Route53Verb::change_alias:
            return read_alias(into, arguments);
        case Route53Verb::help:
            into.help_on = arguments.at(0);
            return {};
    }
    return {};
}

std::unexpected<Error> wrong_option(std::string_view problem) {
    return fail(ErrorKind::usage,
                fmt::format("{}; usage: [--endpoint-url URL] [--timeout SECONDS] [--wait] COMMAND "
                            "…; see: help",
                            problem));
}

/// Options stand before the command. @returns how many arguments they are.
Result<std::size_t> read_options(Route53Command& into, std::span<const char* const> arguments) {
    std::size_t at = 0;
    while (at < arguments.size() && std::string_view{arguments[at]}.starts_with("--")) {
        std::string_view option = arguments[at++];
        if (option == "--wait") {
            into.wait = true;
            continue;
        }
        if (option == "--help") {
            return at - 1;
        }
        std::string_view value;
        if (const std::size_t equals = option.find('='); equals != std::string_view::npos) {
            value = option.substr(equals + 1);
            option = option.substr(0, equals);
        } else if (at < arguments.size()) {
            value = arguments[at++];
        }
        if (option == "--endpoint-url" && !value.empty()) {
            if (const std::string complaint = url_complaint(std::string{value});
                !complaint.empty()) {
                return wrong_option(complaint);
            }
            into.endpoint_url = value;
        } else if (const auto seconds = parse_number<std::uint32_t>(value);
                   option == "--timeout" && seconds && *seconds > 0 && *seconds <= 86400) {
            into.timeout = std::chrono::seconds{*seconds};
        } else {
            return wrong_option(
                fmt::format("option {} is unknown or '{}' is no value for it", option, value));
        }
    }
    return at;
}

}  // namespace

Result<Route53Command> parse_route53_arguments(std::span<const char* const> arguments) {
    Route53Command command;
    const std::size_t options = ROTA_TRY(read_options(command, arguments));
    if (options == arguments.size()) {
        return wrong_option("no command is given");
    }
    const std::string_view name = arguments[options];
    if (name == "--help" || name == "-h") {
        return command;
    }
    const VerbRule* const rule = rule_of(name);
    if (rule == nullptr) {
        return wrong_option(fmt::format("'{}' is not a command", name));
    }
    if (std::ranges::any_of(arguments.subspan(options + 1), [](std::string_view word) {
            return word == "--help" || word == "-h";
        })) {
        command.help_on = name;
        return command;
    }
    command.verb = rule->verb;
    const Arguments own{*rule, arguments.subspan(options + 1)};
    ROTA_CHECK(own.check());
    ROTA_CHECK(read_verb(command, own));
    return command;
}

std::string route53_help(std::string_view command) {
    if (!command.empty()) {
        const VerbRule* const rule = rule_of(command);
        return rule == nullptr
                   ? std::string{}
                   : fmt::format("{}\nUsage: route53 {}\n", rule->purpose, called_like(*rule));
    }
    std::string text =
        "Usage: route53 [--endpoint-url URL] [--timeout SECONDS] [--wait] COMMAND …\n";
    for (const VerbRule& rule : kVerbs) {
        text += fmt::format("\t{:<14} {}\n", rule.name, rule.purpose);
    }
    return text;
}

}  // namespace rota::cli
