#include "rota/cli/route53.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sysexits.h>

#include "rota/aws/credentials.h"
#include "rota/aws/imds.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/base/rng.h"
#include "rota/base/time_format.h"
#include "rota/cli/route53_arguments.h"
#include "rota/dns/name.h"
#include "rota/http/client.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/route53/client.h"
#include "rota/route53/codec.h"
#include "rota/route53/messages.h"
#include "rota/route53/retry.h"

namespace rota::cli {
namespace {

using route53::CallError;
using route53::CallResult;
using route53::RawRecordSet;
using std::chrono::milliseconds;

constexpr std::uint32_t kPage = 300;

/// What a change came to: the API's answer, or why none was needed.
struct Outcome {
    std::optional<model::ChangeInfo> change;
    std::string note;
};

void print_note(std::string_view text) {
    put(stderr, "route53: {}\n", text);
}

/// The client with the deadline over everything, and retries that say what they wait for.
class Session {
public:
    Session(route53::Client& client, BootTime deadline)
        : client_{client}, deadline_{deadline}, rng_{Rng::from_entropy()} {}

    /// @param call  takes the client and whether an earlier answer was lost.
    template <typename Call>
    auto run(Call&& call) {
        return route53::retry_call(
            [&](bool answer_was_lost) {
                client_.set_call_timeout(remaining());
                return call(client_, answer_was_lost);
            },
            deadline_, rng_,
            [](const CallError& error, unsigned, milliseconds delay) {
                print_note(fmt::format("{}; trying again in {:.1f} s", error.error.message,
                                       std::chrono::duration<double>{delay}.count()));
            });
    }

    [[nodiscard]] BootTime deadline() const { return deadline_; }

private:
    [[nodiscard]] milliseconds remaining() const {
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - boot_now());
        return std::clamp(left, milliseconds{1}, milliseconds{30000});
    }

