#include "rota/server/serve.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rota/api/hosted_zones.h"
#include "rota/api/leases.h"
#include "rota/api/rota_api.h"
#include "rota/api/router.h"
#include "rota/aws/sigv4.h"
#include "rota/base/clock.h"
#include "rota/base/end_signal.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/base/log.h"
#include "rota/base/metrics.h"
#include "rota/base/sd_notify.h"
#include "rota/dns/name.h"
#include "rota/http/message.h"
#include "rota/http/server.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/server/dns_server.h"
#include "rota/server/live_keys.h"
#include "rota/server/name_servers.h"
#include "rota/server/privileges.h"
#include "rota/server/served_zones.h"
#include "rota/store/directory.h"
#include "rota/store/store.h"

namespace rota::server {
namespace {

constexpr unsigned kApiThreads = 4;

std::string_view host_of(std::string_view address) {
    std::string_view host = address.substr(0, address.rfind(':'));
    if (host.starts_with('[') && host.ends_with(']')) {
        host = host.substr(1, host.size() - 2);
    }
    return host;
}

bool is_loopback(std::string_view address) {
    const std::string host{host_of(address)};
    in_addr four{};
    in6_addr six{};
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1) {
        return (ntohl(four.s_addr) >> 24U) == 127;
    }
    return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

Status check_api_addresses(const ServeOptions& options) {
    for (const std::string& address : options.api) {
        if (!options.api_insecure && !is_loopback(address)) {
            return fail(ErrorKind::config,
                        fmt::format("--api {}: not a loopback address, and the API has no TLS: use "
                                    "127.0.0.1 or [::1] (behind a proxy with TLS), or say "
                                    "--api-insecure to let anybody on the way read along",
                                    address));
        }
    }
    return {};
}

/// Every address of the machine; without IPv6 in the kernel, the IPv4 ones.
std::vector<std::string> default_dns_addresses() {
    std::vector<std::string> addresses{"0.0.0.0:53"};
    if (const Fd probe{::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)}; probe) {
        addresses.emplace_back("[::]:53");
    }
    return addresses;
}

/// As many descriptors as we may have: connections are limited by their own limits.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/// What the data directory holds, opened and read.
struct Data {
    store::DirectoryLock lock;
    std::unique_ptr<store::Store> store;
    std::vector<store::StoredZone> zones;
    std::unique_ptr<LiveKeys> keys;
};

Result<Data> open_data(const std::string& directory, const std::optional<Identity>& identity) {
    ROTA_CHECK(store::prepare_directory(
        directory,
        identity ? std::optional{store::Owner{identity->user, identity->group}} : std::nullopt));
    const ActingAs acting = ROTA_TRY(ActingAs::begin(identity));
    store::DirectoryLock lock = ROTA_TRY(store::DirectoryLock::take(directory));
    auto opened = ROTA_TRY(store::Store::open(directory));
    auto zones = ROTA_TRY(opened->load());
    auto keys = ROTA_TRY(LiveKeys::open(directory));
    return Data{std::move(lock), std::move(opened), std::move(zones), std::move(keys)};
}

/// The API's sockets and the addresses that they got.
struct ApiSockets {
    std::vector<Fd> listeners;
    std::vector<std::string> addresses;
};

Result<ApiSockets> bind_api(const std::vector<std::string>& addresses) {
    ApiSockets sockets;
    for (const std::string& address : addresses) {
        Fd listener = ROTA_TRY(http::listen_tcp(address));
        sockets.addresses.push_back(fmt::format("{}:{}", address.substr(0, address.rfind(':')),
                                                http::local_port(listener)));
        sockets.listeners.push_back(std::move(listener));
    }
    return sockets;
}

std::string_view rcode_name(std::size_t rcode) {
    constexpr std::string_view kNames[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                           "NXDOMAIN", "NOTIMP",  "REFUSED"};
    if (rcode < std::size(kNames)) {
        return kNames[rcode];
    }
    return rcode == std::size_t{16} ? "BADVERS" : "other";
}

void write_dns_metrics(MetricsText& out, const DnsServer& dns, const LiveKeys& keys) {
    using Type = MetricsText::Type;
    const DnsStats stats = dns.stats();
    out.family("rota_dns_queries_total", Type::counter, "DNS messages received.");
    out.sample({{"transport", "udp"}}, stats.udp_queries);
    out.sample({{"transport", "tcp"}}, stats.tcp_queries);
    out.family("rota_dns_responses_total", Type::counter, "DNS responses, by response code.");
    std::uint64_t others = 0;
    for (std::size_t rcode = 0; rcode < stats.responses_by_rcode.size(); ++rcode) {
        const std::string_view name = rcode_name(rcode);
        if (name == "other") {
            others += stats.responses_by_rcode[rcode];
        } else {
            out.sample({{"rcode", name}}, stats.responses_by_rcode[rcode]);
        }
    }
    out.sample({{"rcode", "other"}}, others);
    out.counter("rota_dns_dropped_total", "DNS messages that get no answer.", stats.dropped);
    out.counter("rota_dns_truncated_total", "DNS responses cut short (TC).", stats.truncated);
    out.counter("rota_dns_send_errors_total", "DNS responses that could not be sent.",
                stats.send_errors);
    out.counter("rota_dns_tcp_connections_total", "DNS connections accepted.",
                stats.tcp_connections);
    out.gauge("rota_dns_tcp_connections_open", "DNS connections open now.", stats.tcp_open);
    out.family("rota_dns_tcp_connections_closed_total", Type::counter,
               "DNS connections closed by the server, by reason.");
    out.sample({{"reason", "address_limit"}}, stats.tcp_rejected);
    out.sample({{"reason", "evicted"}}, stats.tcp_evicted);
    out.sample({{"reason", "idle"}}, stats.tcp_timed_out);
    out.gauge("rota_access_keys", "Access keys that can sign requests.", keys.count());
}

void write_lease_metrics(MetricsText& out, api::Leases& leases) {
    const api::LeaseTotals totals = leases.totals(boot_now());
    out.gauge("rota_leases_held", "Members whose agents' heartbeats come in time.", totals.held);
    out.counter("rota_leases_expired_total", "Leases that ran out.", totals.expired);
}

/// The same, and a record set that goes takes its lease with it.
api::Publication forgetting(api::Publication publication, api::Leases& leases) {
    publication.change = [change = std::move(publication.change), &leases](
                             const model::HostedZone& zone, const model::RecordSets& after,
                             const model::ZoneDelta& delta) {
        leases.forget(zone.id, delta, boot_now());
        return change(zone, after, delta);
    };
    return publication;
}

/// Ends are asked for by signals, which every thread but this one ignores.
class EndSignals {
public:
    EndSignals() {
        sigemptyset(&set_);
        sigaddset(&set_, SIGTERM);
        sigaddset(&set_, SIGINT);
        ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
        std::signal(SIGPIPE, SIG_IGN);
    }

