#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/config/file.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace rota::agent {
struct AwsOptions;
}

// Every option has one name and four sources: the flag (--allow-aws3), the environment
// (ROTA_SERVE_ALLOW_AWS3), the configuration file (allow-aws3 = true), the default; the first that
// says something wins. A subcommand declares an option once, for CLI11; this fills the ones that
// the command line left out.
namespace rota::cli {

struct SettingSources {
    std::string environment_prefix;   ///< "ROTA_SERVE_"
    std::string default_file;         ///< "/etc/rota/serve.toml"; need not exist
    std::vector<std::string> tables;  ///< arrays of tables that the file may hold ([[rota]])
    bool is_anothers = false;         ///< keys in the file that the command does not know are fine
};

/// What an option has been given, and by whom.
struct Given {
    std::string key;  ///< as in files
    std::vector<std::string> values;
    std::string origin;  ///< "--ttl", "ROTA_AGENT_TTL", "/etc/rota/agent.toml:3", "tag rota:ttl"
};

/// A setting as text from where there are no types: lists are separated by commas.
struct TextSetting {
    std::string key;
    std::string value;
    std::string origin;
};

/// Adds `--config FILE`; its environment variable is the prefix and CONFIG.
void add_config_option(CLI::App& command, const SettingSources& sources);

/// The file that a command reads, or would if it were there.
std::string config_path(const CLI::App& command, const SettingSources& sources);

/// Refuses options that the command line gives an empty value, as a variable that a script forgot
/// to set leaves behind. @errors usage: names the option.
Status refuse_empty_values(const CLI::App& command);

/// Gives every option that the command line left out its value from the environment or the file.
/// Lists are separated by commas in the environment. Options that are not for a file are declared
/// with ->configurable(false). Call it when the command line is parsed.
/// @returns the file's settings, empty when there is none, for the arrays of tables in it.
/// @errors config: names the file, line and key, or the variable; usage: as refuse_empty_values();
/// not_found: the file given does not exist.
/// @param given  receives what every option was given; nullptr: nobody asks.
Result<config::Table> fill_options(CLI::App& command, const SettingSources& sources,
                                   std::vector<Given>* given = nullptr);

/// The same from a weaker source, for options that are still without a value: settings with types,
/// and settings without. Keys that are no option's are left to the caller.
/// @errors config: names the source, line and key.
Status fill_options_from(CLI::App& command, const config::Table& table, std::vector<Given>* given);
Status fill_options_from(CLI::App& command, std::span<const TextSetting> texts,
                         std::vector<Given>* given);

/// The keys that a file may have for a command's options.
std::vector<std::string> option_keys(const CLI::App& command);

/// A check for CLI11, by the function that reads the text: what that complains of, or nothing.
template <typename Reads>
auto complaint(Reads reads) {
    return [reads](const std::string& text) {
        const auto found = reads(text);
        return found ? std::string{} : found.error().message;
    };
}

/// The same for an option whose empty text, its default, is as one that is not given.
template <typename Reads>
auto complaint_unless_empty(Reads reads) {
    return [reads](const std::string& text) {
        return text.empty() ? std::string{} : complaint(reads)(text);
    };
}

/// Makes an option one that may be given again and again, each time with one value.
CLI::Option* repeatable(CLI::Option* option);

/// What is wrong with an option's URL; empty when nothing is, or there is none.
std::string url_complaint(const std::string& text);

/// Adds what says how the Route 53 API is reached: --endpoint-url, --region and --profile.
void add_aws_options(CLI::App& command, agent::AwsOptions& aws);

/// Whether the message alone is for a person, or standard output is for a program that reads JSON.
enum class Output : std::uint8_t { text, json };

/// Prints "rota: message" to standard error and gives the exit status of the error; for a program
/// {"error":{"kind":…,"message":…}} goes to standard output as well.
int report(const Error& error, Output output = Output::text);

}  // namespace rota::cli
