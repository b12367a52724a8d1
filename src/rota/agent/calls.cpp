#include "rota/agent/calls.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <stdlib.h>

#include "rota/agent/classify.h"
#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/agent/zone_id.h"
#include "rota/aws/credentials.h"
#include "rota/aws/imds.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/client.h"
#include "rota/instance/address.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/route53/client.h"
#include "rota/route53/group.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"

namespace rota::agent {
namespace {

/// A listing's record set that the model cannot hold, as far as the decisions need it: a weighted
/// one (an alias, one with a health check) is a sibling, everything else holds the name.
model::RecordSet approximate(const route53::RawRecordSet& raw, const dns::Name& name,
                             dns::Type type) {
    model::RecordSet record_set{.name = name,
                                .type = type,
                                .set_identifier = raw.set_identifier.value_or(""),
                                .routing = model::SimpleRouting{},
                                .ttl = 0,
                                .values = raw.values};
    if (raw.weight) {
        record_set.routing = model::WeightedRouting{
            static_cast<std::uint8_t>(std::strtoul(raw.weight->c_str(), nullptr, 10))};
    }
    if (raw.ttl) {
        record_set.ttl = static_cast<std::uint32_t>(std::strtoul(raw.ttl->c_str(), nullptr, 10));
    }
    return record_set;
}

/// The ids of the zones of exactly that name.
Result<std::vector<std::string>> zones_named(route53::Client& client, const dns::Name& name) {
    constexpr std::uint32_t kMost = 100;
    const auto answer = client.list_hosted_zones_by_name(name.to_text(), kMost);
    if (!answer) {
        return std::unexpected(answer.error().error);
    }
    std::vector<std::string> ids;
    for (const route53::HostedZoneView& view : answer->zones) {
        if (view.zone.name == name) {
            ids.push_back(view.zone.id + (view.zone.private_zone ? " (private)" : " (public)"));
        }
    }
    return ids;
}

Result<std::string> only_one(const std::vector<std::string>& ids, const dns::Name& name) {
    if (ids.size() > 1) {
        return fail(ErrorKind::conflict,
                    fmt::format("there are {} hosted zones named {}: {}; give --zone the id of one",
                                ids.size(), name.to_text(), fmt::join(ids, ", ")));
    }
    return ids.front().substr(0, ids.front().find(' '));
}

template <typename T>
Answer failed(const std::expected<T, route53::CallError>& result) {
    return classify(result.error());
}

}  // namespace

Result<Surroundings> look_around(const AwsOptions& options) {
    Surroundings found;
    if (!options.profile.empty()) {
        // The shared files are read by profile, and AWS_PROFILE is how their reader is told.
        ::setenv("AWS_PROFILE", options.profile.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    }
    found.environment = ROTA_TRY(aws::read_environment());
    if (!options.region.empty()) {
        found.environment.region = options.region;
    }
    if (!options.endpoint_url.empty()) {
        found.environment.endpoint_url = options.endpoint_url;
    }
    ROTA_CHECK(aws::check_region(found.environment.region, found.environment.endpoint_url));
    if (!found.environment.imds_disabled) {
        aws::ImdsOptions imds;
        imds.allow_v1 = options.imds_v1;
        if (!found.environment.imds_endpoint.empty()) {
            imds.endpoint = found.environment.imds_endpoint;
        }
        found.imds = std::make_shared<aws::Imds>(std::move(imds));
    }
    found.credentials = std::make_shared<aws::CredentialProvider>(found.environment, found.imds);
    found.endpoint =
        route53::choose_endpoint(found.environment.region, found.environment.endpoint_url);
    found.http = http::client_options_from_environment();
    return found;
}

std::unique_ptr<route53::Client> make_client(const Surroundings& surroundings) {
    return std::make_unique<route53::Client>(surroundings.endpoint, surroundings.credentials,
                                             surroundings.http);
}

Result<std::string> find_zone(route53::Client& client, std::string_view id_or_name) {
    if (const auto id = zone_id_in(id_or_name)) {
        return std::string{*id};
    }
    const dns::Name name = ROTA_TRY(dns::Name::parse(id_or_name));
    const std::vector<std::string> ids = ROTA_TRY(zones_named(client, name));
    if (ids.empty()) {
        return fail(ErrorKind::not_found,
                    fmt::format("there is no hosted zone named {} that these credentials can see",
                                name.to_text()));
    }
    return only_one(ids, name);
}

Result<std::string> find_zone_of(route53::Client& client, const dns::Name& name) {
    for (dns::Name candidate = name; !candidate.is_root(); candidate = candidate.parent()) {
        const std::vector<std::string> ids = ROTA_TRY(zones_named(client, candidate));
        if (!ids.empty()) {
            return only_one(ids, candidate);
        }
    }
    return fail(ErrorKind::not_found,
                fmt::format("no hosted zone that these credentials can see holds {}; give --zone",
                            name.to_text()));
}

route53::CallResult<Listing> read_group(route53::Client& client, std::string_view zone_id,
                                        const dns::Name& name, dns::Type type) {
    Listing group;
    ROTA_CHECK(route53::walk_group(
        zone_id, name, type,
        [&](const route53::ListRecordSetsRequest& request) {
            return client.list_record_sets(zone_id, request);
        },
        [&](route53::ListRecordSetsResponse& page) {
            for (model::RecordSet& record_set : page.record_sets) {
                if (record_set.name == name && record_set.type == type) {
                    group.record_sets.push_back(std::move(record_set));
                }
            }
            for (const route53::RawRecordSet& raw : page.unsupported) {
                if (route53::is_of(raw, name, type)) {
                    group.record_sets.push_back(approximate(raw, name, type));
                    group.raw.push_back(raw);
                }
            }
        }));
    return group;
}

Caller::Caller(RotaConfig config, std::shared_ptr<const Surroundings> surroundings)
    : config_{std::move(config)},
      surroundings_{std::move(surroundings)},
      client_{make_client(*surroundings_)},
      // Amazon's own: not worth a request.
      is_route53_alone_{is_amazons(surroundings_->endpoint)},
      set_identifier_{config_.set_identifier} {}

Caller::~Caller() = default;

Answer Caller::operator()(const Request& request) {
    return std::visit([this](const auto& alternative) { return carry_out(alternative); }, request);
}

void Caller::set_timeout(std::chrono::milliseconds timeout) {
    timeout_ = timeout;
    client_->set_call_timeout(timeout);
    if (rota_client_) {
        rota_client_->set_call_timeout(timeout);
    }
}

Answer Caller::carry_out(const ResolveTarget& request) {
    auto target = resolve(request.with_address);
    if (!target) {
        return Failure{.kind = FailureKind::other, .error = std::move(target.error())};
    }
    return *target;
}

Result<Target> Caller::resolve(bool with_address) {
    const instance::Metadata metadata =
        [this](std::string_view path) -> Result<std::optional<std::string>> {
        if (surroundings_->imds == nullptr) {
            return fail(ErrorKind::config,
                        fmt::format("the metadata service is turned off "
                                    "(AWS_EC2_METADATA_DISABLED), but {} is wanted from it: set "
                                    "--set-identifier and a literal --address",
                                    path));
        }
        return surroundings_->imds->get(path);
    };
    Target target;
    if (with_address) {
        const auto family =
            config_.type == dns::Type::aaaa ? instance::Family::ipv6 : instance::Family::ipv4;
        target.value = ROTA_TRY(instance::find_address(config_.address, family, metadata));
    }
    if (set_identifier_.empty()) {
        set_identifier_ = ROTA_TRY(instance::find_instance_id(metadata));
    }
    if (zone_id_.empty()) {
        zone_id_ = ROTA_TRY(find_zone(*client_, config_.zone));
    }
    target.set_identifier = set_identifier_;
    target.zone_id = zone_id_;
    return target;
}

Answer Caller::carry_out(const ReadGroup& /*request*/) {
    auto group = read_group(*client_, zone_id_, config_.name, config_.type);
    if (!group) {
        return failed(group);
    }
    beyond_the_model_.reset();
    for (route53::RawRecordSet& raw : group->raw) {
        if (raw.set_identifier == set_identifier_) {
            beyond_the_model_ = std::move(raw);
        }
    }
    return std::move(group->record_sets);
}

Answer Caller::carry_out(const ReadOwn& /*request*/) {
    const auto answer =
        client_->list_record_sets(zone_id_, {.name = config_.name.to_text(),
                                             .type = std::string{dns::to_string(config_.type)},
                                             .identifier = set_identifier_,
                                             .max_items = 1});
    if (!answer) {
        return failed(answer);
    }
    OwnRecord own;
    const auto take = [this, &own](const model::RecordSet& record_set) {
        if (record_set.name != config_.name || record_set.type != config_.type) {
            return;
        }
        if (!std::holds_alternative<model::WeightedRouting>(record_set.routing)) {
            own.is_foreign = true;
        } else if (record_set.set_identifier == set_identifier_) {
            own.record_set = record_set;
        }
    };
    std::ranges::for_each(answer->record_sets, take);
    for (const route53::RawRecordSet& raw : answer->unsupported) {
        if (is_of(raw, config_.name, config_.type)) {
            take(approximate(raw, config_.name, config_.type));
        }
    }
    return own;
}

Answer Caller::carry_out(const Upsert& request) {
    return change(model::Action::upsert, request.record_set, request.comment, request.keep_members);
}

Answer Caller::carry_out(const Delete& request) {
    return change(model::Action::del, request.record_set, request.comment, request.keep_members);
}

Answer Caller::change(model::Action action, const model::RecordSet& record_set,
                      const std::string& comment, std::size_t keep_members) {
    route53::ChangeOptions options;
    if (keep_members > 0) {
        options.keep_members = static_cast<std::uint32_t>(keep_members);
    }
    // A record set with more than the model holds (a health check) is deleted as it was read.
    const bool is_raw = action == model::Action::del && beyond_the_model_;
    const auto info =
        is_raw
            ? client_->change_raw_record_sets(
                  zone_id_,
                  {.comment = comment,
                   .changes = {{.action = action, .record_set = *beyond_the_model_}}},
                  options)
            : client_->change_record_sets(
                  zone_id_,
                  {.comment = comment, .changes = {{.action = action, .record_set = record_set}}},
                  options);
    if (!info) {
        return failed(info);
    }
    return Accepted{.change_id = info->id,
                    .is_insync = info->status == model::ChangeStatus::insync};
}

Answer Caller::carry_out(const GetChange& request) {
    const auto info = client_->get_change(request.change_id);
    if (!info) {
        return failed(info);
    }
    return ChangeSeen{.is_insync = info->status == model::ChangeStatus::insync};
}

Answer Caller::carry_out(const AskAge& request) {
    if (is_route53_alone_) {
        return AgeSeen{};
    }
    if (!rota_client_) {
        rota_client_ = std::make_unique<route53::RotaClient>(
            surroundings_->endpoint, surroundings_->credentials, surroundings_->http);
        rota_client_->set_call_timeout(timeout_);
    }
    const auto age = rota_client_->age({.zone_id = zone_id_,
                                        .name = config_.name,
                                        .type = config_.type,
                                        .set_identifier = set_identifier_});
    if (!age) {
        is_route53_alone_ = age.error().is_unsupported;
        return Failure{.error = age.error().error};
    }
    return AgeSeen{.left = route53::left_to_drain(*age, request.margin),
                   .since = age->since_last_answer};
}

}  // namespace rota::agent
