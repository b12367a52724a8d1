#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rota/base/error.h"

// What a load balancer asks its targets all the time, rota asks the application on its instance:
// a Check says what to ask and what answer is wanted, probe() asks once (probe.h), a Judge turns
// the observations into a verdict (judge.h). docs/health.md has the rules and where they come from.
namespace rota::health {

/// HTTP statuses as ELB's matcher has them: "200", "200,302", "200-399,401".
class StatusSet {
public:
    struct Range {
        int first = 0;
        int last = 0;  ///< included
        bool operator==(const Range&) const = default;
    };

    /// 200 to 399, as Route 53.
    StatusSet();

    /// @errors config: names the text and what is allowed.
    static Result<StatusSet> parse(std::string_view text);

    [[nodiscard]] bool contains(int status) const noexcept;
    [[nodiscard]] std::string text() const;  ///< as parse() reads it
    bool operator==(const StatusSet&) const = default;

private:
    std::vector<Range> ranges_;
};

enum class CheckKind : std::uint8_t { http, tcp, grpc, exec, systemd, agent_check };

/// The kind as it is configured: "http", "agent-check".
std::string_view to_string(CheckKind kind) noexcept;

/// The longest text that may be looked for in a body, and how far into it: Route 53's.
inline constexpr std::size_t kLongestBodyText = 255;
inline constexpr std::size_t kBodySeen = 5120;

struct Check {
    CheckKind kind = CheckKind::http;
    std::string text;    ///< as configured, for people: "tcp://127.0.0.1:80"
    std::string target;  ///< http: the URL; exec: the command; systemd: the unit; others: HOST:PORT
    std::string host;    ///< of tcp, grpc, agent_check; no brackets around IPv6
    std::uint16_t port = 0;
    bool tls = false;     ///< grpcs://
    std::string service;  ///< grpc: whose health is asked for; empty: the whole server's
    StatusSet accepted;   ///< http
    std::string body;     ///< http: what the first kBodySeen octets must contain; empty: nothing
    std::chrono::milliseconds interval{10'000};
    std::chrono::milliseconds timeout{5'000};
    unsigned rise = 2;          ///< passes in a row that make an unhealthy target healthy
    unsigned fall = 3;          ///< failures in a row that make it unhealthy
    unsigned initial_rise = 1;  ///< passes in a row that a new target needs, as ELB's
};

/// Reads "http://HOST[:PORT]/PATH", "https://…", "tcp://HOST:PORT", "grpc://HOST:PORT[/SERVICE]",
/// "grpcs://…", "exec:COMMAND", "systemd:UNIT" or "agent-check://HOST:PORT". What the text does not
/// say has its default; for an agent-check, whose word counts at once, rise and fall are 1.
/// @errors config: names the text and what is allowed.
Result<Check> parse_check(std::string_view text);

/// Whether what was set besides the text is in range: interval 1 to 300 s, timeout 0.1 to 120 s and
/// not above the interval, rise, fall and initial_rise 1 to 10, a body text only for HTTP.
/// @errors config: names the check and the setting.
Status validate(const Check& check);

}  // namespace rota::health
