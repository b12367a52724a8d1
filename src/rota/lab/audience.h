#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/lab/event_loop.h"
#include "rota/lab/line_reader.h"
#include "rota/lab/process.h"
#include "rota/lab/record.h"
#include "rota/lab/stage.h"

namespace rota::lab {

/// What the clients told about one address; sums since the start.
struct AddressReport {
    std::uint64_t requests = 0;
    std::uint64_t failed = 0;
    std::uint64_t reconnects = 0;
    std::uint64_t opened = 0;
    std::uint64_t open = 0;
    std::optional<BootTime> last_opened;
    std::optional<BootTime> last_answer;
};

struct FailedRequest {
    BootTime at;
    std::string address;
    std::string what;
};

struct ClientsReport {
    BootTime at;  ///< when the clients wrote it
    std::map<std::string, AddressReport> addresses;
    std::vector<FailedRequest> failures;  ///< those since the report before, some of them
    DnsCounters dns;
    double p50_ms = 0;  ///< of the last two seconds
    double p99_ms = 0;
    double all_p50_ms = 0;
    double all_p99_ms = 0;
};

/// Reads a line of `rota lab-clients`; nothing when it is none.
std::optional<ClientsReport> parse_clients_report(std::string_view line);

/// The clients' process, seen from the lab.
class Audience {
public:
    struct Listener {
        std::function<void(const ClientsReport&)> reported;
        std::function<void(const Ended&)> ended;
    };

    Audience(EventLoop& loop, Listener listener) : loop_{loop}, listener_{std::move(listener)} {}

    Audience(const Audience&) = delete;
    Audience& operator=(const Audience&) = delete;
    Audience(Audience&&) = delete;
    Audience& operator=(Audience&&) = delete;
    ~Audience();

    Status start(const Stage& stage, const RunSettings& settings);
    void set_rate(double requests_a_second);
    /// Lets the requests under way finish; ended() follows.
    void stop();

    [[nodiscard]] const std::string& log_path() const noexcept { return log_path_; }

private:
    void on_output();

    EventLoop& loop_;
    Listener listener_;
    Child child_;
    std::optional<LineReader> output_;
    EventLoop::WatchId output_watch_ = 0;
    EventLoop::WatchId exit_watch_ = 0;
    std::string log_path_;
};

}  // namespace rota::lab
