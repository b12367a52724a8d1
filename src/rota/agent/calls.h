#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rota/agent/config.h"
#include "rota/agent/lifecycle.h"
#include "rota/aws/credentials.h"
#include "rota/aws/imds.h"
#include "rota/base/error.h"
#include "rota/http/client.h"
#include "rota/route53/client.h"
#include "rota/route53/messages.h"
#include "rota/route53/rota_client.h"

// The edge that carries agent::step's calls out: blocking, one at a time, no retries of its own.
namespace rota::agent {

/// What all rotas of a process share; its parts are thread-safe or immutable.
struct Surroundings {
    aws::Environment environment;
    std::shared_ptr<aws::Imds> imds;  ///< empty when it is turned off
    std::shared_ptr<aws::CredentialProvider> credentials;
    route53::Endpoint endpoint;
    http::ClientOptions http;
};

/// Reads the environment and the shared files; asks nobody yet.
Result<Surroundings> look_around(const AwsOptions& options);

std::unique_ptr<route53::Client> make_client(const Surroundings& surroundings);

/// The hosted zone of an id ("Z…", "/hostedzone/Z…") or of a name.
/// @errors not_found: none of that name; conflict: several (public and private), named with ids.
Result<std::string> find_zone(route53::Client& client, std::string_view id_or_name);

/// The hosted zone that a name lies in, the closest one; asks once for every label.
/// @errors as find_zone.
Result<std::string> find_zone_of(route53::Client& client, const dns::Name& name);

/// The record sets of one name and type. What the model cannot hold is in both lists: as far as
/// the decisions need it, and as it was read.
struct Listing {
    Group record_sets;
    std::vector<route53::RawRecordSet> raw;
};

/// Reads every record set of one name and type, whatever its policy, page by page.
route53::CallResult<Listing> read_group(route53::Client& client, std::string_view zone_id,
                                        const dns::Name& name, dns::Type type);

/// One rota's calls. One thread at a time.
class Caller {
public:
    Caller(RotaConfig config, std::shared_ptr<const Surroundings> surroundings);
    ~Caller();
    Caller(const Caller&) = delete;
    Caller& operator=(const Caller&) = delete;
    Caller(Caller&&) = delete;
    Caller& operator=(Caller&&) = delete;

    Answer operator()(const Request& request);

    /// Each call after this one ends by then at the latest.
    void set_timeout(std::chrono::milliseconds timeout);

private:
    Answer carry_out(const ResolveTarget& request);
    Answer carry_out(const ReadGroup& request);
    Answer carry_out(const ReadOwn& request);
    Answer carry_out(const Upsert& request);
    Answer carry_out(const Delete& request);
    Answer carry_out(const GetChange& request);
    Answer carry_out(const AskAge& request);
    Answer change(model::Action action, const model::RecordSet& record_set,
                  const std::string& comment, std::size_t keep_members);
    Result<Target> resolve(bool with_address);

    RotaConfig config_;
    std::shared_ptr<const Surroundings> surroundings_;
    std::unique_ptr<route53::Client> client_;
    std::unique_ptr<route53::RotaClient> rota_client_;  ///< empty: not asked yet
    bool is_route53_alone_;                             ///< the endpoint has no API beyond it
    std::chrono::milliseconds timeout_{10'000};
    std::string zone_id_;
    std::string set_identifier_;
    std::optional<route53::RawRecordSet> beyond_the_model_;  ///< the own record set, as last read
};

}  // namespace rota::agent
