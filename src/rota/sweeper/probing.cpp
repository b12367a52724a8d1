#include "rota/sweeper/probing.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "rota/base/error.h"
#include "rota/health/check.h"
#include "rota/health/probe.h"
#include "rota/route53/rota_client.h"

namespace rota::sweeper {
namespace {

constexpr std::string_view kPlace = "{address}";
// A rota holds at most 100 members; those that do not answer hold a thread for a timeout each.
constexpr std::size_t kMostThreads = 32;

/// As it stands in a URL. Nothing but an address gets into a command that a template may be.
Result<std::string> host_of(std::string_view address) {
    std::string text{address};
    std::array<unsigned char, sizeof(in6_addr)> octets{};
    if (::inet_pton(AF_INET, text.c_str(), octets.data()) == 1) {
        return text;
    }
    if (::inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) {
        return fmt::format("[{}]", text);
    }
    return fail(ErrorKind::bad_input, fmt::format("'{}' is no IP address to probe", address));
}

std::string fill_in(std::string_view text, std::string_view host) {
    std::string filled{text};
    for (auto at = filled.find(kPlace); at != std::string::npos;
         at = filled.find(kPlace, at + host.size())) {
        filled.replace(at, kPlace.size(), host);
    }
    return filled;
}

}  // namespace

Result<CheckTemplate> CheckTemplate::parse(std::string_view text) {
    if (!text.contains(kPlace)) {
        return fail(ErrorKind::config,
                    fmt::format("probe '{}' has no {} where the member's address belongs, as in "
                                "http://{}:8080/health",
                                text, kPlace, kPlace));
    }
    const auto sample = health::parse_check(fill_in(text, "192.0.2.1"));
    if (!sample) {
        return std::unexpected(sample.error());
    }
    return CheckTemplate{std::string{text}};
}

Result<health::Check> CheckTemplate::at(std::string_view address) const {
    return health::parse_check(fill_in(text_, ROTA_TRY(host_of(address))));
}

Result<health::Check> check_of(const route53::ProbeTarget& target, std::string_view address) {
    const std::string host = ROTA_TRY(host_of(address));
    if (target.path.empty()) {
        return health::parse_check(fmt::format("tcp://{}:{}", host, target.port));
    }
    const bool is_path =
        target.path.starts_with('/') &&
        std::ranges::all_of(target.path, [](char c) { return c > ' ' && c < 127; });
    if (!is_path) {
        return fail(ErrorKind::bad_input, "the heartbeat's path to probe is none of a URL");
    }
    return health::parse_check(fmt::format("http://{}:{}{}", host, target.port, target.path));
}

void probe_all(std::span<Probe> probes, std::chrono::milliseconds timeout) {
    std::atomic<std::size_t> next = 0;
    const auto work = [&next, probes, timeout] {
        for (std::size_t at = next++; at < probes.size(); at = next++) {
            probes[at].seen = health::probe(probes[at].check, timeout);
        }
    };
    std::vector<std::jthread> threads;
    const std::size_t more = std::min(kMostThreads, probes.size());
    for (std::size_t i = 1; i < more; ++i) {
        threads.emplace_back(work);
    }
    work();
}

}  // namespace rota::sweeper
