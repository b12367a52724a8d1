// What one answer costs in user space, alone and in batches of 64
// (with what a worker remembers of them), for the workloads of
// docs/benchmarks.md; and what one change costs.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "rota/base/rng.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/dns/wire.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/server/answer_times.h"
#include "rota/zone/answer.h"
#include "rota/zone/batch.h"
#include "rota/zone/snapshot.h"
#include "rota/zone/zone.h"

namespace {

using namespace rota;

constexpr std::string_view kApex = "bench.example";

dns::Name name_of(std::string_view label) {
    return dns::Name::parse(fmt::format("{}.{}", label, kApex)).value();
}

model::HostedZone hosted_zone() {
    model::HostedZone zone;
    zone.id = "Z1";
    zone.name = dns::Name::parse(kApex).value();
    return zone;
}

void add(model::RecordSets& sets, const dns::Name& name, dns::Type type, std::string value,
         std::string set_identifier = {}, std::uint8_t weight = 0) {
    model::RecordSet set;
    set.name = name;
    set.type = type;
    set.ttl = 60;
    set.values = {std::move(value)};
    if (!set_identifier.empty()) {
        set.set_identifier = std::move(set_identifier);
        set.routing = model::WeightedRouting{weight};
    }
    sets.emplace(model::key_of(set), set);
}

/// `names` names with `members` members each (0: one simple record set).
model::RecordSets zone_of(int names, int members) {
    model::RecordSets sets;
    add(sets, hosted_zone().name, dns::Type::soa, "ns1.bench.example. host.example. 1 2 3 4 300");
    add(sets, hosted_zone().name, dns::Type::ns, "ns1.bench.example.");
    for (int i = 0; i < names; ++i) {
        const auto name = name_of(fmt::format("s{}", i));
        for (int member = 0; member < std::max(members, 1); ++member) {
            add(sets, name, dns::Type::a, fmt::format("192.0.{}.{}", i % 256, member),
                members == 0 ? "" : fmt::format("i-{:017x}", member),
                static_cast<std::uint8_t>(1 + (member % 255)));
        }
    }
    return sets;
}

std::vector<std::vector<std::uint8_t>> queries(std::string_view prefix, int names) {
    std::vector<std::vector<std::uint8_t>> all;
    Rng rng{1};
    for (int i = 0; i < 100000; ++i) {
        const auto label =
            fmt::format("{}{}", prefix, rng.below(static_cast<std::uint32_t>(names)));
        dns::WireWriter out;
        out.u16(static_cast<std::uint16_t>(i)).u16(0).u16(1).u16(0).u32(0);
        out.name(name_of(label)).u16(1).u16(1);
        all.push_back(out.take());
    }
    return all;
}

struct Workload {
    const char* name;
    int names;
    int members;
    const char* prefix;
    int asked;
};

constexpr std::array kWorkloads{
    Workload{"W1 1,000 names, one A", 1000, 0, "s", 1000},
    Workload{"W2 one name, 100 weighted", 1, 100, "s", 1},
    Workload{"W3 10,000 names, 10 weighted each", 10000, 10, "s", 10000},
    Workload{"W4 NXDOMAIN", 1000, 0, "n", 100000},
};

zone::SnapshotPtr snapshot_of(const Workload& workload) {
    return with_zone(zone::empty_snapshot(), hosted_zone(),
                     zone_of(workload.names, workload.members));
}

void one_by_one(benchmark::State& state, const Workload& workload) {
    const auto snapshot = snapshot_of(workload);
    const auto asked = queries(workload.prefix, workload.asked);
    std::array<std::uint8_t, 1232> reply{};
    Rng rng{1};
    std::size_t at = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(
            zone::answer(*snapshot, asked[at], reply, zone::Transport::udp, rng));
        at = at + 1 == asked.size() ? 0 : at + 1;
    }
}

void in_batches(benchmark::State& state, const Workload& workload) {
    constexpr std::size_t kBatch = 64;
    const auto snapshot = snapshot_of(workload);
    const auto asked = queries(workload.prefix, workload.asked);
    std::vector<std::array<std::uint8_t, 1232>> replies(kBatch);
    std::vector<zone::BatchItem> items(kBatch);
    std::vector<zone::Prepared> prepared(kBatch);
    server::AnswerTimes times;
    times.reserve(snapshot->next_member());
    Rng rng{1};
    std::size_t at = 0;
    for (auto _ : state) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            items[i] = {asked[at], replies[i], {}};
            at = at + 1 == asked.size() ? 0 : at + 1;
        }
        answer_batch(*snapshot, items, prepared, zone::Transport::udp, rng);
        const server::Tick now = server::tick_now();
        for (const zone::BatchItem& item : items) {
            times.mark(item.answer, now);
        }
        benchmark::DoNotOptimize(items.data());
    }
    const auto answers = state.iterations() * static_cast<benchmark::IterationCount>(kBatch);
    state.SetItemsProcessed(answers);
    state.counters["ns/answer"] =
        benchmark::Counter(static_cast<double>(answers) / 1e9,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

/// One member of one name comes and goes.
void change(benchmark::State& state) {
    const auto zone = hosted_zone();
    auto sets = zone_of(static_cast<int>(state.range(0)), static_cast<int>(state.range(1)));
    auto snapshot = with_zone(zone::empty_snapshot(), zone, sets);
    Rng rng{1};
    for (auto _ : state) {
        state.PauseTiming();
        model::RecordSets one;
        const auto name = fmt::format("s{}", rng.below(static_cast<std::uint32_t>(state.range(0))));
        add(one, name_of(name), dns::Type::a, "198.51.100.1", "i-new", 10);
        const auto key = one.begin()->first;
        model::ZoneDelta delta;
        delta[key] = one.begin()->second;
        model::apply(sets, delta);
        auto before = snapshot;
        state.ResumeTiming();
        snapshot = with_changes(snapshot, zone, sets, delta);
        state.PauseTiming();
        before.reset();
        delta[key] = std::nullopt;
        model::apply(sets, delta);
        snapshot = with_changes(snapshot, zone, sets, delta);
        state.ResumeTiming();
    }
}

BENCHMARK(change)->Args({10, 10})->Args({10000, 10})->Args({100000, 1});

const bool kRegistered = [] {
    // A fixed number of iterations, for counting instructions: BENCH_ITERATIONS.
    const char* const iterations = std::getenv("BENCH_ITERATIONS");
    for (const Workload& workload : kWorkloads) {
        auto* const one = benchmark::RegisterBenchmark(
            fmt::format("answer/{}", workload.name).c_str(), one_by_one, workload);
        if (iterations != nullptr) {
            one->Iterations(std::atoll(iterations));
        }
        auto* const batch = benchmark::RegisterBenchmark(
            fmt::format("batch of 64/{}", workload.name).c_str(), in_batches, workload);
        if (iterations != nullptr) {
            batch->Iterations(std::atoll(iterations));
        }
    }
    return true;
}();

}  // namespace

BENCHMARK_MAIN();
