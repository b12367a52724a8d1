#include "rota/sweeper/fleet.h"

#include <algorithm>
#include <cerrno>
#include <memory>
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

Result<Fleet> FleetList::poll() {
    return fleet_;
}

FleetFile::FleetFile(std::string path) : path_{std::move(path)} {}

Result<Fleet> FleetFile::poll() {
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

Result<std::unique_ptr<FleetSource>> make_fleet_source(std::string_view text) {
    const auto colon = text.find(':');
    const std::string_view kind = text.substr(0, colon);
    std::string_view rest = colon == std::string_view::npos ? "" : text.substr(colon + 1);
    if (kind == "file" && !rest.empty()) {
        return std::make_unique<FleetFile>(std::string{rest});
    }
    std::vector<std::string> instances;
    while (kind == "list" && !rest.empty()) {
        const std::string_view instance = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(instance.size() + 1, rest.size()));
        if (!instance.empty()) {
            instances.emplace_back(instance);
        }
    }
    if (instances.empty()) {
        return fail(ErrorKind::config,
                    fmt::format("fleet '{}' is neither list:ID,ID,… nor file:PATH", text));
    }
    return std::make_unique<FleetList>(std::move(instances));
}

}  // namespace rota::sweeper
