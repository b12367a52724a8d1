#include "rota/cli/options.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/agent/config.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/config/file.h"
#include "rota/http/url.h"

namespace rota::cli {
namespace {

/// The name of an option in files: its first long name; empty for what files cannot set.
std::string key_of(const CLI::Option& option) {
    if (!option.get_configurable() || option.get_lnames().empty()) {
        return {};
    }
    const std::string& name = option.get_lnames().front();
    return name == "help" || name == "version" ? std::string{} : name;
}

std::string variable_of(std::string_view prefix, std::string_view key) {
    std::string variable{prefix};
    for (const char c : key) {
        const bool is_lower = c >= 'a' && c <= 'z';
        variable.push_back(c == '-' || c == '.' ? '_'
                           : is_lower           ? static_cast<char>(c - 'a' + 'A')
                                                : c);
    }
    return variable;
}

/// An empty variable counts as unset, so that a unit file can switch one off.
std::optional<std::string> environment(const std::string& variable) {
    const char* const value = ::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') {
        return std::nullopt;
    }
    return std::string{value};
}

bool is_flag(const CLI::Option& option) {
    return option.get_expected_max() == 0;
}

bool is_list(const CLI::Option& option) {
    return option.get_expected_max() > 1;
}

std::vector<std::string> split_list(std::string_view text) {
    std::vector<std::string> parts;
    while (true) {
        const auto comma = text.find(',');
        std::string_view part = text.substr(0, comma);
        while (part.starts_with(' ')) {
            part.remove_prefix(1);
        }
        while (part.ends_with(' ')) {
            part.remove_suffix(1);
        }
        if (!part.empty()) {
            parts.emplace_back(part);
        }
        if (comma == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(comma + 1);
    }
}

/// Hands values to the parser, which checks and converts them as those of a flag.
Status set(CLI::Option& option, const std::vector<std::string>& values, std::string_view origin) {
    try {
        if (is_flag(option)) {
            option.add_result(option.get_flag_value(option.get_lnames().front(), values.front()));
        } else {
            option.add_result(values);
        }
        option.run_callback();
    } catch (const CLI::Error& error) {
        // The origin names the option as the reader wrote it.
        std::string_view what{error.what()};
        if (const std::string own = option.get_name() + ": "; what.starts_with(own)) {
            what.remove_prefix(own.size());
        }
        return fail(ErrorKind::config, fmt::format("{}: {}", origin, what));
    }
    return {};
}

/// What TOML type an option wants, by the type that CLI11 shows in its help.
bool suits(const CLI::Option& option, config::Kind kind) {
    if (is_flag(option)) {
        return kind == config::Kind::boolean;
    }
    if (is_list(option)) {
        return kind == config::Kind::list || kind == config::Kind::text;
    }
    const std::string type = option.get_type_name();
    if (type.starts_with("INT") || type.starts_with("UINT")) {
        return kind == config::Kind::integer;
    }
    if (type.starts_with("FLOAT")) {
        return kind == config::Kind::integer || kind == config::Kind::number;
    }
    if (type == "DURATION") {  // 60 or "60s"
        return kind == config::Kind::integer || kind == config::Kind::text;
    }
    return kind == config::Kind::text;
}

std::string_view wanted(const CLI::Option& option) {
    if (is_flag(option)) {
        return to_string(config::Kind::boolean);
    }
    if (is_list(option)) {
        return to_string(config::Kind::list);
    }
    const std::string type = option.get_type_name();
    if (type.starts_with("INT") || type.starts_with("UINT")) {
        return to_string(config::Kind::integer);
    }
    return to_string(type.starts_with("FLOAT") ? config::Kind::number : config::Kind::text);
}

/// As the command line or the environment names it; nothing when neither does.
std::optional<std::string> named_file(const CLI::App& command, const SettingSources& sources) {
    const CLI::Option* const option = command.get_option_no_throw("--config");
    if (option != nullptr && option->count() > 0) {
        return option->as<std::string>();
    }
    return environment(sources.environment_prefix + "CONFIG");
}

Result<config::Table> read_file(const CLI::App& command, const SettingSources& sources) {
    const std::optional<std::string> path = named_file(command, sources);
    auto table = config::read(path.value_or(sources.default_file));
    if (!table && !path && table.error().kind == ErrorKind::not_found) {
        return config::Table{};
    }
    return table;
}

/// What fills an option writes down what it was.
void note(std::vector<Given>* given, const std::string& key, const std::vector<std::string>& values,
          std::string origin) {
    if (given != nullptr) {
        given->push_back({.key = key, .values = values, .origin = std::move(origin)});
    }
}

Status fill_from_text(CLI::Option& option, const TextSetting& text, std::vector<Given>* given) {
    const std::vector<std::string> values =
        is_list(option) ? split_list(text.value) : std::vector{text.value};
    note(given, text.key, values, text.origin);
    return set(option, values, text.origin);
}

Status fill_from_table(CLI::Option& option, const std::string& key, const config::Table& table,
                       std::vector<Given>* given) {
    const config::Setting* const setting = table.find(key);
    if (setting == nullptr) {
        return {};
    }
    if (!suits(option, setting->kind)) {
        return table.complain(*setting, fmt::format("expected {}, found {}", wanted(option),
                                                    to_string(setting->kind)));
    }
    if (setting->values.empty()) {
        return table.complain(*setting, "the list is empty; leave the key out for the default");
    }
    std::string origin = fmt::format("{}:{}", table.file(), setting->line);
    const Status done = set(option, setting->values, fmt::format("{}: {}", origin, key));
    note(given, key, setting->values, std::move(origin));
    return done;
}

Status fill(CLI::Option& option, const std::string& key, const SettingSources& sources,
            const config::Table& file, std::vector<Given>* given) {
    const std::string variable = variable_of(sources.environment_prefix, key);
    if (const auto value = environment(variable)) {
        return fill_from_text(option, {.key = key, .value = *value, .origin = variable}, given);
    }
    return fill_from_table(option, key, file, given);
}

/// What the command line gave: a flag's value is whether it is on.
std::vector<std::string> values_of(const CLI::Option& option) {
    return option.results().empty() ? std::vector<std::string>{"true"} : option.results();
}

}  // namespace

void add_config_option(CLI::App& command, const SettingSources& sources) {
    command.add_option("--config")
        ->description(fmt::format("Read options from FILE (default {}, which need not exist)",
                                  sources.default_file))
        ->type_name("FILE")
        ->configurable(false);
}

std::string config_path(const CLI::App& command, const SettingSources& sources) {
    return named_file(command, sources).value_or(sources.default_file);
}

Status refuse_empty_values(const CLI::App& command) {
    for (const CLI::Option* const option : command.get_options({})) {
        if (!is_flag(*option) && std::ranges::any_of(option->results(), &std::string::empty)) {
            // Not get_name(), which is empty for a hidden option.
            const std::string name = option->get_lnames().empty()
                                         ? option->get_name()
                                         : "--" + option->get_lnames().front();
            return fail(
                ErrorKind::usage,
                fmt::format("{}: the value is empty; leave the option out for the default", name));
        }
    }
    return {};
}

std::vector<std::string> option_keys(const CLI::App& command) {
    std::vector<std::string> keys;
    for (const CLI::Option* const option : command.get_options({})) {
        if (std::string key = key_of(*option); !key.empty()) {
            keys.push_back(std::move(key));
        }
    }
    return keys;
}

Result<config::Table> fill_options(CLI::App& command, const SettingSources& sources,
                                   std::vector<Given>* given) {
    ROTA_CHECK(refuse_empty_values(command));
    config::Table file = ROTA_TRY(read_file(command, sources));
    const std::vector<std::string> keys = option_keys(command);
    if (!sources.is_anothers) {
        ROTA_CHECK(file.allow_only(keys, sources.tables));
    }
    for (const std::string& key : keys) {
        CLI::Option& option = *command.get_option("--" + key);
        if (option.count() == 0) {
            ROTA_CHECK(fill(option, key, sources, file, given));
        } else {
            note(given, key, values_of(option), "--" + key);
        }
    }
    return file;
}

CLI::Option* repeatable(CLI::Option* option) {
    return option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->allow_extra_args(false);
}

Status fill_options_from(CLI::App& command, const config::Table& table, std::vector<Given>* given) {
    for (const std::string& key : option_keys(command)) {
        CLI::Option& option = *command.get_option("--" + key);
        if (option.count() == 0) {
            ROTA_CHECK(fill_from_table(option, key, table, given));
        }
    }
    return {};
}

Status fill_options_from(CLI::App& command, std::span<const TextSetting> texts,
                         std::vector<Given>* given) {
    for (const TextSetting& text : texts) {
        CLI::Option* const option = command.get_option_no_throw("--" + text.key);
        if (option != nullptr && option->count() == 0) {
            ROTA_CHECK(fill_from_text(*option, text, given));
        }
    }
    return {};
}

std::string url_complaint(const std::string& text) {
    return complaint_unless_empty(&http::parse_url)(text);
}

void add_aws_options(CLI::App& command, agent::AwsOptions& aws) {
    command.add_option("--endpoint-url", aws.endpoint_url, "The Route 53 API's address")
        ->check(url_complaint)
        ->type_name("URL");
    command.add_option("--region", aws.region, "AWS region, which decides the partition");
    command.add_option("--profile", aws.profile, "Profile in AWS's shared files");
}

int report(const Error& error, Output output) {
    if (output == Output::json) {
        const nlohmann::ordered_json object{
            {"error", {{"kind", to_string(error.kind)}, {"message", error.message}}}};
        put(stdout, "{}\n",
            object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    }
    put(stderr, "rota: {}\n", error.message);
    return exit_status(error);
}

}  // namespace rota::cli