    route53::Client& client_;
    BootTime deadline_;
    Rng rng_;
};

/// As Python writes a string, the form that scripts around the old tool may look for.
std::string quoted(std::string_view text) {
    const char quote = text.contains('\'') && !text.contains('"') ? '"' : '\'';
    std::string out{quote};
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == quote || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + quote;
}

void print_change(std::string_view operation, const model::ChangeInfo& change) {
    const std::string_view status =
        change.status == model::ChangeStatus::insync ? "INSYNC" : "PENDING";
    std::string comment;
    if (!change.comment.empty()) {
        comment = fmt::format("'Comment': {}, ", quoted(change.comment));
    }
    put(stdout,
        "{{'{}Response': {{'ChangeInfo': {{{}'Id': '/change/{}', 'Status': '{}', "
        "'SubmittedAt': '{}'}}}}}}\n",
        operation, comment, change.id, status, format_rfc3339_millis(change.submitted_at));
}

/// EX_TEMPFAIL for what the API refuses for now, else by the kind of error.
int report_failure(const CallError& error) {
    print_note(error.error.message);
    return error.api && error.error.retryable ? EX_TEMPFAIL : exit_status(error.error);
}

int wait_until_insync(Session& session, const model::ChangeInfo& change) {
    milliseconds pause{100};
    while (true) {
        const auto now = session.run(
            [&](route53::Client& client, bool) { return client.get_change(change.id); });
        if (!now) {
            return report_failure(now.error());
        }
        if (now->status == model::ChangeStatus::insync) {
            print_change("GetChange", *now);
            return EX_OK;
        }
        if (!route53::wait_before_retry(pause, session.deadline())) {
            print_note(fmt::format("change {} is still PENDING", change.id));
            return EX_TEMPFAIL;
        }
        pause = std::min(pause * 2, milliseconds{5000});
    }
}

int finish(Session& session, const Route53Command& command, std::string_view operation,
           const CallResult<Outcome>& outcome) {
    if (!outcome) {
        return report_failure(outcome.error());
    }
    const std::optional<model::ChangeInfo>& change = outcome->change;
    if (!change) {
        put(stdout, "{}\n", outcome->note);
        return EX_OK;
    }
    print_change(operation, *change);
    return command.wait ? wait_until_insync(session, *change) : EX_OK;
}

std::string describe(const RawRecordSet& record_set) {
    std::string text = fmt::format("{} {}", record_set.name, record_set.type);
    if (record_set.set_identifier) {
        text += fmt::format(" {}", *record_set.set_identifier);
    }
    return text;
}

/// The values as the old tool shows them.
std::string shown_values(const RawRecordSet& record_set) {
    std::string text = fmt::format("{}", fmt::join(record_set.values, ","));
    if (record_set.alias) {
        text = fmt::format("ALIAS {} {} (EvalTarget {})", record_set.alias->hosted_zone_id,
                           record_set.alias->dns_name,
                           record_set.alias->evaluate_target_health ? "True" : "False");
    }
    const std::string identifier = record_set.set_identifier.value_or("");
    if (record_set.weight) {
        text += fmt::format(" (WRR id={}, w={})", identifier, *record_set.weight);
    } else if (record_set.region) {
        text += fmt::format(" (LBR id={}, region={})", identifier, *record_set.region);
    } else if (record_set.failover) {
        text += fmt::format(" (FAILOVER id={}, failover={})", identifier, *record_set.failover);
    } else if (record_set.geo_location) {
        text += fmt::format(" (GEO id={}, {})", identifier, *record_set.geo_location);
    } else if (!identifier.empty()) {
        text += fmt::format(" (id={})", identifier);
    }
    return text;
}

/// The stored record set of that name, type and set identifier.
CallResult<std::optional<RawRecordSet>> find_stored(route53::Client& client,
                                                    const Route53Command& command) {
    const RawRecordSet& wanted = command.record_set;
    const auto page = client.list_raw_record_sets(
        command.zone_id, {wanted.name, wanted.type, wanted.set_identifier.value_or(""), 1});
    if (!page) {
        return std::unexpected(page.error());
    }
    const auto name = dns::Name::parse(wanted.name);
    for (const RawRecordSet& stored : page->record_sets) {
        const auto stored_name = dns::Name::parse(stored.name);
        if (name && stored_name && *name == *stored_name && stored.type == wanted.type &&
            stored.set_identifier.value_or("") == wanted.set_identifier.value_or("")) {
            return stored;
        }
    }
    return std::nullopt;
}

route53::RawChangeBatch batch_of(const Route53Command& command) {
    route53::RawChangeBatch batch;
    batch.comment = command.comment;
    return batch;
}

CallResult<Outcome> send(route53::Client& client, const Route53Command& command,
                         const route53::RawChangeBatch& batch) {
    auto change = client.change_raw_record_sets(command.zone_id, batch);
    if (!change) {
        return std::unexpected(std::move(change).error());
    }
    return Outcome{*std::move(change), {}};
}

/// CREATE; "already exists" is success when what exists is the same.
CallResult<Outcome> add(Session& session, const Route53Command& command) {
    route53::RawChangeBatch batch = batch_of(command);
    batch.changes.push_back({model::Action::create, command.record_set});
    auto outcome =
        session.run([&](route53::Client& client, bool) { return send(client, command, batch); });
    if (outcome || !route53::says_already_exists(outcome.error())) {
        return outcome;
    }
    const auto found =
        session.run([&](route53::Client& client, bool) { return find_stored(client, command); });
    if (!found) {
        return std::unexpected(found.error());
    }
    const std::optional<RawRecordSet>& stored = *found;
    if (stored && route53::is_same(*stored, command.record_set)) {
        return Outcome{std::nullopt,
                       fmt::format("{} is there already", describe(command.record_set))};
    }
    if (stored) {
        outcome.error().error.message += fmt::format(
            "; stored is {} with TTL {}", shown_values(*stored), stored->ttl.value_or("-"));
    }
    return outcome;
}

/// Another record set of the same name and type that answers with one of the same values, under
/// another set identifier; of the first 300, which are more than a name may have.
CallResult<std::optional<RawRecordSet>> find_with_same_value(route53::Client& client,
                                                             const Route53Command& command) {
    const RawRecordSet& wanted = command.record_set;
    const auto page =
        client.list_raw_record_sets(command.zone_id, {wanted.name, wanted.type, "", 300});
    if (!page) {
        return std::unexpected(page.error());
    }
    const auto name = dns::Name::parse(wanted.name);
    for (const RawRecordSet& stored : page->record_sets) {
        const auto stored_name = dns::Name::parse(stored.name);
        if (name && stored_name && *name == *stored_name && stored.type == wanted.type &&
            std::ranges::find_first_of(stored.values, wanted.values) != stored.values.end()) {
            return stored;
        }
    }
    return std::nullopt;
}

/// DELETE; "was not found" is success, because shutdown scripts run again: unless the value is
/// answered all the same, as after a mistyped identifier.
CallResult<Outcome> remove(Session& session, const Route53Command& command) {
    route53::RawChangeBatch batch = batch_of(command);
    batch.changes.push_back({model::Action::del, command.record_set});
    auto outcome =
        session.run([&](route53::Client& client, bool) { return send(client, command, batch); });
    if (outcome || !route53::says_not_found(outcome.error())) {
        return outcome;
    }
    const auto found = session.run(
        [&](route53::Client& client, bool) { return find_with_same_value(client, command); });
    if (!found) {
        return std::unexpected(found.error());
    }
    if (const std::optional<RawRecordSet>& other = *found) {
        outcome.error().error.message +=
            fmt::format("; but {} is answered on with {}", describe(*other), shown_values(*other));
        return outcome;
    }
    return Outcome{std::nullopt, fmt::format("{} is gone already", describe(command.record_set))};
}

/// Reads what is stored, deletes exactly that and creates the new one in the same batch.
CallResult<Outcome> change(Session& session, const Route53Command& command) {
    return session.run([&](route53::Client& client, bool answer_was_lost) -> CallResult<Outcome> {
        auto stored = find_stored(client, command);
        if (!stored) {
            return std::unexpected(std::move(stored).error());
        }
        route53::RawChangeBatch batch = batch_of(command);
        if (*stored) {
            if (answer_was_lost && route53::is_same(**stored, command.record_set)) {
                return Outcome{std::nullopt,
                               fmt::format("{} is there now", describe(command.record_set))};
            }
            if ((*stored)->geo_location || (*stored)->has_cidr_routing ||
                (*stored)->has_geo_proximity) {
                CallError error;
                error.error = {ErrorKind::conflict,
                               fmt::format("{} has a routing policy that this tool cannot delete",
                                           describe(**stored))};
                return std::unexpected(std::move(error));
            }
            batch.changes.push_back({model::Action::del, *std::move(*stored)});
        }
        batch.changes.push_back({model::Action::create, command.record_set});
        return send(client, command, batch);
    });
}

int list_zones(Session& session) {
    std::string marker;
    while (true) {
        const auto page = session.run(
            [&](route53::Client& client, bool) { return client.list_hosted_zones(marker, 100); });
        if (!page) {
            return report_failure(page.error());
        }
        for (const route53::HostedZoneView& view : page->zones) {
            put(stdout,
                "{0:=<80}\n| ID:   {1}\n| Name: {2}\n| Ref:  {3}\n{0:=<80}\n"
                "{{'Comment': {4}, 'PrivateZone': '{5}'}}\n\n",
                "", view.zone.id, view.zone.name.to_text(), view.zone.caller_reference,
                quoted(view.zone.comment), view.zone.private_zone);
        }
        if (!page->is_truncated) {
            return EX_OK;
        }
        marker = page->next_marker;
    }
}

int get_record_sets(Session& session, const Route53Command& command) {
    route53::ListRecordSetsRequest request{command.name, command.type, "",
                                           std::min(command.max_items.value_or(kPage), kPage)};
    std::uint32_t left = command.max_items.value_or(UINT32_MAX);
    bool has_header = false;
    while (true) {
        const auto page = session.run([&](route53::Client& client, bool) {
            return client.list_raw_record_sets(command.zone_id, request);
        });
        if (!page) {
            return report_failure(page.error());
        }
        if (!std::exchange(has_header, true)) {
            put(stdout, "{:<40} {:<5} {:<20} {}\n", "Name", "Type", "TTL", "Value(s)");
        }
        for (const RawRecordSet& record_set : page->record_sets) {
            if (left-- == 0) {
                return EX_OK;
            }
            put(stdout, "{:<40} {:<5} {:<20} {}\n", record_set.name, record_set.type,
                record_set.ttl.value_or("-"), shown_values(record_set));
        }
        if (!page->is_truncated || left == 0) {
            return EX_OK;
        }
        request.name = page->next_name;
        request.type = page->next_type;
        request.identifier = page->next_identifier;
    }
}

/// A reference that no other request has, as the API wants one.
std::string fresh_reference() {
    Rng rng = Rng::from_entropy();
    return fmt::format("rota-{}-{:016x}", format_basic(wall_now()), rng.next());
}

/// After a lost answer the zone may be there already: the caller reference tells.
CallResult<route53::CreateHostedZoneResponse> find_created(
    route53::Client& client, const route53::CreateHostedZoneRequest& request) {
    const auto page = client.list_hosted_zones_by_name(request.name, 100);
    if (!page) {
        return std::unexpected(page.error());
    }
    for (const route53::HostedZoneView& view : page->zones) {
        if (view.zone.caller_reference == request.caller_reference) {
            auto zone = client.get_hosted_zone(view.zone.id);
            if (!zone) {
                return std::unexpected(std::move(zone).error());
            }
            return route53::CreateHostedZoneResponse{std::move(zone->zone), {}};
        }
    }
    CallError error;
    error.error = {
        ErrorKind::conflict,
        fmt::format("the caller reference '{}' belongs to another zone", request.caller_reference)};
    return std::unexpected(std::move(error));
}

int create_zone(Session& session, const Route53Command& command) {
    route53::CreateHostedZoneRequest request;
    request.name = command.zone_name;
    request.caller_reference =
        command.caller_reference.empty() ? fresh_reference() : command.caller_reference;
    request.comment = command.comment;
    const auto created =
        session.run([&](route53::Client& client,
                        bool answer_was_lost) -> CallResult<route53::CreateHostedZoneResponse> {
            auto response = client.create_hosted_zone(request);
            const bool exists = !response && response.error().api &&
                                response.error().api->code == "HostedZoneAlreadyExists";
            return exists && answer_was_lost ? find_created(client, request) : response;
        });
    if (!created) {
        return report_failure(created.error());
    }
    put(stdout, "Pending, please add the following Name Servers:\n");
    for (const dns::Name& server : created->zone.zone.name_servers) {
        std::string text = server.to_text();
        text.pop_back();
        put(stdout, "\t{}\n", text);
    }
    return command.wait && !created->change.id.empty() ? wait_until_insync(session, created->change)
                                                       : EX_OK;
}

CallResult<Outcome> delete_zone(Session& session, const Route53Command& command) {
    return session.run([&](route53::Client& client, bool answer_was_lost) -> CallResult<Outcome> {
        auto deleted = client.delete_hosted_zone(command.zone_id);
        if (deleted) {
            return Outcome{*std::move(deleted), {}};
        }
        if (answer_was_lost && deleted.error().api &&
            deleted.error().api->code == "NoSuchHostedZone") {
            return Outcome{std::nullopt, fmt::format("zone {} is gone", command.zone_id)};
        }
        return std::unexpected(std::move(deleted).error());
    });
}

int carry_out(Session& session, const Route53Command& command) {
    constexpr std::string_view kChange = "ChangeResourceRecordSets";
    switch (command.verb) {
        case Route53Verb::ls:
            return list_zones(session);
        case Route53Verb::create:
            return create_zone(session, command);
        case Route53Verb::delete_zone:
            return finish(session, command, "DeleteHostedZone", delete_zone(session, command));
        case Route53Verb::get:
            return get_record_sets(session, command);
        case Route53Verb::add_record:
        case Route53Verb::add_alias:
            return finish(session, command, kChange, add(session, command));
        case Route53Verb::del_record:
        case Route53Verb::del_alias:
            return finish(session, command, kChange, remove(session, command));
        case Route53Verb::change_record:
        case Route53Verb::change_alias:
            return finish(session, command, kChange, change(session, command));
        case Route53Verb::help:
            break;
    }
    return EX_USAGE;
}

int show_help(const std::string& command) {
    const std::string text = route53_help(command);
    if (text.empty()) {
        print_note(fmt::format("'{}' is not a command; see: route53 help", command));
        return EX_USAGE;
    }
    put(stdout, "{}", text);
    return EX_OK;
}

}  // namespace

