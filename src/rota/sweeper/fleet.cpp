#include "rota/sweeper/fleet.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/aws/text_file.h"
#include "rota/base/error.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

constexpr std::string_view kBlank = " \t\r";

/// The first word; what follows it stays in `text`.
std::string_view take_word(std::string_view& text) {
    text.remove_prefix(std::min(text.find_first_not_of(kBlank), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(kBlank));
    text.remove_prefix(word.size());
    return word;
}

}  // namespace

FleetList::FleetList(std::vector<std::string> instances) {
    for (std::string& instance : instances) {
        fleet_.emplace(std::move(instance), InstanceState::running);
    }
}

Result<Fleet> FleetList::poll(std::span<const std::string> /*members*/) {
    return fleet_;
}

FleetFile::FleetFile(std::string path) : path_{std::move(path)} {}

Result<Fleet> FleetFile::poll(std::span<const std::string> /*members*/) {
    const auto text = aws::read_text_file(path_);
    if (text) {
        return parse_fleet(*text, path_);
    }
    if (text.error() == ENOENT) {
        return fail(ErrorKind::not_found, fmt::format("the fleet file {} does not exist", path_),
                    true);
    }
    return fail_errno(fmt::format("cannot read the fleet file {}", path_), text.error());
}

Result<Fleet> parse_fleet(std::string_view text, std::string_view file) {
    Fleet fleet;
    for (unsigned number = 1; !text.empty(); ++number) {
        const std::string_view whole = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(whole.size() + 1, text.size()));
        std::string_view line = whole.substr(0, whole.find('#'));
        const std::string_view instance = take_word(line);
        if (instance.empty()) {
            continue;
        }
        const std::string_view state = take_word(line);
        if ((!state.empty() && state != "terminated") || !take_word(line).empty()) {
            return fail(ErrorKind::bad_input,
                        fmt::format("{}:{}: after the instance id comes nothing or 'terminated'",
                                    file, number));
        }
        const auto said = state.empty() ? InstanceState::running : InstanceState::terminated;
        const auto [known, is_new] = fleet.emplace(instance, said);
        if (!is_new && known->second != said) {
            return fail(
                ErrorKind::bad_input,
                fmt::format("{}:{}: {} is both running and terminated", file, number, instance));
        }
    }
    return fleet;
}

Result<FleetChoice> parse_fleet_choice(std::string_view text) {
    if (text == "ec2") {
        return FleetChoice{.kind = FleetKind::ec2, .values = {}};
    }
    const auto colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (kind == "file" && !rest.empty()) {
        return FleetChoice{.kind = FleetKind::file, .values = {std::string{rest}}};
    }
    FleetChoice choice{.kind = kind == "asg" ? FleetKind::auto_scaling : FleetKind::list,
                       .values = {}};
    while ((kind == "list" || kind == "asg") && !rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
        if (!one.empty()) {
            choice.values.emplace_back(one);
        }
    }
    if (choice.values.empty()) {
        return fail(
            ErrorKind::config,
            fmt::format("fleet '{}' is none of ec2, asg:GROUP,…, list:ID,ID,…, file:PATH", text));
    }
    return choice;
}

}  // namespace rota::sweeper
