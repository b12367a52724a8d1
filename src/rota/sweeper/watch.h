#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rota/aws/credentials.h"
#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/http/client.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"
#include "rota/sweeper/plan.h"
#include "rota/sweeper/probing.h"
#include "rota/sweeper/witnesses.h"

namespace rota::sweeper {

/// One rota to keep clean.
struct Rota {
    std::string zone;  ///< id or name
    dns::Name name;
    dns::Type type = dns::Type::a;
};

/// How the API is reached.
struct Access {
    route53::Endpoint endpoint;
    std::shared_ptr<aws::CredentialProvider> credentials;
    http::ClientOptions http;
    /// The id of a hosted zone given by id or name.
    std::function<Result<std::string>(route53::Client&, std::string_view)> find_zone;
};

/// What came of a decision to remove.
enum class Outcome : std::uint8_t {
    planned,  ///< nothing was tried: a dry run, or the decision was to keep
    waiting,  ///< nothing was tried: a try failed a moment ago
    removed,
    gone,     ///< somebody else was faster
    refused,  ///< `rota serve` would have lost the last member
    changed,  ///< the record set is another one by now
    failed,   ///< see the error
};

std::string_view to_string(Outcome outcome) noexcept;

struct Sweeping {
    Decision decision;
    Outcome outcome = Outcome::planned;
    std::string error;
    bool may_be_gone = false;  ///< failed without an answer
};

/// Whether a member is as good as dead and its record set still there.
bool is_dead_and_stays(const Sweeping& sweeping) noexcept;

/// One rota's edges: reads it, asks its witnesses, carries the plan out. One thread at a time,
/// every call bounded.
class Watch {
public:
    Watch(Rota rota, const Access& access, Settings settings,
          std::optional<CheckTemplate> probe_template);

    /// Takes over what was known of the members before. @pre nothing was read yet
    void recall(RotaMemory memory) { memory_ = std::move(memory); }

    /// Reads the record sets, at most once an interval from an API that has no leases (Route 53's,
    /// whose budget is 5 requests/s an account). @errors as the client.
    Status read(BootTime now);

    /// Asks for the leases; of an API that seems to have none every 5 minutes. @errors as the
    /// client; and an answer that is not the API's, once it has told of leases.
    Status ask_leases(BootTime now);

    /// Whether the API seems to have no leases.
    [[nodiscard]] bool lacks_leases() const noexcept { return lacks_leases_; }

    void see(const Fleet& fleet, BootTime now) { see_fleet(memory_, fleet, now); }

    /// Probes every member that may be removed and that it knows how to probe.
    /// @returns whether one failed.
    bool probe(std::chrono::milliseconds timeout);

    /// Plans and, unless it is a dry run, carries out.
    std::vector<Sweeping> sweep(bool dry_run, BootTime now);

    [[nodiscard]] const Rota& rota() const noexcept { return rota_; }

    [[nodiscard]] const RotaMemory& memory() const noexcept { return memory_; }

    /// The set identifiers of members that may be removed: whom the fleet must know.
    [[nodiscard]] std::vector<std::string> owned() const;

    [[nodiscard]] bool was_read() const noexcept { return last_read_.has_value(); }

    /// When the next lease runs out, if one is held.
    [[nodiscard]] std::optional<BootTime> next_lease_end() const noexcept {
        return next_lease_end_;
    }

private:
    Status read_now(BootTime now);
    /// Whether the API has ever told of one, this sweeper or the one before it.
    [[nodiscard]] bool knows_of_leases() const;
    void carry_out(std::vector<Sweeping>& sweepings, const route53::RawChangeBatch& batch,
                   BootTime now);

    /// What came of one batch.
    struct Tried {
        Outcome outcome = Outcome::removed;
        std::string error;
        bool may_be_done = false;
    };

    Tried remove(const route53::RawChangeBatch& batch);
    void forget(const route53::RawRecordSet& record_set);

    Rota rota_;
    const Access& access_;
    Settings settings_;
    std::optional<CheckTemplate> probe_template_;
    std::unique_ptr<route53::Client> client_;
    std::unique_ptr<route53::RotaClient> rota_client_;
    bool lacks_leases_ = false;
    BootTime next_ask_;  ///< for leases, of an API that lacks them
    std::string zone_id_;
    RotaMemory memory_;
    std::vector<route53::MemberLease> leases_;
    std::optional<BootTime> last_read_;
    std::optional<BootTime> next_lease_end_;
    BootTime not_before_;  ///< of the next try after a failure
};

}  // namespace rota::sweeper
