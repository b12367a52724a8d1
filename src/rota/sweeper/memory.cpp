#include "rota/sweeper/memory.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/types.h>

#include "rota/base/boot.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/file.h"
#include "rota/base/text.h"
#include "rota/dns/types.h"
#include "rota/sweeper/watch.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr int kVersion = 1;
// Route 53's 10,000 record sets a zone at some 200 octets, several times over.
constexpr std::size_t kLongest = std::size_t{16} << 20U;
constexpr int kDeepest = 8;
constexpr std::size_t kLongestIdentifier = 128;  // Route 53's
constexpr std::size_t kLongestValue = 4096;
constexpr unsigned kMostPolls = 2;  // more say nothing more
constexpr std::size_t kMostRemovals = 10'000;
constexpr milliseconds kLongestLease{std::chrono::minutes{5}};

void expect(bool is_so, std::string_view what) {
    if (!is_so) {
        throw std::runtime_error{std::string{what}};
    }
}

/// A whole number; a fraction, or one beyond every integer, is none.
std::int64_t integer(const Json& json) {
    expect(json.is_number_integer(), "a number that is not whole");
    return json.get<std::int64_t>();
}

unsigned polls(const Json& json) {
    return static_cast<unsigned>(std::clamp<std::int64_t>(integer(json), 0, kMostPolls));
}

std::int64_t in_milliseconds(BootTime time) {
    return std::chrono::duration_cast<milliseconds>(time.time_since_epoch()).count();
}

/// A time of this boot; one that is in the future is now.
BootTime time_of(const Json& json, BootTime now) {
    const auto count = integer(json);
    const auto most = in_milliseconds(now);
    return BootTime{milliseconds{std::clamp<std::int64_t>(count, 0, most)}};
}

Json member_json(const std::string& identifier, const MemberMemory& member) {
    Json json;
    json["set_identifier"] = identifier;
    json["values"] = member.values;
    json["first_seen"] = in_milliseconds(member.first_seen);
    json["alive"] = member.was_alive;
    json["lease"] = member.held_lease;
    if (member.gone_polls > 0) {
        json["gone_polls"] = std::min(member.gone_polls, kMostPolls);
        json["terminated_polls"] = std::min(member.terminated_polls, kMostPolls);
        json["gone_since"] = in_milliseconds(member.gone_since);
    }
    return json;
}

MemberMemory read_member(const Json& json, bool is_this_boot, BootTime now) {
    MemberMemory member;
    for (const Json& value : json.at("values")) {
        member.values.push_back(value.get<std::string>());
        expect(member.values.back().size() <= kLongestValue, "a value that long");
    }
    member.was_alive = json.at("alive").get<bool>();
    member.held_lease = json.at("lease").get<bool>();
    const BootTime first_seen = time_of(json.at("first_seen"), now);
    member.first_seen = is_this_boot ? first_seen : now;
    if (!json.contains("gone_polls")) {
        return member;
    }
    member.gone_polls = polls(json.at("gone_polls"));
    member.terminated_polls = std::min(polls(json.at("terminated_polls")), member.gone_polls);
    member.gone_since = is_this_boot ? time_of(json.at("gone_since"), now) : now;
    if (!is_this_boot) {
        member.gone_polls = member.terminated_polls;
    }
    return member;
}

RotaMemory read_rota(const Json& json, bool is_this_boot, BootTime now) {
    RotaMemory rota;
    rota.longest_lease =
        std::clamp(milliseconds{integer(json.at("longest_lease"))}, milliseconds{0}, kLongestLease);
    expect(json.at("removals").size() <= kMostRemovals, "that many removals");
    for (const Json& removal : json.at("removals")) {
        const BootTime at = time_of(removal, now);
        if (is_this_boot) {
            rota.removals.push_back(at);
        }
    }
    std::ranges::sort(rota.removals);
    for (const Json& member : json.at("members")) {
        auto identifier = member.at("set_identifier").get<std::string>();
        expect(!identifier.empty() && identifier.size() <= kLongestIdentifier,
               "a set identifier that is none");
        rota.members.insert_or_assign(std::move(identifier),
                                      read_member(member, is_this_boot, now));
    }
    return rota;
}

}  // namespace

std::string key_of(const Rota& rota) {
    return fmt::format("{} {} {}", rota.zone, rota.name.to_text(), dns::to_string(rota.type));
}

std::string memory_text(const std::map<std::string, const RotaMemory*, std::less<>>& rotas,
                        std::optional<BootTime> polled, std::string_view boot) {
    Json out;
    out["version"] = kVersion;
    out["boot"] = boot;
    out["polled"] = polled ? Json(in_milliseconds(*polled)) : Json{};
    out["rotas"] = Json::array();
    for (const auto& [key, memory] : rotas) {
        Json rota;
        rota["rota"] = key;
        rota["longest_lease"] = memory->longest_lease.count();
        rota["removals"] = Json::array();
        for (const BootTime at : memory->removals) {
            rota["removals"].push_back(in_milliseconds(at));
        }
        rota["members"] = Json::array();
        for (const auto& [identifier, member] : memory->members) {
            rota["members"].push_back(member_json(identifier, member));
        }
        out["rotas"].push_back(std::move(rota));
    }
    return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Remembered> parse_memory(std::string_view text, std::string_view boot, BootTime now) {
    try {
        const Json json = Json::parse(text, [](int depth, Json::parse_event_t, const Json&) {
            expect(depth <= kDeepest, "nested that deep");
            return true;
        });
        expect(integer(json.at("version")) == kVersion, "another version");
        const bool is_this_boot = !boot.empty() && json.at("boot").get<std::string>() == boot;
        Remembered remembered;
        if (!json.at("polled").is_null() && is_this_boot) {
            remembered.polled = time_of(json.at("polled"), now);
        }
        for (const Json& rota : json.at("rotas")) {
            remembered.rotas.insert_or_assign(rota.at("rota").get<std::string>(),
                                              read_rota(rota, is_this_boot, now));
        }
        return remembered;
    } catch (const std::exception& error) {  // the library's edge: anything but the expected shape
        return fail(ErrorKind::bad_input, fmt::format("not a sweeper's memory: {}",
                                                      excerpt(error.what(), kLongestIdentifier)));
    }
}

MemoryFile::MemoryFile(std::string path) : path_{std::move(path)}, boot_{this_boot()} {}

Result<Remembered> MemoryFile::read(BootTime now) const {
    const auto text = ROTA_TRY(read_own_file(path_, kLongest));
    if (!text) {
        return Remembered{};
    }
    auto remembered = parse_memory(*text, boot_, now);
    if (!remembered) {
        remembered.error().message.insert(0, path_ + ": ");
    }
    return remembered;
}

Status MemoryFile::write(const std::map<std::string, const RotaMemory*, std::less<>>& rotas,
                         std::optional<BootTime> polled) {
    std::string text = memory_text(rotas, polled, boot_);
    if (text == written_) {
        return {};
    }
    constexpr mode_t kMode = 0600;
    ROTA_CHECK(replace_file(path_, text, kMode));
    written_ = std::move(text);
    return {};
}

}  // namespace rota::sweeper
