#include "rota/lab/metadata.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/types.h>

#include "rota/base/clock.h"
#include "rota/base/encoding.h"
#include "rota/base/error.h"
#include "rota/base/text.h"
#include "rota/http/message.h"

namespace rota::lab {
namespace {

constexpr std::string_view kTokenTtl = "X-aws-ec2-metadata-token-ttl-seconds";
constexpr std::string_view kToken = "X-aws-ec2-metadata-token";
constexpr std::chrono::seconds kLongestTtl{21600};
constexpr std::size_t kMostTokens = 1000;

http::Response plain(int status, std::string body) {
    return {.status = status,
            .headers = {{"Content-Type", "text/plain"}, {"Server", "EC2ws"}},
            .body = std::move(body)};
}

std::optional<std::chrono::seconds> token_ttl(const http::Request& request) {
    const std::string* const text = http::find(request.headers, kTokenTtl);
    if (text == nullptr) {
        return std::nullopt;
    }
    const std::chrono::seconds ttl{parse_number<int>(*text).value_or(0)};
    if (ttl < std::chrono::seconds{1} || ttl > kLongestTtl) {
        return std::nullopt;
    }
    return ttl;
}

std::string new_token() {
    std::array<std::uint8_t, 42> octets{};
    ROTA_ASSERT(::getrandom(octets.data(), octets.size(), 0) ==
                static_cast<ssize_t>(octets.size()));
    std::string token = to_base64(octets);
    std::ranges::replace(token, '+', '-');
    std::ranges::replace(token, '/', '_');
    return token;
}

/// The part after "/latest/" or a dated version ("/2021-03-23/"); nothing for any other path.
std::optional<std::string_view> below_version(std::string_view target) {
    target = target.substr(0, target.find('?'));
    if (!target.starts_with('/')) {
        return std::nullopt;
    }
    target.remove_prefix(1);
    const std::size_t slash = target.find('/');
    const std::string_view version = target.substr(0, slash);
    const bool is_dated = version.size() == 10 && version.starts_with("20") &&
                          version.find_first_not_of("0123456789-") == std::string_view::npos;
    if (version != "latest" && !is_dated) {
        return std::nullopt;
    }
    return slash == std::string_view::npos ? std::string_view{} : target.substr(slash + 1);
}

}  // namespace

Metadata::Metadata(const InstanceFacts& facts) {
    set("meta-data/ami-id", facts.image_id);
    set("meta-data/instance-id", facts.instance_id);
    set("meta-data/instance-type", facts.instance_type);
    set("meta-data/local-ipv4", facts.local_ipv4);
    set("meta-data/placement/availability-zone", facts.availability_zone);
    set("meta-data/placement/region", facts.region);
    if (!facts.public_ipv4.empty()) {
        set("meta-data/public-ipv4", facts.public_ipv4);
    }
    set("dynamic/instance-identity/document",
        fmt::format(
            R"({{"availabilityZone":"{}","imageId":"{}","instanceId":"{}",)"
            R"("instanceType":"{}","privateIp":"{}","region":"{}","version":"2017-09-30"}})",
            facts.availability_zone, facts.image_id, facts.instance_id, facts.instance_type,
            facts.local_ipv4, facts.region));
}

void Metadata::set(const std::string& path, std::string value) {
    items_[path] = std::move(value);
}

http::Response Metadata::answer(const http::Request& request, BootTime now) {
    if (request.method == "PUT") {
        return put_token(request, now);
    }
    if (request.method != "GET" && request.method != "HEAD") {
        return plain(405, "");
    }
    const std::string* const token = http::find(request.headers, kToken);
    if (token == nullptr || !is_valid_token(*token, now)) {
        return plain(401, "");
    }
    const auto path = below_version(request.target);
    return path ? get_item(*path) : plain(404, "");
}

http::Response Metadata::put_token(const http::Request& request, BootTime now) {
    if (http::find(request.headers, "X-Forwarded-For") != nullptr ||
        !request.target.starts_with("/latest/")) {
        return plain(403, "");
    }
    if (request.target != "/latest/api/token") {
        return plain(404, "");
    }
    const auto ttl = token_ttl(request);
    if (!ttl) {
        return plain(400, "");
    }
    for (auto token = tokens_.begin(); token != tokens_.end();) {
        token = token->second <= now ? tokens_.erase(token) : std::next(token);
    }
    if (tokens_.size() >= kMostTokens) {
        return plain(503, "");
    }
    std::string token = new_token();
    tokens_.emplace(token, now + *ttl);
    http::Response response = plain(200, std::move(token));
    response.headers.emplace_back(kTokenTtl, fmt::format("{}", ttl->count()));
    return response;
}

http::Response Metadata::get_item(std::string_view path) const {
    if (const auto item = items_.find(std::string{path}); item != items_.end()) {
        return plain(200, item->second);
    }
    // A folder: its entries, those with more below them with a slash; once each.
    std::string prefix{path};
    if (!prefix.empty() && !prefix.ends_with('/')) {
        prefix.push_back('/');
    }
    std::set<std::string> entries;
    for (auto item = items_.lower_bound(prefix);
         item != items_.end() && item->first.starts_with(prefix); ++item) {
        const std::size_t slash = item->first.find('/', prefix.size());
        const std::size_t end = slash == std::string::npos ? item->first.size() : slash + 1;
        entries.insert(item->first.substr(prefix.size(), end - prefix.size()));
    }
    if (entries.empty()) {
        return plain(404, "");
    }
    return plain(200, fmt::format("{}", fmt::join(entries, "\n")));
}

bool Metadata::is_valid_token(const std::string& token, BootTime now) const {
    const auto found = tokens_.find(token);
    return found != tokens_.end() && now < found->second;
}

}  // namespace rota::lab
