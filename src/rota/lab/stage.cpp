#include "rota/lab/stage.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/fd.h"
#include "rota/lab/notify.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/watch.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"

namespace rota::lab {
namespace {

constexpr std::uint16_t kClaimPort = 7777;
constexpr unsigned kClaimHost = 254;
constexpr std::chrono::seconds kStartTimeout{20};
constexpr std::chrono::seconds kStopTimeout{5};

sockaddr_in ipv4(std::uint32_t address, std::uint16_t port) {
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(address);
    name.sin_port = htons(port);
    return name;
}

bool can_bind(int type, std::uint16_t port) {
    const Fd socket{::socket(AF_INET, type | SOCK_CLOEXEC, 0)};
    const sockaddr_in name = ipv4(INADDR_ANY, port);
    return socket &&
           ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 &&
           (type != SOCK_STREAM || ::listen(socket.get(), 1) == 0);
}

/// Upper-case letters and digits, as in access key ids.
std::string random_text(std::size_t length) {
    constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string octets(length, '\0');
    ROTA_ASSERT(::getrandom(octets.data(), octets.size(), 0) ==
                static_cast<ssize_t>(octets.size()));
    for (char& c : octets) {
        c = kAlphabet[static_cast<unsigned char>(c) % kAlphabet.size()];
    }
    return octets;
}

}  // namespace

Result<LoopbackNetwork> LoopbackNetwork::claim() {
    for (unsigned number = 1; number < 255; ++number) {
        Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        if (!socket) {
            return fail_errno("socket", errno);
        }
        const sockaddr_in name =
            ipv4((127U << 24U) | (77U << 16U) | (number << 8U) | kClaimHost, kClaimPort);
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
            LoopbackNetwork network;
            network.claim_ = std::move(socket);
            network.number_ = number;
            return network;
        }
    }
    return fail(
        ErrorKind::unavailable,
        fmt::format("no network of 127.77.0.0/16 is free: UDP port {} of host {} is taken in "
                    "all of them",
                    kClaimPort, kClaimHost));
}

std::string LoopbackNetwork::address(unsigned host) const {
    return fmt::format("127.77.{}.{}", number_, host);
}

Result<std::uint16_t> free_port(std::uint16_t first) {
    constexpr std::uint16_t kTries = 1000;
    for (std::uint16_t port = first; port < first + kTries; ++port) {
        if (can_bind(SOCK_STREAM, port) && can_bind(SOCK_DGRAM, port)) {
            return port;
        }
    }
    return fail(ErrorKind::unavailable,
                fmt::format("no port from {} to {} is free", first, first + kTries - 1));
}

std::string with_log(const std::string& what, const std::string& log_path) {
    constexpr std::size_t kLines = 12;
    const std::string end = tail(log_path, kLines);
    return end.empty() ? fmt::format("{}; its log {} is empty", what, log_path)
                       : fmt::format("{}; the end of its log {}:\n{}", what, log_path, end);
}

Result<bool> wait_readable(int fd, int interrupt, std::chrono::milliseconds timeout) {
    const BootTime deadline = boot_now() + timeout;
    while (true) {
        std::array<pollfd, 2> waits{pollfd{.fd = fd, .events = POLLIN, .revents = 0},
                                    pollfd{.fd = interrupt, .events = POLLIN, .revents = 0}};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - boot_now());
        const int count = ::poll(waits.data(), waits.size(),
                                 static_cast<int>(std::max<std::int64_t>(0, left.count())));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (waits[1].revents != 0) {
            return fail(ErrorKind::unavailable, "interrupted");
        }
        return count > 0;
    }
}

std::map<std::string, std::string> Stage::bare_environment() {
    std::map<std::string, std::string> environment{{"NO_PROXY", "*"}, {"TZ", "UTC"}};
    for (const char* const name :
         {"PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
          "LSAN_OPTIONS", "LD_LIBRARY_PATH"}) {
        if (const char* const value = std::getenv(name)) {  // NOLINT(concurrency-mt-unsafe)
            environment[name] = value;
        }
    }
    return environment;
}

Result<std::unique_ptr<Stage>> Stage::build(const RunSettings& settings, std::string directory,
                                            int interrupt) {
    std::unique_ptr<Stage> stage{new Stage{std::move(directory)}};
    stage->network = ROTA_TRY(LoopbackNetwork::claim());
    stage->service_port = ROTA_TRY(free_port(8080));
    stage->metadata_port = ROTA_TRY(free_port(1338));
    stage->dns_address = fmt::format("{}:{}", stage->network.address(1), ROTA_TRY(free_port(5300)));
    stage->api_url =
        fmt::format("http://{}:{}", stage->network.address(1), ROTA_TRY(free_port(8053)));
    stage->group_url =
        fmt::format("http://{}:{}", stage->network.address(1), ROTA_TRY(free_port(8055)));
    stage->zone = settings.name.substr(settings.name.find('.') + 1);
    ROTA_CHECK(stage->create_key());
    ROTA_CHECK(stage->start_server(interrupt));
    ROTA_CHECK(stage->create_zone());
    return stage;
}

