#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "rota/base/error.h"
#include "rota/model/limits.h"

namespace rota::server {

/// Settings of `rota serve`, frozen at start.
struct ServeOptions {
    std::string data = "/var/lib/rota";
    std::vector<std::string> dns;  ///< empty: every address of the machine, port 53
    std::vector<std::string> api = {"127.0.0.1:8053"};
    unsigned workers = 0;  ///< 0: one a core
    std::optional<std::string> user;
    std::vector<std::string> name_servers;                       ///< empty: derived
    std::size_t max_record_sets = model::kMaxRecordSetsPerZone;  ///< of a zone
    bool allow_aws3 = false;
    bool api_insecure = false;
};

/// Serves until SIGTERM or SIGINT; a second one ends the process at once.
///
/// Order: files as the user to be, sockets as root, privileges dropped, zones compiled, threads
/// started, READY=1. Nothing is answered before that, so ready means ready.
/// @errors whatever kept it from starting: names the address, the file or the option.
Status serve(const ServeOptions& options);

}  // namespace rota::server