    /// Waits for the first; from then on the next one kills, unless it is the same (end_signal.h).
    std::string_view wait() {
        int number = 0;
        while (::sigwait(&set_, &number) != 0) {
        }
        first_at = monotonic_ms();
        struct sigaction action{};
        action.sa_handler = on_another;
        action.sa_mask = set_;
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGTERM, &action, nullptr);
        ::sigaction(SIGINT, &action, nullptr);
        ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
        return number == SIGINT ? "SIGINT" : "SIGTERM";
    }

private:
    static std::int64_t monotonic_ms() noexcept {
        timespec now{};
        ::clock_gettime(CLOCK_MONOTONIC, &now);
        return (std::int64_t{now.tv_sec} * 1'000) + (now.tv_nsec / 1'000'000);
    }

    /// In a signal handler: nothing but what signal-safety(7) lists.
    static void on_another(int number) {
        if (monotonic_ms() - first_at >= kSameEndSignal.count()) {
            std::signal(number, SIG_DFL);
            std::raise(number);  // comes when this handler returns
        }
    }

    static inline volatile std::int64_t first_at = 0;  // set before the handler is
    sigset_t set_{};
};

std::string joined(const std::vector<std::string>& list) {
    return fmt::format("{}", fmt::join(list, ","));
}

std::vector<std::string> texts(const std::vector<dns::Name>& names) {
    std::vector<std::string> result;
    result.reserve(names.size());
    for (const dns::Name& name : names) {
        result.push_back(name.to_text());
    }
    return result;
}

/// For a UDP socket: some 10,000 queries that come while no thread runs.
constexpr std::size_t kEnoughBuffer = std::size_t{1} << 20U;

void say_what_is_odd(const ServeOptions& options, const std::optional<Identity>& identity,
                     const LiveKeys& keys, const std::vector<dns::Name>& name_servers,
                     std::size_t receive_buffer) {
    if (::geteuid() == 0 && !identity) {
        log::warning("running as root: there is no user 'rota'; make one, or give --user");
    }
    if (receive_buffer < kEnoughBuffer) {
        log::warning(
            "the receive buffers are small, a burst of queries may be lost: set net.core.rmem_max "
            "to 4194304, or start with CAP_NET_ADMIN",
            {{"octets", receive_buffer}});
    }
    if (options.name_servers.empty()) {
        log::warning("no --ns given: new zones get a derived name server",
                     {{"ns", name_servers.front().to_text()}});
    }
    if (keys.count() == 0) {
        log::warning("there are no access keys, so nobody can use the API: rota keys create",
                     {{"data", options.data}});
    }
    if (options.api_insecure && !std::ranges::all_of(options.api, is_loopback)) {
        log::warning("the API has no TLS: whoever is on the way can read and repeat requests",
                     {{"api", joined(options.api)}});
    }
}

}  // namespace