Stage::~Stage() {
    if (server_.is_running()) {
        server_.send(SIGTERM);
        if (const auto ended = wait_readable(server_.exit_fd(), -1, kStopTimeout);
            ended && *ended) {
            server_.reap();
        }
    }
}

std::string Stage::explain_end() {
    return with_log("rota serve ended with " + to_string(server_.reap()), directory + "/serve.log");
}

Status Stage::create_key() {
    credentials = {.id = "AKIA" + random_text(16), .secret = random_text(40)};
    const std::string log = directory + "/keys.log";
    // Made here, so that the server works as whoever runs the lab, root included.
    std::error_code error;
    std::filesystem::create_directory(directory + "/serve", error);
    std::filesystem::permissions(directory + "/serve", std::filesystem::perms::owner_all, error);
    if (error) {
        return fail(ErrorKind::io,
                    fmt::format("cannot create {}/serve: {}", directory, error.message()));
    }
    Child keys =
        ROTA_TRY(Child::start({.name = "rota keys",
                               .arguments = {"keys", "create", "--data", directory + "/serve",
                                             "--id", credentials.id, "--secret-stdin"},
                               .environment = bare_environment(),
                               .log_path = log,
                               .with_stdin = true,
                               .with_stdout = false}));
    keys.tell(credentials.secret + "\n");
    keys.close_stdin();
    const bool has_ended = ROTA_TRY(wait_readable(keys.exit_fd(), -1, kStartTimeout));
    if (!has_ended) {
        return fail(ErrorKind::timeout, with_log("rota keys create did not end", log));
    }
    if (const Ended ended = keys.reap(); ended.by_signal || ended.status != 0) {
        return fail(ErrorKind::unavailable,
                    with_log("rota keys create ended with " + to_string(ended), log));
    }
    return {};
}

Status Stage::start_server(int interrupt) {
    const std::string log = directory + "/serve.log";
    const NotifySocket notify = ROTA_TRY(NotifySocket::create(directory + "/serve.notify"));
    auto environment = bare_environment();
    environment["NOTIFY_SOCKET"] = notify.path();
    if (::geteuid() == 0) {
        environment["ROTA_SERVE_USER"] = "root";  // the directory is root's
    }
    server_ = ROTA_TRY(Child::start(
        {.name = "rota serve",
         .arguments = {"serve", "--config", "/dev/null", "--data", directory + "/serve", "--dns",
                       dns_address, "--api", api_url.substr(std::string_view{"http://"}.size()),
                       "--ns", "ns." + zone},
         .environment = std::move(environment),
         .log_path = log,
         .with_stdin = false,
         .with_stdout = false}));
    const BootTime deadline = boot_now() + kStartTimeout;
    for (Notification notification; !notification.is_ready;) {
        if (ROTA_TRY(wait_readable(server_.exit_fd(), -1, std::chrono::milliseconds{0}))) {
            return fail(ErrorKind::unavailable,
                        with_log("rota serve ended with " + to_string(server_.reap()), log));
        }
        if (boot_now() > deadline) {
            return fail(ErrorKind::timeout, with_log(fmt::format("rota serve was not ready in {} s",
                                                                 kStartTimeout.count()),
                                                     log));
        }
        const bool has_message =
            ROTA_TRY(wait_readable(notify.fd(), interrupt, std::chrono::milliseconds{200}));
        if (has_message) {
            notify.receive(notification);
        }
    }
    return {};
}

Status Stage::create_zone() {
    const auto client = make_route53_client(api_url, credentials.id, credentials.secret);
    const auto created = client->create_hosted_zone({.name = zone,
                                                     .caller_reference = "rota-lab",
                                                     .comment = "made by rota lab",
                                                     .private_zone = false,
                                                     .has_vpc = false,
                                                     .delegation_set_id = {}});
    if (!created) {
        return fail(created.error().error.kind, with_log("cannot create the zone " + zone + ": " +
                                                             created.error().error.message,
                                                         directory + "/serve.log"));
    }
    zone_id = created->zone.zone.id;
    return {};
}

}  // namespace rota::lab
