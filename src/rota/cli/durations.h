#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "rota/base/error.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

// Times as people write them, and the options that take one.
namespace rota::cli {

/// What an option takes, both ends included; the longest is that of a TTL (RFC 2181, section 8).
struct DurationRange {
    std::chrono::seconds least{0};
    std::chrono::seconds most{2147483647};
};

/// "90", "90s", "5m", "2h", "1d". @errors config: names the text.
Result<std::chrono::seconds> read_duration(std::string_view text, const DurationRange& range = {});

/// The same. @errors config: names the option and the text.
Result<std::chrono::seconds> parse_duration(std::string_view option, std::string_view text);

/// Adds an option whose text read_duration() takes.
CLI::Option* add_duration(CLI::App& command, const std::string& flag, std::string& into,
                          const std::string& description, const DurationRange& range = {});

}  // namespace rota::cli
