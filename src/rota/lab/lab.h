#pragma once

#include <string>

#include "rota/base/error.h"
#include "rota/lab/record.h"

// The whole story on one machine: a name server, instances that come and go with the load, clients
// that find them by DNS. Every part is a process of its own; this folder starts them, watches them
// and tells what happened.
namespace rota::lab {

struct LabOptions {
    RunSettings settings;
    bool is_headless = false;
    bool wants_json = false;
    std::string report;  ///< path of the HTML report; empty: in the run's directory
    std::string keep;    ///< directory for data, logs and report, kept; empty: a temporary one
};

/// Runs the lab. Exit status: 0 when no request failed (but because of the kill that --chaos asks
/// for), 1 when one did or a part broke, 130 when interrupted. @errors what kept it from running.
Result<int> run_lab(LabOptions options);

}  // namespace rota::lab
