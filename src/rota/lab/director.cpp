#include "rota/lab/director.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/rng.h"
#include "rota/lab/audience.h"
#include "rota/lab/clients_report.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/group.h"
#include "rota/lab/group_process.h"
#include "rota/lab/instance.h"
#include "rota/lab/load_curve.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/scaling.h"
#include "rota/lab/stage.h"
#include "rota/lab/statistics.h"
#include "rota/lab/sweep_process.h"
#include "rota/lab/watch.h"
#include "rota/route53/client.h"  // IWYU pragma: keep (the watch takes one over)

namespace rota::lab {
namespace {

constexpr std::chrono::milliseconds kStep{250};
constexpr std::chrono::milliseconds kSampleEvery{900};  // every fourth report, late or early
constexpr unsigned kStepsADecision = 4;
constexpr std::chrono::milliseconds kWatchInterval{250};
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kWorkWindow{4};
constexpr std::chrono::seconds kLastDrains{60};  // over TTL and margin
/// Over the clients' own patience with a request.
constexpr std::chrono::seconds kLastRequests{40};
constexpr double kStrikeAt = 0.42;  // of the duration: on the plateau of the load
constexpr unsigned kFirstHost = 11;
constexpr unsigned kLastHost = 250;

std::string instance_id(Rng& rng) {
    return fmt::format("i-0{:016x}", rng.next());
}

}  // namespace

Director::Director(EventLoop& loop, const Stage& stage, const RunSettings& settings)
    : loop_{loop},
      stage_{stage},
      settings_{settings},
      rng_{settings.seed},
      watch_{make_route53_client(stage.api_url, stage.credentials.id, stage.credentials.secret),
             stage.zone_id, settings.name, kWatchInterval},
      audience_{loop,
                {.reported = [this](const ClientsReport& report) { take_report(report); },
                 .ended = [this](const Ended& ended) { end_of_clients(ended); }}},
      sweep_{loop, [this](std::string text) { broke(std::move(text)); }},
      group_{loop,
             {.changed = [this](std::string_view id,
                                std::string_view state) { on_lifecycle_change(id, state); },
              .broke = [this](std::string text) { broke(std::move(text)); }}},
      policy_{
          .min = settings.min_instances, .max = settings.max_instances, .target = settings.target},
      scaling_{.desired = settings.min_instances},
      expected_{settings.ttl},
      created_{boot_now()} {
    record_.settings = settings;
    record_.phase = "starting";
}

Director::~Director() = default;

Status Director::start() {
    ROTA_CHECK(group_.start(stage_, settings_));
    ROTA_CHECK(audience_.start(stage_, settings_));
    if (settings_.chaos) {
        ROTA_CHECK(sweep_.start(stage_, settings_));
    }
    for (unsigned i = 0; i < settings_.min_instances; ++i) {
        launch_one();
    }
    repeat(loop_, kStep, [this](BootTime now) { step(now); });
    return {};
}

void Director::interrupt() {
    was_interrupted_ = true;
    finish();
}

void Director::step(BootTime now) {
    ++steps_;
    note_listing();
    measure_work(now);
    advance(now);
    update_record(now);
    if (after_step_) {
        after_step_();
    }
}

void Director::advance(BootTime now) {
    switch (phase_) {
        case Phase::starting:
            if (count({MemberState::in_service}) >= settings_.min_instances) {
                begin(now);
            } else if (now - created_ > kStartTimeout) {
                broke(with_log(fmt::format("the first {} instances were not in service in {} s",
                                           settings_.min_instances, kStartTimeout.count()),
                               stage_.directory + "/serve.log"));
            }
            break;
        case Phase::running:
            if (settings_.chaos && !has_struck_ &&
                elapsed(now) >= kStrikeAt * Elapsed{settings_.duration}) {
                strike();
            }
            if (steps_ % kStepsADecision == 0) {
                scale_group(now);
            }
            if (elapsed(now) >= settings_.duration) {
                phase_ = Phase::draining;
                record_.phase = "last drains";
                happened("the time is over; the load goes on until the last drain has ended");
            }
            break;
        case Phase::draining: {
            const bool is_late =
                elapsed(now) > settings_.duration + settings_.ttl + settings_.margin + kLastDrains;
            if (is_late) {
                happened("a drain or a sweep did not end in time", true);
            }
            const bool dangles = std::ranges::any_of(
                instances_, [](const auto& instance) { return instance->is_dangling(); });
            if (is_late || (!dangles && count({MemberState::withdrawing, MemberState::draining,
                                               MemberState::stopping}) == 0)) {
                phase_ = Phase::ending;
                record_.phase = "ending";
                audience_.stop();
                loop_.at(now + kLastRequests, [this](BootTime) {
                    broke(with_log("the clients did not end", audience_.log_path()));
                });
            }
            break;
        }
        case Phase::ending:
            break;
    }
    if (phase_ == Phase::running || phase_ == Phase::draining) {
        // Past its end, the curve stays where it ended.
        record_.offered =
            load_at(settings_.curve, std::min(elapsed(now), Elapsed{settings_.duration}));
        audience_.set_rate(record_.offered);
    }
}

void Director::begin(BootTime now) {
    phase_ = Phase::running;
    began_ = now;
    record_.phase = "running";
    record_.smallest_group = settings_.max_instances;
    for (Happening& happening : record_.happenings) {  // they were told from the creation on
        happening.at -= now - created_;
    }
    happened("the clients begin");
}

void Director::note_listing() {
    const Listing listing = watch_.latest();
    if (listing.answered_at <= listing_seen_) {
        return;
    }
    listing_seen_ = listing.answered_at;
    ExpectedShares::Weights weights;
    for (const Listed& listed : listing.members) {
        weights.emplace_back(listed.set_identifier, listed.weight);
    }
    expected_.publish(weights, listing.answered_at);
    for (const auto& instance : instances_) {
        const auto found =
            std::ranges::find(listing.members, instance->plan().id, &Listed::set_identifier);
        const bool is_listed = found != listing.members.end();
        instance->see_listing(is_listed, is_listed ? found->weight : 0, listing.asked_at,
                              listing.answered_at);
    }
}

void Director::measure_work(BootTime now) {
    double sum = 0;
    for (const auto& instance : instances_) {
        sum += instance->work_seconds();
    }
    work_.emplace_back(now, sum);
    while (work_.size() > 2 && work_.front().first < now - kWorkWindow) {
        work_.pop_front();
    }
}

void Director::scale_group(BootTime now) {
    const auto window = std::chrono::duration<double>{work_.back().first - work_.front().first};
    const GroupMetrics metrics{
        .work =
            window.count() > 0 ? (work_.back().second - work_.front().second) / window.count() : 0,
        .capacity = static_cast<double>(settings_.workers),
        .in_service = count({MemberState::in_service}),
        .pending = count({MemberState::booting, MemberState::joining})};
    record_.utilisation = utilisation(metrics);
    const unsigned before = scaling_.desired;
    scaling_ = scale(policy_, scaling_, metrics, now);
    if (scaling_.desired != before) {
        group_.set_desired(scaling_.desired);
        happened(fmt::format("the group {} from {} to {}: {:.0f} % busy, the target is {:.0f} %",
                             scaling_.desired > before ? "grows" : "shrinks", before,
                             scaling_.desired, 100 * record_.utilisation, 100 * policy_.target));
    }
    const unsigned active = metrics.in_service + metrics.pending;
    for (unsigned i = active; i < scaling_.desired; ++i) {
        launch_one();
    }
    for (unsigned i = scaling_.desired; i < active; ++i) {
        end_one();
    }
}

std::string Director::next_address() {
    while (true) {
        const std::string address = stage_.network.address(next_host_);
        next_host_ = next_host_ == kLastHost ? kFirstHost : next_host_ + 1;
        const bool is_taken = std::ranges::any_of(instances_, [&](const auto& instance) {
            return instance->plan().address == address && !instance->has_ended();
        });
        if (!is_taken) {
            return address;
        }
    }
}

void Director::launch_one() {
    constexpr std::uint32_t kBootSpreadMs = 1500;
    const std::chrono::milliseconds boot_delay{500 + rng_.below(kBootSpreadMs)};
    InstancePlan plan{.id = instance_id(rng_),
                      .address = next_address(),
                      .number = static_cast<unsigned>(instances_.size()),
                      .boot_delay = boot_delay,
                      .seed = rng_.next()};
    if (const auto found = latest_.addresses.find(plan.address); found != latest_.addresses.end()) {
        before_launch_[plan.number] = found->second;
    }
    group_.launch(plan.id, plan.address);
    instances_.push_back(std::make_unique<Instance>(
        loop_, stage_, settings_, std::move(plan),
        Instance::Listener{
            .happened = [this](const Instance&, const std::string& text) { happened(text); },
            .broke = [this](const Instance&, const std::string& text) { broke(text); },
            .ended = [this](const Instance& instance) { group_.gone(instance.plan().id); }}));
    if (const Status launched = instances_.back()->launch(); !launched) {
        broke(launched.error().message);
    }
}

/// The oldest in service: over time, the whole group is renewed.
void Director::end_one() {
    const auto oldest = std::ranges::find_if(instances_, [](const auto& instance) {
        return instance->state() == MemberState::in_service;
    });
    if (oldest != instances_.end() && count({MemberState::in_service}) > 1) {
        (*oldest)->end();
        group_.terminate((*oldest)->plan().id);
    }
}

void Director::on_lifecycle_change(std::string_view id, std::string_view state) {
    const auto found = std::ranges::find_if(
        instances_, [&](const auto& instance) { return instance->plan().id == id; });
    if (found != instances_.end() && state == to_string(LifecycleState::terminating_proceed)) {
        (*found)->shut_down();
    }
}

void Director::strike() {
    std::vector<Instance*> targets;
    for (const auto& instance : instances_) {
        if (instance->state() == MemberState::in_service) {
            targets.push_back(instance.get());
        }
    }
    if (targets.size() < 2) {
        return;  // wait: a fleet of one would show nothing but an outage
    }
    has_struck_ = true;
    Instance& victim = *targets[rng_.below(static_cast<std::uint32_t>(targets.size()))];
    failed_at_kill_[victim.plan().number] = record_.members[victim.plan().number].traffic.failed;
    victim.kill();
    happened("its record dangles until its lease has run out and its probes have failed", true);
}

void Director::take_report(const ClientsReport& report) {
    note_failures(report);
    latest_ = report;
    std::uint64_t requests = 0;
    for (const auto& [address, counters] : report.addresses) {
        requests += counters.requests;
    }
    expected_.spend(requests - spent_requests_, boot_now());
    spent_requests_ = requests;
    // By the clients' clock: sampling by ours would see one report now and two then.
    if (began_ && report.at - std::max(sampled_at_, *began_) >= kSampleEvery) {
        update_record(boot_now());
        take_sample(report.at);
    }
}

void Director::note_failures(const ClientsReport& report) {
    for (const FailedRequest& failure : report.failures) {
        const bool is_of_the_dead = std::ranges::any_of(instances_, [&](const auto& instance) {
            return instance->killed_at() && instance->plan().address == failure.address;
        });
        if (!is_of_the_dead) {  // those would fill the screen
            happened(
                fmt::format("a request to {} failed: {}",
                            failure.address.empty() ? "nowhere" : failure.address, failure.what),
                true);
        }
    }
}

void Director::end_of_clients(const Ended& ended) {
    if (phase_ != Phase::ending || ended.by_signal || ended.status != 0) {
        broke(with_log("the clients ended with " + to_string(ended), audience_.log_path()));
        return;
    }
    const BootTime now = boot_now();
    update_record(now);
    take_sample(std::max(latest_.at, sampled_at_));
    if (record_.samples.size() > 1) {  // it is shorter than the others: one with its neighbour
        const std::vector<Sample> last(record_.samples.end() - 2, record_.samples.end());
        record_.samples.resize(record_.samples.size() - 2);
        record_.samples.push_back(condensed(last, 1).front());
    }
    finish();
}

void Director::update_record(BootTime now) {
    record_.elapsed = began_ ? elapsed(now) : Elapsed{0};
    record_.desired = scaling_.desired;
    record_.dns = latest_.dns;
    record_.p50_ms = phase_ == Phase::ending ? latest_.all_p50_ms : latest_.p50_ms;
    record_.p99_ms = phase_ == Phase::ending ? latest_.all_p99_ms : latest_.p99_ms;
    const BootTime zero = began_.value_or(created_);
    record_.members.clear();
    for (const auto& instance : instances_) {
        record_.members.push_back(instance->member(zero));
        update_traffic(record_.members.back());
    }
    if (const auto lost = latest_.addresses.find(""); lost != latest_.addresses.end()) {
        record_.unplaced.requests = lost->second.requests;
        record_.unplaced.failed = lost->second.failed;
    }
    update_recent(now);
    if (phase_ == Phase::running || phase_ == Phase::draining) {
        const unsigned in_service = count({MemberState::in_service});
        record_.largest_group = std::max(record_.largest_group, in_service);
        record_.smallest_group = std::min(record_.smallest_group, in_service);
    }
}

void Director::update_traffic(Member& member) const {
    member.expected_requests = expected_.requests(member.id);
    member.request_variance = expected_.variance(member.id);
    const auto found = latest_.addresses.find(member.address);
    // An address that was used again belongs to its last instance; those before keep what they had.
    const bool is_last = std::ranges::none_of(instances_, [&](const auto& other) {
        return other->plan().address == member.address && other->plan().number > member.number;
    });
    AddressReport now = found == latest_.addresses.end() ? AddressReport{} : found->second;
    if (!is_last) {
        for (const auto& [number, counted] : before_launch_) {
            if (number > member.number && instances_[number]->plan().address == member.address) {
                now = counted;
                break;
            }
        }
    }
    const auto former = before_launch_.find(member.number);
    const AddressReport before = former == before_launch_.end() ? AddressReport{} : former->second;
    const BootTime zero = began_.value_or(created_);
    const auto since = [&](const std::optional<BootTime>& at) {
        return at ? std::optional<Elapsed>{*at - zero} : std::nullopt;
    };
    member.traffic = {.requests = now.requests - before.requests,
                      .failed = now.failed - before.failed,
                      .reconnects = now.reconnects - before.reconnects,
                      .connections = now.opened - before.opened,
                      .open_connections = is_last ? now.open : 0,
                      .last_connection = since(now.last_opened),
                      .last_answer = since(now.last_answer)};
    if (const auto killed = failed_at_kill_.find(member.number); killed != failed_at_kill_.end()) {
        member.failed_because_of_kill = member.traffic.failed - killed->second;
    }
}

void Director::update_recent(BootTime now) {
    const auto window = std::clamp<std::chrono::seconds>(settings_.ttl, std::chrono::seconds{4},
                                                         std::chrono::seconds{20});
    Requests current{.at = now, .by_member = {}};
    for (const Member& member : record_.members) {
        current.by_member[member.number] = member.traffic.requests;
    }
    history_.push_back(std::move(current));
    while (history_.size() > 2 && history_[1].at <= now - window) {
        history_.pop_front();
    }
    const auto span = std::chrono::duration<double>{now - history_.front().at}.count();
    double all = 0;
    double weights = 0;
    for (Member& member : record_.members) {
        const auto then = history_.front().by_member.find(member.number);
        const std::uint64_t before = then == history_.front().by_member.end() ? 0 : then->second;
        const auto made = static_cast<double>(member.traffic.requests - before);
        member.recent_requests_a_second = span > 0 ? made / span : 0;
        all += made;
        member.recent_share = made;
        const bool is_listed =
            member.state == MemberState::in_service || member.state == MemberState::withdrawing ||
            (member.state == MemberState::dead && member.joined && !member.swept);
        member.current_share = is_listed ? member.weight : 0;
        weights += member.current_share;
    }
    for (Member& member : record_.members) {
        member.recent_share = all > 0 ? member.recent_share / all : 0;
        member.current_share = weights > 0 ? member.current_share / weights : 0;
    }
}

void Director::take_sample(BootTime now) {
    sampled_at_ = now;
    const Totals totals = totals_of(record_);
    Sample sample{
        .at = elapsed(now),
        .offered = record_.offered,
        .utilisation = record_.utilisation,
        .desired = scaling_.desired,
        .in_service = totals.in_service,
        .leaving = totals.leaving,
        .failed = totals.failed - std::exchange(sampled_failed_, totals.failed),
        .reconnects = totals.reconnects - std::exchange(sampled_reconnects_, totals.reconnects),
        .p99_ms = latest_.p99_ms,
        .requests = {}};
    for (const Member& member : record_.members) {
        const std::uint64_t before =
            std::exchange(sampled_requests_[member.number], member.traffic.requests);
        if (member.traffic.requests > before) {
            sample.requests[member.number] = member.traffic.requests - before;
        }
    }
    record_.samples.push_back(std::move(sample));
}

void Director::happened(std::string text, bool is_bad) {
    record_.happenings.push_back(
        {.at = elapsed(boot_now()), .text = std::move(text), .is_bad = is_bad});
}

void Director::broke(std::string text) {
    happened(text.substr(0, text.find('\n')), true);
    problems_.push_back(std::move(text));
    finish();
}

void Director::finish() {
    phase_ = Phase::ending;
    loop_.stop();
}

Elapsed Director::elapsed(BootTime now) const {
    return now - began_.value_or(created_);
}

unsigned Director::count(std::initializer_list<MemberState> states) const {
    return static_cast<unsigned>(std::ranges::count_if(instances_, [&](const auto& instance) {
        return std::ranges::find(states, instance->state()) != states.end();
    }));
}

}  // namespace rota::lab