int run_route53(int argc, char** argv) {
    const std::span<const char* const> arguments{argv, static_cast<std::size_t>(argc)};
    const auto command = parse_route53_arguments(arguments.subspan(argc > 0 ? 1 : 0));
    if (!command) {
        print_note(command.error().message);
        return exit_status(command.error());
    }
    if (command->verb == Route53Verb::help) {
        return show_help(command->help_on);
    }
    auto environment = aws::read_environment();
    if (!environment) {
        print_note(environment.error().message);
        return exit_status(environment.error());
    }
    const std::string& url =
        command->endpoint_url.empty() ? environment->endpoint_url : command->endpoint_url;
    if (const Status region = aws::check_region(environment->region, url); !region) {
        print_note(region.error().message);
        return exit_status(region.error());
    }
    const route53::Endpoint endpoint = route53::choose_endpoint(environment->region, url);
    aws::ImdsOptions imds;
    imds.endpoint = environment->imds_endpoint;
    auto credentials = std::make_shared<aws::CredentialProvider>(*std::move(environment),
                                                                 std::make_shared<aws::Imds>(imds));
    route53::Client client{endpoint, std::move(credentials),
                           http::client_options_from_environment()};
    Session session{client, boot_now() + command->timeout};
    return carry_out(session, *command);
}

}  // namespace rota::cli
