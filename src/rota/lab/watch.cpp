#include "rota/lab/watch.h"

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>

#include "rota/aws/credentials.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/guarded.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/client.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::lab {

std::unique_ptr<route53::Client> make_route53_client(const std::string& url,
                                                     const std::string& key_id,
                                                     const std::string& secret) {
    aws::Environment environment;
    environment.imds_disabled = true;
    environment.static_credentials = aws::Credentials{
        .access_key_id = key_id, .secret_access_key = secret, .session_token = {}, .expires = {}};
    auto credentials = std::make_shared<aws::CredentialProvider>(std::move(environment), nullptr);
    return std::make_unique<route53::Client>(route53::choose_endpoint("", url),
                                             std::move(credentials), http::ClientOptions{});
}

RotaWatch::RotaWatch(std::unique_ptr<route53::Client> client, std::string zone_id, std::string name,
                     std::chrono::milliseconds interval)
    : client_{std::move(client)},
      zone_id_{std::move(zone_id)},
      name_{std::move(name)},
      interval_{interval},
      thread_{[this](const std::stop_token& stop) { run(stop); }} {}

RotaWatch::~RotaWatch() = default;

Listing RotaWatch::latest() const {
    return listing_.with([](const Listing& listing) { return listing; });
}

void RotaWatch::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        read_once();
        std::unique_lock lock{sleep_mutex_};
        sleep_.wait_for(lock, stop, interval_, [] { return false; });
    }
}

void RotaWatch::read_once() {
    const BootTime asked_at = boot_now();
    const auto answer = client_->list_record_sets(
        zone_id_, {.name = name_, .type = "A", .identifier = {}, .max_items = 300});
    const BootTime answered_at = boot_now();
    listing_.with([&](Listing& listing) {
        if (!answer) {
            listing.error = answer.error().error.message;
            return;
        }
        listing = {.asked_at = asked_at, .answered_at = answered_at, .members = {}, .error = {}};
        const auto name = dns::Name::parse(name_);
        for (const model::RecordSet& set : answer->record_sets) {
            const auto* const weighted = std::get_if<model::WeightedRouting>(&set.routing);
            if (!name || set.name != *name || set.type != dns::Type::a || weighted == nullptr ||
                set.values.empty()) {
                continue;
            }
            listing.members.push_back({.set_identifier = set.set_identifier,
                                       .address = set.values.front(),
                                       .weight = weighted->weight,
                                       .ttl = std::chrono::seconds{set.ttl}});
        }
    });
}

}  // namespace rota::lab