Status serve(const ServeOptions& options) {
    ROTA_CHECK(check_api_addresses(options));
    std::vector<dns::Name> name_servers = ROTA_TRY(read_name_servers(options.name_servers));
    if (name_servers.empty()) {
        name_servers.push_back(default_name_server());
    }
    const std::optional<Identity> identity = ROTA_TRY(serving_identity(options.user));
    raise_descriptor_limit();
    Data data = ROTA_TRY(open_data(options.data, identity));

    DnsServerOptions dns_options;
    dns_options.addresses = options.dns.empty() ? default_dns_addresses() : options.dns;
    dns_options.workers =
        options.workers != 0 ? options.workers : std::max(1U, std::thread::hardware_concurrency());
    const std::unique_ptr<DnsServer> dns = ROTA_TRY(DnsServer::bind(dns_options));
    ApiSockets sockets = ROTA_TRY(bind_api(options.api));
    ROTA_CHECK(drop_privileges(identity));
    say_what_is_odd(options, identity, *data.keys, name_servers, dns->receive_buffer());

    EndSignals signals;
    ServedZones served{*dns, data.zones};
    api::Leases leases;
    api::HostedZones zones{*data.store, std::move(data.zones),
                           forgetting(served.publication(), leases), name_servers,
                           options.max_record_sets};
    LiveKeys& keys = *data.keys;
    api::RotaApi own{zones, leases, served.ages()};
    api::Router router{
        zones, own,
        [&keys, allow_aws3 = options.allow_aws3](const http::Request& request, WallTime now) {
            return aws::verify(request, [&keys](std::string_view id) { return keys.secret_of(id); },
                               now, {.allow_aws3 = allow_aws3});
        },
        [&dns = *dns, &keys, &leases](MetricsText& out) {
            write_dns_metrics(out, dns, keys);
            write_lease_metrics(out, leases);
        }};
    http::Server api{std::move(sockets.listeners), http::ServerLimits{},
                     [&router](const http::Request& request, const http::Peer& peer) {
                         return router.handle(request, peer);
                     },
                     [&router](int status) { return router.refuse_malformed(status); },
                     kApiThreads};

    dns->on_acknowledged([&zones, &served](std::uint64_t generation) {
        served.acknowledge(generation);  // first: who reads INSYNC may ask for the age at once
        zones.acknowledge(generation);
    });
    ROTA_CHECK(dns->start(served.first()));
    keys.start();
    api.start();
    const api::ZoneTotals totals = zones.totals();
    log::info("ready", {{"dns", joined(dns->addresses())},
                        {"api", joined(sockets.addresses)},
                        {"data", options.data},
                        {"zones", totals.zones},
                        {"record_sets", totals.record_sets},
                        {"workers", dns_options.workers},
                        {"ns", joined(texts(name_servers))},
                        {"pid", ::getpid()}});
    sd_notify::ready(fmt::format("serving {} hosted zones", totals.zones));
    std::jthread name_check{[&](const std::stop_token& stop) {
        check_name_servers(name_servers, dns->addresses(), stop);
    }};

    const std::string_view signal = signals.wait();
    log::info("stopping", {{"signal", signal}});
    sd_notify::stopping(fmt::format("ending on {}", signal));
    api.stop();
    dns->stop();
    name_check.request_stop();
    name_check.join();
    log::info("stopped");
    return {};
}

}  // namespace rota::server
