#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rota/base/error.h"
#include "rota/route53/messages.h"

// The arguments of the route53 tool. They come from shell scripts, where a variable may be empty
// because a metadata request failed, so everything is checked before anything is sent.
namespace rota::cli {

enum class Route53Verb : std::uint8_t {
    ls,
    create,
    delete_zone,
    get,
    add_record,
    del_record,
    change_record,
    add_alias,
    del_alias,
    change_alias,
    help,
};

struct Route53Command {
    Route53Verb verb = Route53Verb::help;

    // Options, before the command.
    std::string endpoint_url;
    bool wait = false;
    std::chrono::seconds timeout{60};

    // Arguments, each where its command has it.
    std::string zone_id;
    std::string zone_name;
    std::string caller_reference;
    std::string comment;
    std::string type;  ///< of `get`
    std::string name;  ///< of `get`
    std::optional<std::uint32_t> max_items;
    std::string help_on;
    route53::RawRecordSet record_set;  ///< of the record and alias commands: the one wanted
};

/// Reads what follows the program's name. @errors usage: names the argument, what is wrong with it
/// and how the command is called.
Result<Route53Command> parse_route53_arguments(std::span<const char* const> arguments);

/// "add_record HOSTED_ZONE_ID NAME TYPE VALUES [TTL] …" and what it does, for one command, or the
/// list of all; empty for an unknown command.
std::string route53_help(std::string_view command);

}  // namespace rota::cli
